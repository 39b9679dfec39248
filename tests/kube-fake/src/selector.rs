//! Label and field selectors.

use serde_json::Value;

use crate::Kind;
use crate::failure::Failure;

/// Which objects are meant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<(String, Test)>,
    /// JSON pointers.
    fields: Vec<(String, Test)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let is_in =
            |values: &[String]| value.is_some_and(|value| values.iter().any(|v| v == value));
        match self {
            Self::In(values) => is_in(values),
            Self::NotIn(values) => !is_in(values),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
        }
    }
}

impl Selector {
    pub(crate) fn new(
        kind: &Kind,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut selector = Self::default();
        for part in requirements(labels.unwrap_or_default()) {
            selector.labels.push(label_test(part)?);
        }
        for part in fields.unwrap_or_default().split(',').filter(|part| !part.is_empty()) {
            let (name, test) = equality(part).ok_or_else(|| {
                let message = format!("invalid selector: '{part}'; can't understand '{part}'");
                Failure::bad_request(message)
            })?;
            if !["metadata.name", "metadata.namespace"].contains(&name)
                && !kind.fields.contains(&name)
            {
                return Err(Failure::bad_request(format!("field label not supported: {name}")));
            }
            selector.fields.push((format!("/{}", name.replace('.', "/")), test));
        }
        Ok(selector)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn fits(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|(name, test)| test.holds(labels[name].as_str()))
            && self.fields.iter().all(|(pointer, test)| {
                // A field that is not there is empty.
                let found = object.pointer(pointer).unwrap_or(&Value::Null);
                match found {
                    Value::Null => test.holds(Some("")),
                    Value::String(text) => test.holds(Some(text)),
                    other => test.holds(Some(&other.to_string())),
                }
            })
    }
}

/// The parts between commas, but not those in parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn equality(part: &str) -> Option<(&str, Test)> {
    let (name, value) = part.split_once('=')?;
    let value = || vec![value.strip_prefix('=').unwrap_or(value).trim().to_owned()];
    Some(match name.strip_suffix('!') {
        Some(name) => (name.trim(), Test::NotIn(value())),
        None => (name.trim(), Test::In(value())),
    })
}

fn label_test(part: &str) -> Result<(String, Test), Failure> {
    let fault = || Failure::bad_request(format!("unable to parse requirement: {part}"));
    let (name, test) = if let Some((head, values)) = part.split_once('(') {
        let values = values.strip_suffix(')').ok_or_else(fault)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        match head.split_whitespace().collect::<Vec<_>>().as_slice() {
            [name, "in"] => (*name, Test::In(values)),
            [name, "notin"] => (*name, Test::NotIn(values)),
            _ => return Err(fault()),
        }
    } else if let Some(found) = equality(part) {
        found
    } else if let Some(name) = part.strip_prefix('!') {
        (name.trim(), Test::Absent)
    } else {
        (part, Test::Exists)
    };
    let is_word = |text: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
    };
    let values_fit = match &test {
        Test::In(values) | Test::NotIn(values) => values.iter().all(|value| is_word(value)),
        Test::Exists | Test::Absent => true,
    };
    if name.is_empty() || !is_word(name) || !values_fit {
        return Err(fault());
    }
    Ok((name.to_owned(), test))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(labels: &str, fields: &str) -> Option<bool> {
        let object = json!({
            "metadata": {"name": "x", "labels": {"a": "1", "b.c/d": ""}},
            "status": {"phase": "Running"}, "spec": {},
        });
        let pod = crate::KINDS.iter().find(|kind| kind.kind == "Pod")?;
        Some(Selector::new(pod, Some(labels), Some(fields)).ok()?.fits(&object))
    }

    #[test]
    fn labels_are_chosen_by_value_set_and_presence() {
        let cases = [
            ("", true),
            ("a=1", true),
            ("a == 1", true),
            ("a!=1", false),
            ("z!=1", true),
            ("a in (0, 1),b.c/d", true),
            ("a notin (0,1)", false),
            ("z notin (0)", true),
            ("z", false),
            ("!z", true),
            ("b.c/d=", true),
        ];
        for (labels, expected) in cases {
            assert_eq!(fits(labels, ""), Some(expected), "{labels}");
        }
        assert!(["a===b", "a of (b)", "a in b)", "=b"].iter().all(|bad| fits(bad, "").is_none()));
    }

    #[test]
    fn fields_are_those_that_the_kind_has() {
        assert_eq!(fits("", "metadata.name=x,status.phase!=Failed"), Some(true));
        assert_eq!(fits("", "spec.nodeName="), Some(true));
        assert_eq!(fits("", "spec.nodeName=n"), Some(false));
        assert_eq!(fits("", "spec.containers=n"), None);
        assert_eq!(fits("", "metadata.name"), None);
    }
}
