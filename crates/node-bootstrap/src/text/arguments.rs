//! Arguments of a program in one variable, such as `KUBELET_EXTRA_ARGS=--node-ip=10.0.0.1 --v=2`.

use super::{TextError, key_value};

/// Gives arguments their values in the variable `key`; others stay where they are. systemd splits the value at blanks.
///
/// ```
/// use node_bootstrap::text::arguments;
///
/// let text = "KUBELET_EXTRA_ARGS=\"--v=2 --node-ip 10.0.0.9\"\n";
/// let wish = [("node-ip".to_owned(), "10.0.0.1".to_owned())];
/// assert_eq!(
///     arguments::set(text, "KUBELET_EXTRA_ARGS", &wish)?,
///     "KUBELET_EXTRA_ARGS=\"--v=2 --node-ip=10.0.0.1\"\n"
/// );
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the variable cannot be read, or a value has blanks or quotes.
pub fn set(text: &str, key: &str, wish: &[(String, String)]) -> Result<String, TextError> {
    let before = key_value::get(text, key)?.unwrap_or_default();
    let mut words: Vec<String> = before.split_whitespace().map(str::to_owned).collect();
    for (name, value) in wish {
        let wanted = format!("--{name}={value}");
        if wanted.contains(|c: char| c.is_whitespace() || "\"'\\".contains(c)) {
            return Err(TextError::Unfit { what: "a variable of arguments", value: wanted });
        }
        // The last one counts, and what stands there already is not moved.
        let of_name = |word: &String| {
            let rest = word.trim_start_matches('-').strip_prefix(name.as_str());
            word.starts_with('-')
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        let Some(at) = words.iter().rposition(of_name) else {
            words.push(wanted);
            continue;
        };
        let is_apart = !words[at].contains('=');
        if is_apart && words.get(at + 1).is_some_and(|next| !next.starts_with('-')) {
            words.remove(at + 1);
        }
        words[at] = wanted;
    }
    let after = words.join(" ");
    if before.split_whitespace().eq(after.split_whitespace()) {
        return Ok(text.to_owned());
    }
    key_value::set(text, key, &after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, value: &str) -> [(String, String); 1] {
        [(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn only_the_named_argument_changes() {
        let cases = [
            ("", "X=--v=2\n"),
            ("X=\n", "X=--v=2\n"),
            ("# why\nX=\"--a=1  -v=1 --vv=3\"\n", "# why\nX=\"--a=1 --v=2 --vv=3\"\n"),
            ("X='--v 1 --b'\n", "X='--v=2 --b'\n"),
            ("X=\"--a=1  --v=2\"\n", "X=\"--a=1  --v=2\"\n"),
        ];
        for (before, after) in cases {
            let once = set(before, "X", &wish("v", "2")).unwrap();
            assert_eq!(once, after, "{before}");
            assert_eq!(set(&once, "X", &wish("v", "2")).unwrap(), once);
        }
        assert!(set("", "X", &wish("v", "a b")).is_err());
    }
}
