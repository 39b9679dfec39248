//! The program that works on a host, and files for it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::connection::{Call, Connection, Ended, Sink};
use crate::error::RemoteError;
use crate::probe::{Elevation, Probe};

/// Where agents lie on a host: named by their SHA-256, for root only.
pub const AGENT_FOLDER: &str = "/var/lib/node-prep/bin";

/// How long nothing may move while a file is copied.
const STALLED: Duration = Duration::from_mins(1);

/// A program that works on hosts, with all its bytes.
#[derive(Clone)]
pub struct Agent {
    bytes: Vec<u8>,
    sha256: String,
    machine: Option<&'static str>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("bytes", &self.bytes.len())
            .field("sha256", &self.sha256)
            .field("machine", &self.machine)
            .finish()
    }
}

impl Agent {
    /// Reads the program from a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self, RemoteError> {
        let bytes = std::fs::read(path).map_err(|source| RemoteError::Local {
            what: format!("cannot read {}, which is to work on the hosts", path.display()),
            source,
        })?;
        Ok(Self::new(bytes))
    }

    /// A program of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let sha256 = hexadecimal(&bytes);
        let machine = machine(&bytes);
        Self { bytes, sha256, machine }
    }

    /// Its SHA-256, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where it lies on a host.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{AGENT_FOLDER}/{}", self.sha256)
    }

    /// Says whether it can run on such a host.
    ///
    /// # Errors
    /// If it cannot.
    pub fn fits(&self, probe: &Probe) -> Result<(), RemoteError> {
        let unusable = |text| Err(RemoteError::Unusable { text, said: String::new() });
        if probe.system != "Linux" {
            return unusable(format!("the host runs {}, not Linux", probe.system));
        }
        match self.machine {
            Some(machine) if machine != probe.machine => unusable(format!(
                "the host is a machine of the kind {}, and the node-prep at hand is for {machine}; give one that was built for it",
                probe.machine
            )),
            _ => Ok(()),
        }
    }
}

/// What `uname -m` says where such a program runs. None: it is no program of Linux on a machine that we know.
fn machine(bytes: &[u8]) -> Option<&'static str> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    // e_machine, in the byte order of the machine; these are all little-endian.
    match (bytes.get(5)?, u16::from_le_bytes([*bytes.get(18)?, *bytes.get(19)?])) {
        (1, 62) => Some("x86_64"),
        (1, 183) => Some("aarch64"),
        (1, 243) => Some("riscv64"),
        (1, 21) => Some("ppc64le"),
        _ => None,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Puts standard input in a file's place, once all of it is there. `$1` the file, `$2` its SHA-256, `$3` its mode. Nothing is left
/// where this fails. What it could not do is its last word on standard output.
const PLACE: &str = r#"umask 077
folder=$(dirname "$1")
mkdir -p "$folder" || { echo "windlass folder"; exit 1; }
new=$(mktemp "$folder/.new-XXXXXXXX") || { echo "windlass write"; exit 1; }
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat >"$new" || { echo "windlass write $(df -Pk "$folder" | awk 'NR==2 {print $4}')"; exit 1; }
is=$(sha256sum <"$new")
[ "${is%% *}" = "$2" ] || { echo "windlass sha256 ${is%% *}"; exit 1; }
chmod "$3" "$new" && sync "$new" && mv -T "$new" "$1" || { echo "windlass write"; exit 1; }
echo "windlass placed""#;

/// Then also has the folder to itself: others go, and what others have begun and not ended within a day.
const ALONE: &str = r#"
trap - EXIT
chmod 700 "$folder"
for other in "$folder"/*; do [ "$other" = "$1" ] || rm -f "$other"; done
find "$folder" -maxdepth 1 -type f -name '.new-*' -mmin +1440 -delete"#;

impl Connection {
    /// Puts the agent on the host; then takes other ones away.
    ///
    /// # Errors
    /// If it cannot be put there. Nothing half-written stays.
    pub fn push(
        &self,
        elevation: Elevation,
        agent: &Agent,
        limit: Duration,
    ) -> Result<(), RemoteError> {
        let script = [PLACE, ALONE].concat();
        self.place(&script, elevation, &agent.path(), &agent.bytes, &agent.sha256, "700", limit)
    }

    /// Puts a file on the host that only root can read there. Its folder is made, also for root only.
    ///
    /// # Errors
    /// If it cannot be put there. Then what was there is as it was.
    pub fn put(
        &self,
        elevation: Elevation,
        path: &str,
        content: &[u8],
        limit: Duration,
    ) -> Result<(), RemoteError> {
        self.place(PLACE, elevation, path, content, &hexadecimal(content), "600", limit)
    }

    #[expect(clippy::too_many_arguments, reason = "the two above are its only callers")]
    fn place(
        &self,
        script: &str,
        elevation: Elevation,
        path: &str,
        content: &[u8],
        sha256: &str,
        mode: &str,
        limit: Duration,
    ) -> Result<(), RemoteError> {
        let what = format!("writing {path}");
        let words = ["sh", "-c", script, "sh", path, sha256, mode];
        let call = Call {
            what: &what,
            words: &words,
            input: &[content],
            root: Some(elevation),
            limit,
            silence: Some(STALLED),
        };
        let mut last = String::new();
        let ended = self.run(&call, &mut |heard| {
            if let crate::Heard::Line(line) = heard
                && let Some(line) = line.strip_prefix("windlass ")
            {
                line.clone_into(&mut last);
            }
        })?;
        if last == "placed" && ended.code == 0 {
            return Ok(());
        }
        let shown = self.target().shown();
        Err(not_placed(&shown, path, content.len(), &last, ended))
    }

    /// Copies a file of the host, that only root may read there. Answers how long it is.
    ///
    /// # Errors
    /// If it cannot be read, or not be written here.
    pub fn fetch(
        &self,
        elevation: Elevation,
        path: &str,
        to: &mut dyn Write,
        limit: Duration,
    ) -> Result<u64, RemoteError> {
        struct File<'t> {
            /// The first line, which says how long the file is.
            head: Vec<u8>,
            size: Option<u64>,
            came: u64,
            to: &'t mut dyn Write,
        }
        impl Sink for File<'_> {
            fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
                let mut bytes = bytes;
                if self.size.is_none() {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    self.head.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
                    let Some(end) = end else { return Ok(()) };
                    bytes = &bytes[end + 1..];
                    let head = String::from_utf8_lossy(&self.head);
                    let size = head.trim().parse();
                    self.size = Some(size.map_err(|_| io::Error::other("no size came"))?);
                }
                self.came += bytes.len() as u64;
                self.to.write_all(bytes)
            }
        }
        let what = format!("reading {path}");
        let script = r#"[ -f "$1" ] || { echo "there is no file $1" >&2; exit 1; }; stat -L -c %s -- "$1" && exec cat -- "$1""#;
        let call = Call {
            what: &what,
            words: &["sh", "-c", script, "sh", path],
            input: &[],
            root: Some(elevation),
            limit,
            silence: Some(STALLED),
        };
        let mut file = File { head: Vec::new(), size: None, came: 0, to };
        let ended = self.run_raw(&call, &mut file)?;
        let shown = self.target().shown();
        if ended.code != 0 {
            return Err(RemoteError::Failed { shown, what, code: ended.code, said: ended.said });
        }
        if file.size != Some(file.came) {
            let said = format!("{} of {} bytes came", file.came, file.size.unwrap_or_default());
            return Err(RemoteError::Broken { shown, what, said });
        }
        file.to.flush().map_err(|source| RemoteError::Local {
            what: format!("{what} on {shown}: what came cannot be written"),
            source,
        })?;
        Ok(file.came)
    }
}

/// Why a file was not put in its place.
fn not_placed(shown: &str, path: &str, bytes: usize, last: &str, ended: Ended) -> RemoteError {
    let needs = bytes.div_ceil(1024);
    let full = ended.said.contains("No space left on device")
        || ended.said.contains("Disk quota exceeded");
    let text = if full {
        let free = last.strip_prefix("write ").map(|free| format!(", {free} KiB are free"));
        format!(
            "the disk of {path} on {shown} is full: {needs} KiB are needed{}; make room there",
            free.unwrap_or_default()
        )
    } else if let Some(is) = last.strip_prefix("sha256 ") {
        format!(
            "{path} did not come to {shown} as it was sent: its SHA-256 there is {is}; it was not put in place. Try again; if it is so again, the host's disk or memory may be broken"
        )
    } else if last.starts_with("write") || last.starts_with("folder") {
        format!("{path} cannot be written on {shown}; is its file system mounted read-only?")
    } else {
        let what = format!("writing {path}");
        return RemoteError::Failed {
            shown: shown.to_owned(),
            what,
            code: ended.code,
            said: ended.said,
        };
    };
    RemoteError::Unusable { text, said: ended.said }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use super::*;

    fn probe(machine: &str) -> Probe {
        Probe {
            elevation: Elevation::Root,
            system: "Linux".to_owned(),
            machine: machine.to_owned(),
            has_agent: false,
        }
    }

    #[test]
    fn a_program_goes_only_to_machines_of_its_kind() {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = 183;
        let agent = Agent::new(elf);
        assert!(agent.fits(&probe("aarch64")).is_ok());
        insta::assert_snapshot!(agent.fits(&probe("x86_64")).unwrap_err(), @"the host is a machine of the kind x86_64, and the node-prep at hand is for aarch64; give one that was built for it");
        let script = Agent::new(b"#!/bin/sh\n".to_vec());
        assert!(script.fits(&probe("riscv64")).is_ok());
        let bsd = Probe { system: "FreeBSD".to_owned(), ..probe("x86_64") };
        assert!(script.fits(&bsd).is_err());
    }

    #[test]
    fn an_agent_is_named_by_its_sha256() {
        let agent = Agent::new(b"abc".to_vec());
        assert_eq!(
            agent.path(),
            "/var/lib/node-prep/bin/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(!format!("{agent:?}").contains("97, 98"));
    }

    /// Runs the script that the host would run.
    fn place(script: &str, path: &Path, sha256: &str, content: &[u8]) -> (String, String) {
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(path)
            .args([sha256, "700"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may not want it.
        let _ = child.stdin.take().unwrap().write_all(content);
        let said = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        (text(said.stdout), text(said.stderr))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_takes_its_place_whole_and_others_go_after_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a b/bin");
        let script = [PLACE, ALONE].concat();
        for content in ["one", "two"] {
            let sha256 = hexadecimal(content.as_bytes());
            let path = folder.join(&sha256);
            let said = place(&script, &path, &sha256, content.as_bytes());
            assert_eq!(said, ("windlass placed".to_owned(), String::new()));
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(names(&folder), [sha256]);
        }
    }

    #[test]
    fn what_is_not_what_was_sent_does_not_take_its_place() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        fs::write(&path, "old").unwrap();
        let (said, _) = place(PLACE, &path, &hexadecimal(b"new"), b"ne");
        assert!(said.starts_with("windlass sha256 "), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(scratch.path()), ["file"]);
    }

    #[test]
    fn why_a_file_was_not_placed_is_told() {
        let told = |last: &str, said: &str| {
            let ended = Ended { code: 1, said: said.to_owned() };
            not_placed("ops@a", "/var/x", 2_000_000, last, ended).to_string()
        };
        insta::assert_snapshot!(told("write 12", "cat: write error: No space left on device\n"), @"the disk of /var/x on ops@a is full: 1954 KiB are needed, 12 KiB are free; make room there: cat: write error: No space left on device");
        insta::assert_snapshot!(told("sha256 abc", ""), @"/var/x did not come to ops@a as it was sent: its SHA-256 there is abc; it was not put in place. Try again; if it is so again, the host's disk or memory may be broken");
        insta::assert_snapshot!(told("folder", "mkdir: cannot create directory '/var': Read-only file system"), @"/var/x cannot be written on ops@a; is its file system mounted read-only?: mkdir: cannot create directory '/var': Read-only file system");
        insta::assert_snapshot!(told("", "Killed"), @"writing /var/x on ops@a ended with exit code 1: Killed");
    }
}
