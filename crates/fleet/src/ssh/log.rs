//! What happened on a host, in a file.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file that only its owner can read. Lines have the time, in UTC, and what kind they are of: `>` asked, `.` an event, `!` standard
/// error, `<` answered. There are no secrets in it.
#[derive(Debug)]
pub(super) struct Log(Mutex<File>);

impl Log {
    /// Opens the file of a host, to go on in it. The folder is made, for its owner only.
    pub(super) fn open(folder: &Path, host: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let name: String =
            host.chars().map(|sign| if sign == '/' || sign == '\0' { '_' } else { sign }).collect();
        let path = folder.join(format!("{name}.log"));
        // Others may write in the folder: no link of theirs is followed.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).custom_flags(flags).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Adds lines. A log that cannot be written does not stop the work.
    pub(super) fn add(&self, kind: char, text: &str) {
        let now = jiff::Timestamp::now();
        let mut lines = String::new();
        for line in text.lines() {
            let _ = write!(lines, "{now:.3} {kind} ");
            // What a host says must not speak to the terminal of who reads it.
            for sign in line.chars() {
                if sign.is_control() && sign != '\t' {
                    lines.extend(sign.escape_default());
                } else {
                    lines.push(sign);
                }
            }
            lines.push('\n');
        }
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(lines.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn lines_have_a_time_and_are_for_the_owner_only() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("logs");
        for text in ["survey", "one\ntwo"] {
            Log::open(&folder, "a").unwrap().add('>', text);
        }
        let path = folder.join("a.log");
        let text = std::fs::read_to_string(&path).unwrap();
        let ends: Vec<&str> = text.lines().map(|line| &line[24..]).collect();
        assert_eq!(ends, [" > survey", " > one", " > two"]);
        assert!(text.starts_with("20") && text.as_bytes()[10] == b'T', "{text}");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn what_a_host_says_does_not_speak_to_a_terminal() {
        let scratch = tempfile::tempdir().unwrap();
        Log::open(scratch.path(), "a").unwrap().add('!', "\u{1b}]0;x\u{7}\tred\u{9b}31m\r");
        let text = std::fs::read_to_string(scratch.path().join("a.log")).unwrap();
        assert_eq!(&text[24..], " ! \\u{1b}]0;x\\u{7}\tred\\u{9b}31m\\r\n");
    }

    #[test]
    fn a_log_is_not_written_through_a_link() {
        let scratch = tempfile::tempdir().unwrap();
        let victim = scratch.path().join("victim");
        std::os::unix::fs::symlink(&victim, scratch.path().join("a.log")).unwrap();
        assert!(Log::open(scratch.path(), "a").is_err());
        assert!(!victim.exists());
    }
}
