//! What is run on a host: one line for its shell, that says when a program begins and how it ends.
//!
//! ssh's exit code 255 may be its own or the program's, and its messages are mixed with the host's. So the host writes a line to both
//! outputs before the program begins, and one with the exit code after it. What comes before the first line is from
//! ssh, sshd, sudo or a login script; without the last line the connection broke.

/// What the host writes when a program begins, to standard output and standard error.
pub(crate) const BEGIN: &str = "windlass-begins";
/// What it writes to standard error when that has ended, before the exit code.
pub(crate) const END: &str = "windlass-ended ";
/// What `sudo` writes to standard error to ask for the password, without an end of line.
pub(crate) const PROMPT: &str = "windlass-sudo-password:";

/// Runs its arguments.
const WRAP: &str = "echo windlass-begins; echo windlass-begins >&2; \"$@\"; c=$?; echo >&2; echo windlass-ended $c >&2; exit $c";

/// How a program becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sudo {
    /// It does not, or is it.
    No,
    /// Without a password.
    Free,
    /// With a password, which is asked for on standard error and read from standard input. What `sudo` remembers does not
    /// count: whether it asks must not depend on who was there before.
    Asking,
}

/// The line for the host's shell.
pub(crate) fn line(sudo: Sudo, words: &[&str]) -> String {
    let mut all: Vec<&str> = vec!["env", "LC_ALL=C"];
    match sudo {
        Sudo::No => {}
        Sudo::Free => all.extend(["sudo", "-k", "-n", "--"]),
        Sudo::Asking => all.extend(["sudo", "-k", "-S", "-p", PROMPT, "--"]),
    }
    all.extend(["sh", "-c", WRAP, "sh"]);
    all.extend(words);
    all.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    // Only a NUL cannot be quoted, and no argument can have one.
    shlex::try_quote(word).map_or_else(|_| String::from("''"), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_each_word_quoted() {
        insta::assert_snapshot!(line(Sudo::Asking, &["cat", "--", "/a b/$c"]), @r#"env 'LC_ALL=C' sudo -k -S -p windlass-sudo-password: -- sh -c 'echo windlass-begins; echo windlass-begins >&2; "$@"; c=$?; echo >&2; echo windlass-ended $c >&2; exit $c' sh cat -- '/a b/$c'"#);
        assert!(line(Sudo::Free, &["true"]).starts_with("env 'LC_ALL=C' sudo -k -n -- sh -c "));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_gives_a_program_the_very_words(words in prop::collection::vec("[^\0]{0,12}", 0..4)) {
            let mut all = vec!["printf", r"%s\0"];
            all.extend(words.iter().map(String::as_str));
            let said = Command::new("sh").arg("-c").arg(line(Sudo::No, &all)).output().unwrap();
            let mut expected = format!("{BEGIN}\n").into_bytes();
            for word in &words {
                expected.extend(word.bytes().chain([0]));
            }
            if words.is_empty() {
                expected.push(0);
            }
            prop_assert_eq!(said.stdout, expected);
            prop_assert_eq!(said.stderr, format!("{BEGIN}\n\n{END}0\n").into_bytes());
        }
    }
}
