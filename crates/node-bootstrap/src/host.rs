//! The port to a host: its files, its values in `/proc/sys`, its programs.
//!
//! Everything that this crate learns from a host and does to it goes through [`Host`]. [`LocalHost`](crate::local::LocalHost)
//! is the machine itself, or a tree of files that will be one; `FakeHost` (feature `fake`) is a host in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a program may take that only looks.
pub const LOOK: Duration = Duration::from_secs(20);
/// How long a program may take that changes something.
pub const ACT: Duration = Duration::from_mins(2);
/// How long installing may take, with all that is fetched for it.
pub const INSTALL: Duration = Duration::from_mins(30);

/// Mode, owner and extended attributes of what stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The permission bits, at most `0o7777`.
    pub mode: u32,
    /// The number of the owner.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// Extended attributes by their full names, such as `security.selinux`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Meta {
    /// Root's, with this mode and no extended attributes.
    #[must_use]
    pub fn root(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0, xattrs: BTreeMap::new() }
    }
}

/// What stands at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file with its bytes.
    File(Vec<u8>),
    /// A symbolic link and where it leads.
    Link(String),
    /// A folder.
    Folder,
    /// A device, a socket or a pipe.
    Other,
}

// Files may hold secrets.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(content) => write!(f, "File({} bytes)", content.len()),
            Self::Link(target) => write!(f, "Link({target})"),
            Self::Folder => f.write_str("Folder"),
            Self::Other => f.write_str("Other"),
        }
    }
}

/// What stands at a path, with its mode and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub meta: Meta,
}

/// A program and its arguments. They are never joined into a line for a shell.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, looked up in the host's `PATH`, and its arguments.
    pub argv: Vec<String>,
    /// Variables beside the few that every program gets (`PATH`, `HOME`, `LC_ALL=C.UTF-8`).
    pub env: Vec<(String, String)>,
    /// How long it may take. After that it is killed.
    pub deadline: Duration,
    /// What it reads from standard input; nothing where there is none.
    pub stdin: Option<Vec<u8>>,
}

// What it reads may be secret.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("argv", &self.argv)
            .field("env", &self.env)
            .field("deadline", &self.deadline)
            .field("stdin", &self.stdin.as_ref().map(Vec::len))
            .finish()
    }
}

impl Command {
    /// A program that may take [`LOOK`].
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { argv, env: Vec::new(), deadline: LOOK, stdin: None }
    }

    /// The same with another deadline.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same with something to read from standard input.
    #[must_use]
    pub fn reading(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(stdin.into());
        self
    }

    /// The same with a variable more.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.argv))
    }
}

/// An argument vector as a person would type it.
#[must_use]
pub fn shown(argv: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%^*".contains(c);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// What a program left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// Whether it ended with 0.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// Why something could not be learned from a host, or done to it.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file, a folder or a value could not be read.
    #[error("failed to read {path}")]
    Read {
        /// Where.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Something is not text.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// Where.
        path: String,
    },
    /// A file, a folder or a value could not be written.
    #[error("failed to write {path}")]
    Write {
        /// Where.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("failed to run `{command}`")]
    Run {
        /// The program with its arguments.
        command: String,
        /// What the system says.
        source: io::Error,
    },
    /// A program took too long, and was killed.
    #[error("`{command}` did not end within {} s", deadline.as_secs())]
    Deadline {
        /// The program with its arguments.
        command: String,
        /// How long it was given.
        deadline: Duration,
    },
    /// A unit does not serve what it should.
    #[error(
        "{unit} does not listen on port {port} after {seconds} s: `journalctl -u {unit}` says why"
    )]
    Silent {
        /// The unit.
        unit: String,
        /// The port of TCP.
        port: u16,
        /// How long it was waited for.
        seconds: u32,
    },
    /// A program failed.
    #[error("`{command}` ended with {}{}", code_shown(*code), said(stderr))]
    Failed {
        /// The program with its arguments.
        command: String,
        /// Its exit code; `None` for a signal.
        code: Option<i32>,
        /// The end of what it said.
        stderr: String,
    },
    /// Something could not be fetched.
    #[error("failed to fetch {url}: {why}")]
    Fetch {
        /// From where.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// A program of a run that was killed still works.
    #[error(
        "{process}, of a run that was killed, still works on this host; wait for its end, or end it"
    )]
    Straggler {
        /// Its number and name.
        process: String,
    },
    /// Another one changes this host.
    #[error("another node-prep works on this host (it holds {lock})")]
    Locked {
        /// What it holds.
        lock: String,
    },
}

fn code_shown(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}

fn said(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(": {}", lines[lines.len().saturating_sub(6)..].join("; "))
}

/// Held while a host is changed.
pub trait Lock: fmt::Debug {}

/// A host: the machine itself, a tree of files, or one in memory.
///
/// Paths are absolute, as they are on the host.
pub trait Host {
    /// Whether it runs. Of a tree there are only the files.
    fn is_live(&self) -> bool;

    /// What stands at a path; a link there is not followed.
    ///
    /// # Errors
    /// If it cannot be read.
    fn entry(&self, path: &str) -> Result<Option<Entry>, HostError>;

    /// Where a path leads in the end, links followed; the path itself where nothing is there.
    ///
    /// # Errors
    /// If the links cannot be followed.
    fn resolve(&self, path: &str) -> Result<String, HostError>;

    /// The bytes of a file, links followed. `None` when there is no file.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// The names in a folder, sorted; none when there is no folder.
    ///
    /// # Errors
    /// If it cannot be read.
    fn list(&self, folder: &str) -> Result<Vec<String>, HostError>;

    /// Puts a file, a link or a folder there in one step: at every moment there is the old or the new. The folder
    /// above has to be there. A folder that is there gets the mode and owner.
    ///
    /// # Errors
    /// If it cannot be written.
    fn put(&self, path: &str, entry: &Entry) -> Result<(), HostError>;

    /// Takes a file, a link or an empty folder away, if it is there.
    ///
    /// # Errors
    /// If it cannot be taken away.
    fn remove(&self, path: &str) -> Result<(), HostError>;

    /// Moves a file or a folder in one step, and waits until that is on disk. A file that stands at the new place is replaced, an
    /// empty folder too.
    ///
    /// # Errors
    /// If it is not there, or cannot be moved there: to another file system, or over a folder that is not empty.
    fn rename(&self, from: &str, to: &str) -> Result<(), HostError>;

    /// What an interrupted [`Host::put`] may have left beside a path is taken away.
    ///
    /// # Errors
    /// If it cannot be taken away.
    fn tidy(&self, path: &str) -> Result<(), HostError> {
        self.remove(&stage_of(path))
    }

    /// Adds to the end of a file, and waits until it is on disk. A new file is root's alone.
    ///
    /// # Errors
    /// If it cannot be written.
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), HostError>;

    /// Writes a value of the kernel below `/proc` or `/sys`.
    ///
    /// # Errors
    /// If the kernel refuses it.
    fn set_value(&self, path: &str, value: &str) -> Result<(), HostError>;

    /// Names the host, until it is started again.
    ///
    /// # Errors
    /// If the kernel refuses it.
    fn set_hostname(&self, name: &str) -> Result<(), HostError>;

    /// Runs a program and waits for its end, whatever that is.
    ///
    /// # Errors
    /// If it cannot be started or takes too long.
    fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// Keeps others from changing this host until the lock is dropped.
    ///
    /// # Errors
    /// If another one holds it.
    fn lock(&self) -> Result<Box<dyn Lock>, HostError>;

    /// The text of a file, links followed.
    ///
    /// # Errors
    /// If it cannot be read or is not text.
    fn text(&self, path: &str) -> Result<Option<String>, HostError> {
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| HostError::NotText { path: path.to_owned() })
    }

    /// Runs a program that has to end with 0, and gives what it wrote to standard output.
    ///
    /// # Errors
    /// If it cannot be started, takes too long or fails.
    fn check(&self, command: &Command) -> Result<String, HostError> {
        let output = self.run(command)?;
        if output.is_ok() {
            return Ok(output.stdout);
        }
        Err(HostError::Failed {
            command: command.to_string(),
            code: output.code,
            stderr: output.stdout + &output.stderr,
        })
    }
}

/// The SHA-256 of bytes as 64 hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The folder above a path: `/etc` of `/etc/hosts`, `/` of `/etc`.
#[must_use]
pub fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// How the name ends under which new content stands before it takes its place.
const STAGE: &str = ".node-prep-new";

/// Where the new content of a file stands before it takes its place. One place for each file, so that what a killed run
/// left is found again.
pub(crate) fn stage_of(path: &str) -> String {
    format!("{}/.{}{STAGE}", folder_of(path).trim_end_matches('/'), name_of(path))
}

/// Whether this is the name of content that has not taken its place.
pub(crate) fn is_stage(name: &str) -> bool {
    name.ends_with(STAGE)
}

/// The last part of a path.
#[must_use]
pub fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
