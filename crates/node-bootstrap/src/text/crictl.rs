//! `/etc/crictl.yaml`: one `key: value` a line.

use super::{end_line, split_ending};

/// Sets a key; all other lines stay.
///
/// ```
/// use node_bootstrap::text::crictl;
///
/// let text = "timeout: 10\nruntime-endpoint: unix:///var/run/dockershim.sock\n";
/// assert_eq!(
///     crictl::set(text, "runtime-endpoint", "unix:///run/containerd/containerd.sock"),
///     "timeout: 10\nruntime-endpoint: unix:///run/containerd/containerd.sock\n"
/// );
/// ```
#[must_use]
pub fn set(text: &str, key: &str, value: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut is_set = false;
    for line in text.split_inclusive('\n') {
        let (body, ending) = split_ending(line);
        let standing = body.strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix(':'));
        match standing {
            Some(there) => {
                is_set = true;
                if there.trim().trim_matches(['"', '\'']) == value {
                    out.push_str(line);
                } else {
                    out.extend([key, ": ", value, ending]);
                }
            }
            None => out.push_str(line),
        }
    }
    if !is_set {
        end_line(&mut out);
        out.extend([key, ": ", value, "\n"]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_where_it_stands_or_at_the_end() {
        let cases = [
            ("", "a: 1\n"),
            ("b: 2", "b: 2\na: 1\n"),
            ("a: \"1\"\nb: 2\n", "a: \"1\"\nb: 2\n"),
            ("# a: 0\na : 0\r\nab: 3\n", "# a: 0\na: 1\r\nab: 3\n"),
        ];
        for (before, after) in cases {
            assert_eq!(set(before, "a", "1"), after, "{before}");
            assert_eq!(set(after, "a", "1"), after);
        }
    }
}
