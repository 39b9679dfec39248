//! Files of exports(5): folders that an NFS server offers.

use super::{TextError, decode_octal};
use crate::spec::Export;

/// The text that offers these folders.
///
/// # Errors
/// If a client or an option has a character that means something else in such a file.
pub fn render(exports: &[Export]) -> Result<String, TextError> {
    let mut out = String::from("# Written by node-prep.\n");
    for export in exports {
        out.push_str(&path(&export.path)?);
        for client in &export.clients {
            let words = client.options.iter().chain([&client.to]);
            if let Some(value) = words.into_iter().find(|word| !is_word(word)) {
                return Err(TextError::Unfit { what: "a line of exports", value: value.clone() });
            }
            out.push(' ');
            out.push_str(&client.to);
            // Without parentheses the defaults count, and with empty ones too.
            if !client.options.is_empty() {
                out.extend(["(", &client.options.join(","), ")"]);
            }
        }
        out.push('\n');
    }
    Ok(out)
}

fn is_word(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"()#\"\\,".contains(c);
    !word.is_empty() && word.chars().all(is_plain)
}

/// A path, in quotes where it has blanks.
fn path(path: &str) -> Result<String, TextError> {
    if !path.starts_with('/') || path.contains(['"', '\\', '\n', '\r', '\0']) {
        return Err(TextError::Unfit { what: "a path of exports", value: path.to_owned() });
    }
    let is_plain = |c: char| !c.is_whitespace() && c != '#';
    Ok(if path.chars().all(is_plain) { path.to_owned() } else { format!("\"{path}\"") })
}

/// The folders that a text offers, with their lines, from 1. A line that goes on in the next counts with its first.
pub fn paths(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut goes_on = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let is_first = !std::mem::replace(&mut goes_on, line.ends_with('\\'));
        let line = line.trim_start();
        if !is_first || line.starts_with('#') {
            return None;
        }
        let path = match line.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => line.split_whitespace().next()?,
        };
        path.starts_with('/').then(|| (at + 1, decode_octal(path)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ExportClient;

    fn export(path: &str, to: &str, options: &[&str]) -> Export {
        let options = options.iter().map(ToString::to_string).collect();
        Export { path: path.to_owned(), clients: vec![ExportClient { to: to.to_owned(), options }] }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wish = [export("/a", "*", &[]), export("/b c#d", "10.0.0.0/8", &["rw", "anonuid=7"])];
        let text = render(&wish).unwrap();
        insta::assert_snapshot!(text, @r#"
        # Written by node-prep.
        /a *
        "/b c#d" 10.0.0.0/8(rw,anonuid=7)
        "#);
        let read: Vec<String> = paths(&text).map(|(_, path)| path).collect();
        assert_eq!(read, ["/a", "/b c#d"]);
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        for wish in [
            export("/a\"b", "*", &[]),
            export("a", "*", &[]),
            export("/a", "n1(rw)", &[]),
            export("/a", "", &[]),
            export("/a", "*", &["rw,ro"]),
            export("/a", "*", &["r w"]),
        ] {
            assert!(render(std::slice::from_ref(&wish)).is_err(), "{wish:?}");
        }
    }

    #[test]
    fn lines_that_go_on_and_escaped_blanks_are_read() {
        let text = "/a n1(rw) \\\n  n2(ro)\n  # /no\n/b\\040c *\n\n-sync n1\n";
        let read: Vec<(usize, String)> = paths(text).collect();
        assert_eq!(read, [(1, "/a".to_owned()), (4, "/b c".to_owned())]);
    }
}
