//! The containers of a pod, and what ails them.

use serde_json::Value;

use super::condition::one_line;
use super::verdict::StuckKind;
use crate::object::Object;

/// A container of a pod: what was wanted, and its status if there is one yet.
#[derive(Clone, Copy)]
pub(super) struct Container<'p> {
    pub(super) name: &'p str,
    /// Whether it must end before the others start.
    pub(super) is_init: bool,
    status: Option<&'p Value>,
}

/// What keeps a container from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ailment {
    pub(super) kind: StuckKind,
    /// With the container's name at the begin.
    pub(super) text: String,
    /// Whether no time will cure it.
    pub(super) is_final: bool,
}

/// All containers of a pod: those of the initialisation first, in their order.
pub(super) fn all(pod: &Object) -> Vec<Container<'_>> {
    let mut containers = Vec::new();
    for (wanted, statuses, is_init) in [
        ("/spec/initContainers", "/status/initContainerStatuses", true),
        ("/spec/containers", "/status/containerStatuses", false),
    ] {
        let statuses = pod.at(statuses).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for wanted in pod.at(wanted).and_then(Value::as_array).into_iter().flatten() {
            let name = text(wanted, "/name");
            let status = statuses.iter().find(|status| text(status, "/name") == name);
            // One that restarts always runs beside the others (KEP 753).
            let is_init = is_init && text(wanted, "/restartPolicy") != "Always";
            containers.push(Container { name, is_init, status });
        }
    }
    containers
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One of the runs of a container whose log can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Present,
    Last,
}

/// How a container ended.
#[derive(Clone, Copy)]
pub(super) struct End<'p>(&'p Value);

impl End<'_> {
    fn code(self) -> i64 {
        self.0.get("exitCode").and_then(Value::as_i64).unwrap_or_default()
    }

    /// Whether it wrote a log: one that could not even be started did not.
    pub(super) fn has_log(self) -> bool {
        !matches!(text(self.0, "/reason"), "StartError" | "ContainerCannotRun")
    }

    /// `ended with code 3`, with what the container left as its message.
    fn told(self) -> String {
        let message = one_line(text(self.0, "/message"));
        let message = innermost(&message);
        let message = if message.is_empty() { String::new() } else { format!(" ({message})") };
        match text(self.0, "/reason") {
            "OOMKilled" => "ran out of memory (OOMKilled)".to_owned(),
            "StartError" | "ContainerCannotRun" => format!("could not be started{message}"),
            _ => format!("ended with code {}{message}", self.code()),
        }
    }
}

impl<'p> Container<'p> {
    fn field(self, pointer: &str) -> &'p str {
        self.status.map(|status| text(status, pointer)).unwrap_or_default()
    }

    fn flag(self, name: &str) -> bool {
        let flag = self.status.and_then(|status| status.get(name)?.as_bool());
        flag.unwrap_or_default()
    }

    /// `container app` or `init container migrate`.
    pub(super) fn title(self) -> String {
        format!("{} {}", if self.is_init { "init container" } else { "container" }, self.name)
    }

    pub(super) fn is_ready(self) -> bool {
        self.flag("ready")
    }

    pub(super) fn is_running(self) -> bool {
        self.status.is_some_and(|status| status.pointer("/state/running").is_some())
    }

    /// Why it waits, as one word; empty if it does not.
    pub(super) fn waits_for(self) -> &'p str {
        self.field("/state/waiting/reason")
    }

    /// `; it was restarted 3 times`; nothing if it never was.
    pub(super) fn restarted(self) -> String {
        match self.status.and_then(|status| status.get("restartCount")?.as_i64()) {
            None | Some(0) => String::new(),
            Some(1) => "; it was restarted once".to_owned(),
            Some(many) => format!("; it was restarted {many} times"),
        }
    }

    /// How its present run ended, if it has.
    pub(super) fn end(self) -> Option<End<'p>> {
        self.status?.pointer("/state/terminated").map(End)
    }

    /// How its last run ended, if there was one.
    pub(super) fn last_end(self) -> Option<End<'p>> {
        self.status?.pointer("/lastState/terminated").map(End)
    }

    /// Whether its present or its last run ended with an error, and which of the two has a log.
    pub(super) fn failed_log(self) -> Option<Run> {
        let has_log = |end: Option<End<'_>>| end.is_some_and(End::has_log);
        if self.has_failed() {
            return has_log(self.end()).then_some(Run::Present);
        }
        let is_waiting = !self.is_ready() && !self.is_running();
        (is_waiting && has_log(self.last_end())).then_some(Run::Last)
    }

    /// Whether its present run ended with an error.
    pub(super) fn has_failed(self) -> bool {
        self.end().is_some_and(|end| end.code() != 0)
    }

    /// What keeps it from running. None if nothing does, or if it is just being started.
    pub(super) fn ailment(self) -> Option<Ailment> {
        let because = |text: String, kind, is_final| {
            Some(Ailment { kind, text: format!("{} {text}", self.title()), is_final })
        };
        let message = one_line(self.field("/state/waiting/message"));
        let message = innermost(&message);
        let image = self.field("/image");
        match self.waits_for() {
            "" if self.has_failed() => {
                let told = self.end().map(End::told).unwrap_or_default();
                because(told + &self.restarted(), StuckKind::Crash, false)
            }
            "" | "ContainerCreating" | "PodInitializing" => None,
            "CrashLoopBackOff" => {
                let told = self.last_end().map_or_else(|| "ends".to_owned(), End::told);
                because(told + &self.restarted() + " (CrashLoopBackOff)", StuckKind::Crash, false)
            }
            "InvalidImageName" => because(
                format!("has `{image}` for an image: {message} (InvalidImageName)"),
                StuckKind::Image,
                true,
            ),
            "ErrImageNeverPull" => because(
                format!(
                    "may not pull its image {image}, and the node does not have it (ErrImageNeverPull)"
                ),
                StuckKind::Image,
                false,
            ),
            reason @ ("ImagePullBackOff"
            | "ErrImagePull"
            | "ImageInspectError"
            | "RegistryUnavailable") => because(
                format!("cannot pull its image {image}: {message} ({reason})"),
                StuckKind::Image,
                false,
            ),
            reason => because(
                if message.is_empty() {
                    format!("waits: {reason}")
                } else {
                    format!("cannot be started: {message} ({reason})")
                },
                StuckKind::Configuration,
                false,
            ),
        }
    }
}

/// What runtimes say before they come to the point.
const PREAMBLE: [&str; 9] = [
    "Back-off pulling image",
    "ErrImagePull",
    "Error response from daemon",
    "OCI runtime create failed",
    "code = ",
    "failed to ",
    "rpc error",
    "runc create failed",
    "unable to start container process",
];

/// The part of a message that says what is wrong: what stands after the steps that failed for it.
fn innermost(message: &str) -> &str {
    let mut rest = message;
    while let Some((_, inner)) = rest.split_once(": ")
        && PREAMBLE.iter().any(|preamble| rest.starts_with(preamble))
    {
        rest = inner;
    }
    rest
}

/// What the first container that ails ails from.
pub(super) fn first_ailment(pod: &Object) -> Option<Ailment> {
    let ailments = all(pod).into_iter().filter_map(Container::ailment);
    // What is final counts more than what may pass.
    ailments.min_by_key(|ailment| !ailment.is_final)
}

/// How a pod failed, by its containers.
pub(super) fn first_failure(pod: &Object) -> Option<String> {
    let failed = all(pod).into_iter().find(|container| container.has_failed())?;
    Some(format!("{} {}", failed.title(), failed.end()?.told()))
}
