//! Files of `KEY=value` lines, as a shell reads them: `/etc/default/*`, `/etc/selinux/config`,
//! `/etc/initramfs-tools/conf.d/resume`.
//!
//! The last assignment of a key counts. A value must end on its line.

use std::ops::Range;

use super::{TextError, end_line};

/// How a value is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    Single,
    Double,
}

/// The assignment of a key that counts.
pub(super) struct Assignment {
    /// The value with its quotes, in bytes of the text.
    pub(super) whole: Range<usize>,
    /// The value without its quotes, escapes as they are written.
    pub(super) raw: Range<usize>,
    pub(super) quote: Quote,
}

pub(super) fn locate(text: &str, key: &str) -> Result<Option<Assignment>, TextError> {
    let mut found = None;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        let body = line.trim_start();
        let body = body.strip_prefix("export ").map_or(body, str::trim_start);
        let Some(value) = body.strip_prefix(key).and_then(|rest| rest.strip_prefix('=')) else {
            continue;
        };
        let from = start + (line.len() - value.len());
        let mark = value.chars().next().filter(|first| ['"', '\''].contains(first));
        let (quote, raw, whole) = if let Some(mark) = mark {
            let Some(end) = closing(&value[1..], mark) else {
                return Err(TextError::UnclosedQuote { line: index + 1 });
            };
            let quote = if mark == '"' { Quote::Double } else { Quote::Single };
            (quote, from + 1..from + 1 + end, from..from + end + 2)
        } else {
            let end = value.find(char::is_whitespace).unwrap_or(value.len());
            (Quote::None, from..from + end, from..from + end)
        };
        found = Some(Assignment { whole, raw, quote });
    }
    Ok(found)
}

/// Where a quote ends; inside of double quotes a backslash escapes the next character.
fn closing(text: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' if mark == '"' => escaped = true,
            _ if c == mark => return Some(at),
            _ => {}
        }
    }
    None
}

fn decode(raw: &str, quote: Quote) -> String {
    if quote == Quote::Single {
        return raw.to_owned();
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            // Inside of double quotes a backslash escapes only these.
            ('\\', Some(next)) if quote == Quote::None || "\"\\$`".contains(*next) => {
                out.extend(chars.next());
            }
            _ => out.push(c),
        }
    }
    out
}

fn encode(value: &str, quote: Quote) -> Result<String, TextError> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(TextError::Unfit {
            what: "one line of a file of KEY=value",
            value: value.to_owned(),
        });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    Ok(match quote {
        Quote::None if value.chars().all(plain) => value.to_owned(),
        Quote::Single if !value.contains('\'') => format!("'{value}'"),
        _ => {
            let mut out = String::from('"');
            for c in value.chars() {
                if "\"\\$`".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
            out
        }
    })
}

/// The value of a key, without quotes and escapes. `$NAME` is not expanded.
///
/// ```
/// use node_bootstrap::text::key_value;
///
/// let text = "# mode\nSELINUX=enforcing\n";
/// assert_eq!(key_value::get(text, "SELINUX")?.as_deref(), Some("enforcing"));
/// assert_eq!(key_value::set(text, "SELINUX", "permissive")?, "# mode\nSELINUX=permissive\n");
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If a value of this key does not end on its line.
pub fn get(text: &str, key: &str) -> Result<Option<String>, TextError> {
    Ok(locate(text, key)?.map(|found| decode(&text[found.raw], found.quote)))
}

/// Sets a key: in the line that counts, in its manner of quoting; else in a new line at the end.
///
/// # Errors
/// If a value of this key does not end on its line, or the new one has more than one line.
pub fn set(text: &str, key: &str, value: &str) -> Result<String, TextError> {
    let Some(found) = locate(text, key)? else {
        let mut out = text.to_owned();
        end_line(&mut out);
        return Ok(out + &format!("{key}={}\n", encode(value, Quote::None)?));
    };
    if decode(&text[found.raw], found.quote) == value {
        return Ok(text.to_owned());
    }
    let written = encode(value, found.quote)?;
    Ok([&text[..found.whole.start], &written, &text[found.whole.end..]].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        let cases = [
            ("A=1\n", Some("1")),
            ("A=1\nA=2", Some("2")),
            ("  export A=\"a b\" # why\n", Some("a b")),
            ("A='a \\ $b'\n", Some("a \\ $b")),
            ("A=\"a \\\"b\\\" \\n\"\n", Some("a \"b\" \\n")),
            ("A=\n", Some("")),
            ("#A=1\nAA=2\n", None),
            ("A =1\n", None),
        ];
        for (text, value) in cases {
            assert_eq!(get(text, "A").unwrap().as_deref(), value, "{text}");
        }
        assert_eq!(get("x\nA=\"b\nc\"\n", "A").unwrap_err(), TextError::UnclosedQuote { line: 2 });
    }

    #[test]
    fn setting_keeps_quotes_and_what_follows() {
        let cases = [
            ("A=\"x\"  # why\nB=1\n", "y z", "A=\"y z\"  # why\nB=1\n"),
            ("A='x'\n", "y", "A='y'\n"),
            ("A=x\r\n", "y", "A=y\r\n"),
            ("A=x\n", "y z", "A=\"y z\"\n"),
            ("A=old\nA=x\n", "y", "A=old\nA=y\n"),
            ("B=1", "none", "B=1\nA=none\n"),
            ("", "none", "A=none\n"),
        ];
        for (text, value, expected) in cases {
            assert_eq!(set(text, "A", value).unwrap(), expected, "{text}");
        }
        assert!(matches!(set("", "A", "a\nb"), Err(TextError::Unfit { .. })));
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back_and_setting_again_changes_nothing(
            before in "((#|A|B)=?['\"]?[a-z]{0,4}\n){0,4}", value in "[ -~]{0,12}",
        ) {
            let Ok(once) = set(&before, "A", &value) else { return Ok(()) };
            prop_assert_eq!(get(&once, "A").unwrap(), Some(value.clone()));
            prop_assert_eq!(set(&once, "A", &value).unwrap(), once.clone());
            let others = |text: &str| -> Vec<String> {
                text.lines().filter(|line| !line.starts_with("A=")).map(str::to_owned).collect()
            };
            prop_assert_eq!(others(&before), others(&once));
        }
    }
}
