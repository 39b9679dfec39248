//! The words of the kernel's command line, as GRUB and the kernel keep them.

use super::key_value::{self, Quote};
use super::{TextError, end_line};

/// The key of `/etc/default/grub` for words of every boot.
pub const GRUB_KEY: &str = "GRUB_CMDLINE_LINUX";

/// Whether `/proc/cmdline` has this word.
#[must_use]
pub fn has(cmdline: &str, word: &str) -> bool {
    cmdline.split_whitespace().any(|there| there == word)
}

/// The words of a key of `/etc/default/grub`, as they are written.
///
/// # Errors
/// If the value does not end on its line.
pub fn words(text: &str, key: &str) -> Result<Vec<String>, TextError> {
    let Some(found) = key_value::locate(text, key)? else { return Ok(Vec::new()) };
    Ok(text[found.raw].split_whitespace().map(str::to_owned).collect())
}

/// Adds a word such as `systemd.swap=0`. Other words with the same name before `=` go, as the last would win anyway.
///
/// ```
/// use node_bootstrap::text::kernel_command_line::{GRUB_KEY, add};
///
/// let text = "GRUB_CMDLINE_LINUX=\"quiet systemd.swap=1\"\n";
/// assert_eq!(add(text, GRUB_KEY, "systemd.swap=0")?, "GRUB_CMDLINE_LINUX=\"quiet systemd.swap=0\"\n");
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the value does not end on its line, or `word` has a character that a shell reads otherwise.
pub fn add(text: &str, key: &str, word: &str) -> Result<String, TextError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    if word.is_empty() || !word.chars().all(plain) {
        return Err(TextError::Unfit {
            what: "a word of the command line",
            value: word.to_owned(),
        });
    }
    let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
    let present = words(text, key)?;
    let same_name: Vec<_> = present.iter().filter(|there| name(there) == name(word)).collect();
    if same_name == [word] {
        return Ok(text.to_owned());
    }
    let mut kept: Vec<_> =
        present.iter().filter(|there| name(there) != name(word)).cloned().collect();
    kept.push(word.to_owned());
    write(text, key, &kept)
}

/// Takes a word away, all of them if it stands more than once.
///
/// # Errors
/// If the value does not end on its line.
pub fn remove(text: &str, key: &str, word: &str) -> Result<String, TextError> {
    let present = words(text, key)?;
    if !present.iter().any(|there| there == word) {
        return Ok(text.to_owned());
    }
    let kept: Vec<_> = present.into_iter().filter(|there| there != word).collect();
    write(text, key, &kept)
}

fn write(text: &str, key: &str, words: &[String]) -> Result<String, TextError> {
    // The words are written as they were read, escapes and all: so only the quotes may change.
    let value = words.join(" ");
    let Some(found) = key_value::locate(text, key)? else {
        let mut out = text.to_owned();
        end_line(&mut out);
        return Ok(out + &format!("{key}=\"{value}\"\n"));
    };
    let written =
        if found.quote == Quote::Single { format!("'{value}'") } else { format!("\"{value}\"") };
    Ok([&text[..found.whole.start], &written, &text[found.whole.end..]].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_added_where_the_others_are() {
        let cases = [
            ("", "GRUB_CMDLINE_LINUX=\"a=1\"\n"),
            ("GRUB_CMDLINE_LINUX=\"\"", "GRUB_CMDLINE_LINUX=\"a=1\""),
            ("GRUB_CMDLINE_LINUX='x'\nB=1\n", "GRUB_CMDLINE_LINUX='x a=1'\nB=1\n"),
            ("GRUB_CMDLINE_LINUX=x\n", "GRUB_CMDLINE_LINUX=\"x a=1\"\n"),
            (
                "GRUB_CMDLINE_LINUX=\"a=0 x a=2 $MORE \\\"q\\\"\"\n",
                "GRUB_CMDLINE_LINUX=\"x $MORE \\\"q\\\" a=1\"\n",
            ),
            ("GRUB_CMDLINE_LINUX=\" a=1  x\"\n", "GRUB_CMDLINE_LINUX=\" a=1  x\"\n"),
            (
                "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n",
                "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"a=1\"\n",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(add(text, GRUB_KEY, "a=1").unwrap(), expected, "{text}");
        }
        assert!(add("", GRUB_KEY, "a b").is_err());
        assert!(add("", GRUB_KEY, "$(x)").is_err());
    }

    #[test]
    fn the_running_kernel_is_asked_for_whole_words() {
        assert!(has("ro quiet systemd.swap=0\n", "systemd.swap=0"));
        assert!(!has("ro systemd.swap=01", "systemd.swap=0"));
    }

    proptest! {
        #[test]
        fn adding_and_removing_are_idempotent(words in prop::collection::vec("(a|b|c)(=[0-9])?", 0..5)) {
            let text = format!("X=1\nGRUB_CMDLINE_LINUX=\"{}\"\n# end\n", words.join(" "));
            let once = add(&text, GRUB_KEY, "a=1").unwrap();
            prop_assert_eq!(&add(&once, GRUB_KEY, "a=1").unwrap(), &once);
            let removed = remove(&once, GRUB_KEY, "a=1").unwrap();
            prop_assert_eq!(&remove(&removed, GRUB_KEY, "a=1").unwrap(), &removed);
            let others: Vec<_> = words.iter().filter(|word| !word.starts_with('a')).cloned().collect();
            prop_assert_eq!(super::words(&removed, GRUB_KEY).unwrap(), others);
        }
    }
}
