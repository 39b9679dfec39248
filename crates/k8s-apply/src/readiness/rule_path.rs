//! Paths into objects: the part of `JSONPath` that `kubectl` has and that waiting needs.

use serde_json::Value;

/// A path such as `{.status.conditions[?(@.type=="Ready")].status}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Place(i64),
    All,
    Where { path: Path, is_equal: bool, value: String },
}

impl Path {
    /// Reads `{.a.b}` or `{.a.b}=value`; the braces may be left out.
    pub(super) fn parse_with_value(text: &str) -> Result<(Self, Option<String>), String> {
        let (path, value) = match text.strip_prefix('{') {
            Some(rest) => {
                let (path, rest) = rest.split_once('}').ok_or("the brace is not closed")?;
                match rest.strip_prefix('=') {
                    Some(value) => (path, Some(value)),
                    None if rest.is_empty() => (path, None),
                    None => return Err(format!("expected `=` in place of `{rest}`")),
                }
            }
            None => match equals_sign(text) {
                Some(at) => (&text[..at], Some(&text[at + 1..])),
                None => (text, None),
            },
        };
        let value = value.map(unquoted).map(str::to_owned);
        if value.as_deref() == Some("") {
            return Err("expected a value after `=`".to_owned());
        }
        Ok((Self::parse(path)?, value))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inner) => {
                    let end = closing(inner).ok_or("a `[` is not closed")?;
                    (bracket(inner[..end].trim())?, &inner[end + 1..])
                }
                None => name(rest.strip_prefix('.').unwrap_or(rest))?,
            };
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() {
            return Err("expected a path such as {.status.phase}".to_owned());
        }
        Ok(Self(steps))
    }

    /// All values at the path.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        found
    }
}

impl Step {
    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Name(name) => value.get(name).into_iter().collect(),
            Self::Place(place) => {
                let all = value.as_array().map_or(&[][..], Vec::as_slice);
                let from_end = usize::try_from(place.unsigned_abs()).unwrap_or(usize::MAX);
                let at = if *place < 0 { all.len().checked_sub(from_end) } else { Some(from_end) };
                at.and_then(|at| all.get(at)).into_iter().collect()
            }
            Self::All => members(value),
            Self::Where { path, is_equal, value: wanted } => members(value)
                .into_iter()
                .filter(|member| {
                    let is_found = path.find(member).iter().any(|found| match found {
                        Value::String(text) => text == wanted,
                        other => other.to_string() == *wanted,
                    });
                    is_found == *is_equal
                })
                .collect(),
        }
    }
}

fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Object(all) => all.values().collect(),
        _ => Vec::new(),
    }
}

/// A name up to the next `.` or `[`; a backslash takes the next character as it is.
fn name(text: &str) -> Result<(Step, &str), String> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => {
                end = at;
                break;
            }
            c => name.push(c),
        }
    }
    match name.as_str() {
        "" => Err("a name is empty".to_owned()),
        "*" => Ok((Step::All, &text[end..])),
        _ => Ok((Step::Name(name), &text[end..])),
    }
}

/// What stands between `[` and `]`.
fn bracket(text: &str) -> Result<Step, String> {
    if text == "*" {
        return Ok(Step::All);
    }
    if let Ok(place) = text.parse() {
        return Ok(Step::Place(place));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let problem = || format!("expected [?(@.name==\"value\")] in place of [{text}]");
        let (path, is_equal, value) = match (filter.split_once("=="), filter.split_once("!=")) {
            (Some((path, value)), _) => (path, true, value),
            (None, Some((path, value))) => (path, false, value),
            (None, None) => return Err(problem()),
        };
        let path = path.trim().strip_prefix('@').ok_or_else(problem)?;
        let value = unquoted(value.trim()).to_owned();
        return Ok(Step::Where { path: Path::parse(path)?, is_equal, value });
    }
    match unquoted(text) {
        name if name != text && !name.is_empty() => Ok(Step::Name(name.to_owned())),
        _ => Err(format!(
            "expected a number, '*', a name in quotes or a filter in place of [{text}]"
        )),
    }
}

/// Where the `]` is that closes what was opened before the text.
fn closing(text: &str) -> Option<usize> {
    outside(text, |c, depth| c == ']' && depth == 0)
}

/// Where the `=` is that separates a path from its value.
fn equals_sign(text: &str) -> Option<usize> {
    outside(text, |c, depth| c == '=' && depth == 0)
}

/// The first place outside of quotes where a test on the character and the depth of brackets holds.
fn outside(text: &str, is_it: impl Fn(char, usize) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) => quote = (c != open).then_some(open),
            (None, c) if is_it(c, depth) => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

/// A text without the quotes around it.
fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_what_kubectl_finds() {
        let value = json!({
            "a": {"b": "text", "c.d": 3, "list": [1, 2, 3]},
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": "False"}],
        });
        let find = |text: &str| {
            let (path, _) = Path::parse_with_value(text).unwrap();
            serde_json::to_string(&path.find(&value)).unwrap()
        };
        let rows = [
            ("{.a.b}", "[\"text\"]"),
            ("$.a.b", "[\"text\"]"),
            ("a.b", "[\"text\"]"),
            ("{.a.c\\.d}", "[3]"),
            ("{.a['c.d']}", "[3]"),
            ("{.a.list[0]}", "[1]"),
            ("{.a.list[-1]}", "[3]"),
            ("{.a.list[-4]}", "[]"),
            ("{.a.list[*]}", "[1,2,3]"),
            ("{.conditions[?(@.type==\"Ready\")].status}", "[\"True\"]"),
            (".conditions[?(@.type!='Ready')].status", "[\"False\"]"),
            ("{.conditions[*].type}", "[\"Ready\",\"Old\"]"),
            ("{.none.b}", "[]"),
        ];
        for (path, found) in rows {
            assert_eq!(find(path), found, "{path}");
        }
    }

    #[test]
    fn values_follow_the_first_equals_sign_outside_of_brackets() {
        let value = |text: &str| Path::parse_with_value(text).map(|(_, value)| value);
        assert_eq!(value(".a=b=c"), Ok(Some("b=c".into())));
        assert_eq!(value("{.a}=\"b\""), Ok(Some("b".into())));
        assert_eq!(value(".a[?(@.b==\"c\")].d=e"), Ok(Some("e".into())));
        assert_eq!(value("{.a}"), Ok(None));
    }

    #[test]
    fn broken_paths_are_refused() {
        let fault = |text: &str| Path::parse_with_value(text).unwrap_err();
        insta::assert_snapshot!(
            ["", "{.a", "{.a}b", ".a=", ".a..b", ".a[0", ".a[x]", ".a[?(b)]", ".a[?(.b==1)]"]
                .map(fault)
                .join("\n"),
            @r#"
        expected a path such as {.status.phase}
        the brace is not closed
        expected `=` in place of `b`
        expected a value after `=`
        a name is empty
        a `[` is not closed
        expected a number, '*', a name in quotes or a filter in place of [x]
        expected [?(@.name=="value")] in place of [?(b)]
        expected [?(@.name=="value")] in place of [?(.b==1)]
        "#
        );
    }
}
