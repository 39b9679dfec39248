//! What a host is to us: asked once.

use std::io;
use std::time::Duration;

use crate::agent::Agent;
use crate::connection::{Call, Connection, Prompts, Sink};
use crate::error::RemoteError;
use crate::trouble::Trouble;
use crate::wrap::{self, PROMPT, Sudo};

/// How we become root on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevation {
    /// We log in as root.
    Root,
    /// With `sudo`, without a password.
    Sudo,
    /// With `sudo` and a password.
    Password,
}

/// What a host is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// How we become root.
    pub elevation: Elevation,
    /// What `uname -s` says.
    pub system: String,
    /// What `uname -m` says.
    pub machine: String,
    /// Whether the agent is there, byte for byte, and can be run.
    pub has_agent: bool,
}

/// Says how root is become and, as root, what the machine is and what SHA-256 the file has. `$1`: the file. `$2`: whether
/// a password can be given. `$3`: how `sudo` asks for it. What `sudo` remembers does not count: it forgets, in the middle of a run.
const SCRIPT: &str = r#"look='echo "windlass system $(uname -s)"; echo "windlass machine $(uname -m)"; if [ -f "$1" ] && [ ! -L "$1" ] && [ -x "$1" ] && [ -O "$1" ]; then echo "windlass sha256 $(sha256sum <"$1")"; fi; echo "windlass looked"'
if [ "$(id -u)" = 0 ]; then echo "windlass root"; exec sh -c "$look" sh "$1"; fi
if ! command -v sudo >/dev/null 2>&1; then echo "sudo: not found" >&2; exit 1; fi
if out=$(sudo -k -n -- sh -c "$look" sh "$1" 2>&1); then echo "windlass sudo"; printf '%s\n' "$out"; exit 0; fi
case $out in
*"is required"*) if [ "$2" = yes ]; then echo "windlass password"; exec sudo -k -S -p "$3" -- sh -c "$look" sh "$1"; fi ;;
esac
printf '%s\n' "$out" >&2
exit 1"#;

impl Connection {
    /// Asks what the host is to us, and whether it has the agent: one call.
    ///
    /// # Errors
    /// If it cannot be reached, or we cannot become root there.
    pub fn probe(&self, agent: &Agent, limit: Duration) -> Result<Probe, RemoteError> {
        struct Text(Vec<u8>);
        impl Sink for Text {
            fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
                if self.0.len() < 64 * 1024 {
                    self.0.extend_from_slice(bytes);
                }
                Ok(())
            }
        }
        let path = agent.path();
        let offered = if self.options().sudo_password.is_some() { "yes" } else { "no" };
        let words = ["sh", "-c", SCRIPT, "sh", &path, offered, PROMPT];
        let call = Call {
            what: "looking what the host is",
            words: &words,
            input: &[],
            root: None,
            limit,
            silence: None,
        };
        let mut text = Text(Vec::new());
        let line = wrap::line(Sudo::No, &words);
        let ended = self.converse(&call, &line, Prompts::While, &mut text)?;
        let text = String::from_utf8_lossy(&text.0).into_owned();
        if let Some(probe) = read(&text, agent.sha256()) {
            return Ok(probe);
        }
        let asked = text.lines().any(|line| line == "windlass password");
        let trouble = match Trouble::of_sudo(&ended.said) {
            // `sudo` was not given another one, and says so.
            Trouble::PasswordNeeded if asked => Trouble::WrongPassword,
            Trouble::Other => Trouble::Shell,
            trouble => trouble,
        };
        Err(self.not_let_in(trouble, ended.said))
    }
}

/// What the script says. None: it did not come to its end.
fn read(text: &str, sha256: &str) -> Option<Probe> {
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("windlass ")).collect();
    let value = |key: &str| {
        lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::trim)
    };
    if !lines.contains(&"looked") {
        return None;
    }
    let elevation = lines.iter().find_map(|line| match *line {
        "root" => Some(Elevation::Root),
        "sudo" => Some(Elevation::Sudo),
        "password" => Some(Elevation::Password),
        _ => None,
    })?;
    let has_agent = value("sha256").and_then(|sum| sum.split_whitespace().next()) == Some(sha256);
    Some(Probe {
        elevation,
        system: value("system")?.to_owned(),
        machine: value("machine")?.to_owned(),
        has_agent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_says_is_read_through_what_sudo_says_besides() {
        let text = "windlass sudo\nsudo: unable to resolve host a\nwindlass system Linux\nwindlass machine x86_64\nwindlass sha256 abc  -\nwindlass looked\n";
        let probe = Probe {
            elevation: Elevation::Sudo,
            system: "Linux".to_owned(),
            machine: "x86_64".to_owned(),
            has_agent: true,
        };
        assert_eq!(read(text, "abc"), Some(probe.clone()));
        assert_eq!(read(text, "abd"), Some(Probe { has_agent: false, ..probe }));
    }

    #[test]
    fn a_password_that_sudo_remembers_does_not_count() {
        use std::os::unix::fs::PermissionsExt;
        let bin = tempfile::tempdir().unwrap();
        let remembers = "#!/bin/sh\ncase $1 in -k) echo 'sudo: a password is required' >&2; exit 1;; esac\nshift 2; exec \"$@\"\n";
        for (name, script) in [("id", "#!/bin/sh\necho 1000\n"), ("sudo", remembers)] {
            let path = bin.path().join(name);
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut path = bin.path().as_os_str().to_owned();
        path.push(":/usr/bin:/bin");
        let said = std::process::Command::new("sh")
            .args(["-c", SCRIPT, "sh", "/nothing", "yes", PROMPT])
            .env("PATH", path)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "windlass password\n");
    }

    #[test]
    fn an_answer_that_is_cut_is_none() {
        assert_eq!(read("windlass root\nwindlass system Linux\nwindlass machine x", "abc"), None);
        assert_eq!(read("", "abc"), None);
    }
}
