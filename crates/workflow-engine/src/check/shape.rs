//! The second reading of HyperFlow's format: every value of a wrong type or out of its range.
//!
//! Walks the text with a cursor, value by value, and makes a copy in which each faulty value is `null`
//! (absent), so that the fast reading and the rules can say what else is wrong.

use super::cursor::{Cursor, Extent, JsonKind};
use super::{Place, Problem};
use crate::model::{CONTROLS, KINDS, RawExecutor, parse_control, parse_flag, parse_kind};

/// What a field must be.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// A string, or a number that stands for one.
    Name,
    Str,
    Array,
    Bool,
    Whole,
    Flag,
    Refs,
    ProcessKind,
    ControlKind,
    Config,
}

const PROCESS: [(&str, Expect); 12] = [
    ("name", Expect::Name),
    ("type", Expect::ProcessKind),
    ("function", Expect::Str),
    ("ins", Expect::Refs),
    ("outs", Expect::Refs),
    ("sticky", Expect::Refs),
    ("config", Expect::Config),
    ("firingLimit", Expect::Whole),
    ("firingInterval", Expect::Whole),
    ("parlevel", Expect::Whole),
    ("ordering", Expect::Flag),
    ("joinCount", Expect::Whole),
];
const PROCESS_MORE: [(&str, Expect); 1] = [("activeBranchesCount", Expect::Whole)];
const SIGNAL: [(&str, Expect); 4] = [
    ("name", Expect::Name),
    ("data", Expect::Array),
    ("control", Expect::ControlKind),
    ("file", Expect::Bool),
];
const EXECUTOR: [&str; 17] = [
    "executable",
    "args",
    "stdout",
    "stderr",
    "stdoutAppend",
    "stderrAppend",
    "env",
    "work_dir",
    "input_dir",
    "output_dir",
    "cpu",
    "cpuRequest",
    "memory",
    "memRequest",
    "shell",
    "timeout",
    "retries",
];

struct Findings<'t> {
    problems: Vec<Problem>,
    /// Extents to be replaced, in order.
    faulty: Vec<(Extent, &'static str)>,
    text: &'t str,
}

/// All shape problems of a text of sound syntax, and the text without the faulty values.
pub(super) fn inspect(text: &str) -> (Vec<Problem>, String) {
    let mut findings = Findings { problems: Vec::new(), faulty: Vec::new(), text };
    let mut root = Cursor::new(text);
    if root.kind() == JsonKind::Object {
        let mut seen: Vec<&str> = Vec::new();
        root.each_member(|key, extent, value| {
            let name = match key.trim_matches('"') {
                "tasks" => "processes",
                "data" => "signals",
                other => other,
            };
            if seen.contains(&name)
                && matches!(name, "processes" | "signals" | "ins" | "outs" | "name")
            {
                findings.duplicate(name, extent);
                return;
            }
            seen.push(name);
            match name {
                "processes" => findings.items(value, "process", |findings, item, what| {
                    findings.members(item, what, &[&PROCESS[..], &PROCESS_MORE[..]]);
                }),
                "signals" => findings.items(value, "signal", |findings, item, what| {
                    findings.members(item, what, &[&SIGNAL[..]]);
                }),
                "ins" | "outs" => findings.refs(value, &format!("the workflow's `{name}`")),
                "name" => findings.expect(value, "the workflow's `name`", JsonKind::String),
                _ => {}
            }
        });
    } else {
        let message = format!("a workflow is an object, not {}", root.kind().name());
        findings.problems.push(Problem::error("wrong-type", Place::Bytes(0, 1), message));
    }
    let patched = findings.patched();
    (findings.problems, patched)
}

impl<'t> Findings<'t> {
    fn report(&mut self, code: &'static str, extent: Extent, message: String, help: &str) {
        let place = Place::Bytes(extent.start, extent.end - extent.start);
        let mut problem = Problem::error(code, place, message);
        if !help.is_empty() {
            problem = problem.help(help);
        }
        self.problems.push(problem);
        self.faulty.push((extent, "null"));
    }

    fn duplicate(&mut self, name: &str, key: Extent) {
        let place = Place::Bytes(key.start, key.end - key.start);
        let message = format!("`{name}` is there twice");
        self.problems
            .push(Problem::error("duplicate-key", place, message).help("keep one of them"));
        self.faulty.push((key, "\"\""));
    }

    /// Reports a value of another kind; `null` counts as absent.
    fn expect(&mut self, value: Cursor<'t>, what: &str, kind: JsonKind) {
        let found = value.kind();
        if found != kind && found != JsonKind::Null {
            let message = format!("{what} must be {}, not {}", kind.name(), found.name());
            self.report("wrong-type", value.extent(), message, "");
        }
    }

    fn items(
        &mut self,
        mut list: Cursor<'t>,
        what: &str,
        mut each: impl FnMut(&mut Self, Cursor<'t>, &str),
    ) {
        match list.kind() {
            JsonKind::Array => list.each_item(|index, item| {
                let number = index + 1;
                match item.kind() {
                    JsonKind::Object => each(self, item, &format!("{what} {number}")),
                    JsonKind::Null => {}
                    other => {
                        let message =
                            format!("{what} {number} must be an object, not {}", other.name());
                        self.report("wrong-type", item.extent(), message, "");
                    }
                }
            }),
            JsonKind::Null => {}
            other => {
                let message = format!("the list of {what}s must be an array, not {}", other.name());
                self.report("wrong-type", list.extent(), message, "");
            }
        }
    }

    fn members(&mut self, mut item: Cursor<'t>, what: &str, fields: &[&[(&str, Expect)]]) {
        let mut seen: Vec<&str> = Vec::new();
        item.each_member(|key, extent, value| {
            let name = key.trim_matches('"');
            let field = fields.iter().copied().flatten().find(|(known, _)| *known == name);
            if let Some((name, expect)) = field {
                if seen.contains(name) {
                    self.duplicate(name, extent);
                } else {
                    seen.push(name);
                    self.field(value, &format!("`{name}` of {what}"), *expect);
                }
            }
        });
    }

    fn field(&mut self, value: Cursor<'t>, what: &str, expect: Expect) {
        let extent = value.extent();
        let raw = value.slice(extent);
        let bare = raw.trim_matches('"');
        let kind = value.kind();
        // What variables stand for is judged by the reader.
        let scalar = matches!(expect, Expect::Whole | Expect::Flag);
        if kind == JsonKind::Null || (scalar && raw.contains("{{")) {
            return;
        }
        match expect {
            Expect::Name if kind == JsonKind::Number => {}
            Expect::Str | Expect::Name => self.expect(value, what, JsonKind::String),
            Expect::Array => {
                let before = self.faulty.len();
                self.expect(value, what, JsonKind::Array);
                // Data of a wrong type is data all the same: the signal does not lack a source.
                if let Some(fault) = self.faulty.get_mut(before) {
                    fault.1 = "[{}]";
                }
            }
            Expect::Bool => self.expect(value, what, JsonKind::Bool),
            Expect::Refs => self.refs(value, what),
            Expect::Whole => {
                let scalar = matches!(kind, JsonKind::Number | JsonKind::String);
                let fits = bare.trim().parse::<u32>().is_ok();
                if !scalar || !fits {
                    let message =
                        format!("{what} must be a whole number from 0, not {}", shorten(raw));
                    self.report("wrong-type", extent, message, "");
                }
            }
            Expect::Flag => {
                if !matches!(kind, JsonKind::Number | JsonKind::String | JsonKind::Bool)
                    || parse_flag(bare).is_none()
                {
                    let message = format!("{what} must be true or false, not {}", shorten(raw));
                    self.report("wrong-type", extent, message, "");
                }
            }
            Expect::ProcessKind | Expect::ControlKind => {
                let of_process = matches!(expect, Expect::ProcessKind);
                let known: &[&str] = if of_process { &KINDS } else { &CONTROLS };
                let right = if of_process {
                    parse_kind(bare).is_some()
                } else {
                    parse_control(bare).is_some()
                };
                if kind != JsonKind::String {
                    self.expect(value, what, JsonKind::String);
                } else if !right && !raw.contains("{{") {
                    let message = format!("{what}: there is no {}", shorten(raw));
                    let help = match super::rules::nearest(bare, known.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("one of {}", known.join(", ")),
                    };
                    let code = if of_process { "unknown-process-type" } else { "unknown-control" };
                    self.report(code, extent, message, &help);
                }
            }
            Expect::Config => self.config(value, what),
        }
    }

    fn refs(&mut self, mut list: Cursor<'t>, what: &str) {
        match list.kind() {
            JsonKind::Null => {}
            JsonKind::Array => list.each_item(|_, item| {
                let raw = item.slice(item.extent());
                let right = match item.kind() {
                    JsonKind::String | JsonKind::Null => true,
                    JsonKind::Number => raw.parse::<u64>().is_ok(),
                    _ => false,
                };
                if !right {
                    let message = format!(
                        "{what} holds signal names and indexes from 0, not {}",
                        shorten(raw)
                    );
                    self.report("wrong-type", item.extent(), message, "");
                }
            }),
            other => {
                let message = format!(
                    "{what} must be an array of signal names or indexes, not {}",
                    other.name()
                );
                self.report("wrong-type", list.extent(), message, "put it into [ ]");
            }
        }
    }

    fn config(&mut self, mut config: Cursor<'t>, what: &str) {
        if config.kind() != JsonKind::Object {
            return self.expect(config, what, JsonKind::Object);
        }
        let place = what.replace("`config`", "`config.executor`");
        config.each_member(|key, _, mut executor| {
            if key != "\"executor\"" || executor.kind() == JsonKind::Null {
                return;
            }
            if executor.kind() != JsonKind::Object {
                return self.expect(executor, &place, JsonKind::Object);
            }
            let mut seen: Vec<&str> = Vec::new();
            executor.each_member(|key, key_extent, value| {
                let name = key.trim_matches('"');
                if !EXECUTOR.contains(&name) {
                    return;
                }
                if seen.contains(&name) {
                    return self.duplicate(name, key_extent);
                }
                seen.push(name);
                let extent = value.extent();
                if value.slice(extent).contains("{{") {
                    return;
                }
                // The reader's own types judge each field by itself.
                let alone = format!("{{{key}:{}}}", value.slice(extent));
                if let Err(error) = serde_json::from_str::<RawExecutor<'_>>(&alone) {
                    let full = error.to_string();
                    let why = full.rfind(" at line ").map_or(full.as_str(), |at| &full[..at]);
                    let message = format!("`{name}` in {place}: {why}");
                    self.report("wrong-type", extent, message, "");
                }
            });
        });
    }

    fn patched(&mut self) -> String {
        self.faulty.sort_unstable_by_key(|(extent, _)| extent.start);
        let mut out = String::with_capacity(self.text.len());
        let mut from = 0;
        for (extent, replacement) in &self.faulty {
            if extent.start < from {
                continue;
            }
            out.push_str(&self.text[from..extent.start]);
            out.push_str(replacement);
            from = extent.end;
        }
        out.push_str(&self.text[from..]);
        out
    }
}

/// A raw value, cut to what fits into a message.
fn shorten(raw: &str) -> String {
    if raw.chars().count() > 40 {
        format!("{}...", raw.chars().take(37).collect::<String>())
    } else {
        raw.to_owned()
    }
}
