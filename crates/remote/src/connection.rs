//! One host, and programs on it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secret::Secret;

use crate::error::RemoteError;
use crate::exchange::{End, Input, Limits, Talk, exchange};
use crate::probe::Elevation;
use crate::target::{Options, Target};
use crate::trouble::Trouble;
use crate::wrap::{self, BEGIN, END, PROMPT, Sudo};

/// How many bytes of what a program says to standard error are kept: its beginning and its end.
const SAID: usize = 32 * 1024;
/// How long a line of standard output may be.
const LINE: usize = 256 * 1024 * 1024;
/// How long a path the kernel takes for a socket, without what ssh appends to it for a moment.
const SOCKET: usize = 107 - 17;
/// How long the closing of a connection may take. It is local.
const CLOSING: Duration = Duration::from_secs(5);

/// A private folder for the sockets of open connections. The connections close and the folder goes when this is dropped.
#[derive(Debug)]
pub struct Sockets {
    folder: PathBuf,
    program: PathBuf,
    next: AtomicU32,
}

impl Sockets {
    /// Makes such a folder below another one, which has a short path and is on a local disk: `/tmp`.
    ///
    /// # Errors
    /// If it cannot be made, or its path is too long for a socket.
    pub fn below(folder: &Path, options: &Options) -> Result<Self, RemoteError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Somebody else's folder of the same name is passed by: `create` never takes one that is there.
        for _ in 0..1000 {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("wl-{}-{number}", process::id()));
            let local = |source| RemoteError::Local {
                what: format!("cannot make the folder {} for the sockets of ssh", path.display()),
                source,
            };
            if path.as_os_str().len() + 6 > SOCKET {
                return Err(local(io::Error::other(
                    "its path is too long for a socket; choose a folder with a shorter one",
                )));
            }
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let program = options.program.clone();
                    return Ok(Self { folder: path, program, next: AtomicU32::new(0) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(local(error)),
            }
        }
        Err(RemoteError::Local {
            what: format!("cannot make a folder in {} for the sockets of ssh", folder.display()),
            source: io::Error::from(io::ErrorKind::AlreadyExists),
        })
    }

    fn next(&self) -> PathBuf {
        self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn close(&self, socket: &Path) {
        if !socket.exists() {
            return;
        }
        let mut command = Command::new(&self.program);
        command.args(Target::close(socket));
        // It may have gone by itself.
        let limits = Limits { whole: CLOSING, silence: None };
        let _ = exchange(&mut command, limits, &mut Deaf, Input::default());
        let _ = fs::remove_file(socket);
    }
}

/// Nobody who listens.
struct Deaf;

impl Talk<'_> for Deaf {
    fn stdout(&mut self, _: &[u8], _: &mut Input<'_>) -> io::Result<()> {
        Ok(())
    }

    fn stderr(&mut self, _: &[u8], _: &mut Input<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // All at once: there may be hundreds.
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let sockets: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        for some in sockets.chunks(16) {
            let closing: Vec<_> = some
                .iter()
                .filter_map(|socket| {
                    Command::new(&self.program)
                        .args(Target::close(socket))
                        .stdin(Stdio::null())
                        .stdout(Stdio::null())
                        .stderr(Stdio::null())
                        .spawn()
                        .ok()
                })
                .collect();
            let deadline = std::time::Instant::now() + CLOSING;
            for mut child in closing {
                while matches!(child.try_wait(), Ok(None)) {
                    if std::time::Instant::now() >= deadline {
                        let _ = child.kill();
                        let _ = child.wait();
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
        // What is left ends by itself when it was not used for a minute.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A host that programs can be run on. The connection is made by the first of them; a broken one is made anew by the next. When one
/// of several at once meets its deadline the connection is closed, which ends the others, too.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    options: Arc<Options>,
    sockets: Arc<Sockets>,
    socket: PathBuf,
    trips: AtomicU32,
}

/// A program that is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What it is for, in messages: `node-prep agent`.
    pub what: &'a str,
    /// The program and its arguments. None may contain a NUL.
    pub words: &'a [&'a str],
    /// What it reads from standard input; one part after the other.
    pub input: &'a [&'a [u8]],
    /// As root, in this way; or as who has logged in.
    pub root: Option<Elevation>,
    /// How long it may take, with the connection.
    pub limit: Duration,
    /// How long nothing may be heard of it.
    pub silence: Option<Duration>,
}

/// Something that a program says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'h> {
    /// A line of its standard output.
    Line(&'h str),
    /// A line of its standard error.
    Error(&'h str),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; 128 and more for a signal.
    pub code: i32,
    /// What it wrote to standard error: of much the beginning and the end.
    pub said: String,
}

/// Who takes what a program writes to standard output.
pub(crate) trait Sink {
    /// Takes bytes.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// A line of standard error.
    fn error(&mut self, _line: &str) {}
}

impl Connection {
    /// A host. Nothing is done yet.
    #[must_use]
    pub fn new(target: Target, options: Arc<Options>, sockets: Arc<Sockets>) -> Self {
        let socket = sockets.next();
        Self { target, options, sockets, socket, trips: AtomicU32::new(0) }
    }

    /// How the host is logged in to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How often `ssh` was run for this host.
    #[must_use]
    pub fn round_trips(&self) -> u32 {
        self.trips.load(Ordering::Relaxed)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Runs a program to its end, and has its lines told as they come. Another exit code than 0 is no error here.
    ///
    /// # Errors
    /// If it was not run, or not to its end.
    pub fn run(
        &self,
        call: &Call<'_>,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Ended, RemoteError> {
        struct Lines<'h> {
            rest: Vec<u8>,
            hear: &'h mut dyn FnMut(Heard<'_>),
        }
        impl Sink for Lines<'_> {
            fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
                let from = self.rest.len();
                self.rest.extend_from_slice(bytes);
                let Some(last) = self.rest[from..].iter().rposition(|byte| *byte == b'\n') else {
                    if self.rest.len() > LINE {
                        return Err(io::Error::other("a line of more than 256 MiB came"));
                    }
                    return Ok(());
                };
                let rest = self.rest.split_off(from + last + 1);
                for line in String::from_utf8_lossy(&self.rest).lines() {
                    (self.hear)(Heard::Line(line));
                }
                self.rest = rest;
                Ok(())
            }
            fn error(&mut self, line: &str) {
                (self.hear)(Heard::Error(line));
            }
        }
        let mut lines = Lines { rest: Vec::new(), hear };
        let ended = self.run_raw(call, &mut lines)?;
        if !lines.rest.is_empty() {
            let rest = std::mem::take(&mut lines.rest);
            (lines.hear)(Heard::Line(&String::from_utf8_lossy(&rest)));
        }
        Ok(ended)
    }

    /// Runs a program to its end; what it writes goes to `sink` as it is.
    pub(crate) fn run_raw(
        &self,
        call: &Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Ended, RemoteError> {
        let sudo = match call.root {
            None | Some(Elevation::Root) => Sudo::No,
            Some(Elevation::Sudo) => Sudo::Free,
            Some(Elevation::Password) => Sudo::Asking,
        };
        let prompts = if sudo == Sudo::Asking { Prompts::Before } else { Prompts::Never };
        self.converse(call, &wrap::line(sudo, call.words), prompts, sink)
    }

    /// Runs a line. `prompts` says when `sudo` may ask for its password.
    pub(crate) fn converse(
        &self,
        call: &Call<'_>,
        line: &str,
        prompts: Prompts,
        sink: &mut dyn Sink,
    ) -> Result<Ended, RemoteError> {
        // A connection that was open may be long dead: the host was started again. Then the program has not begun, and ssh
        // makes a new one.
        let open = self.socket.exists();
        match self.attempt(call, line, prompts, sink) {
            Err(RemoteError::NotLetIn { trouble, .. })
                if open && matches!(trouble, Trouble::Other | Trouble::ClosedEarly) =>
            {
                self.attempt(call, line, prompts, sink)
            }
            other => other,
        }
    }

    fn attempt(
        &self,
        call: &Call<'_>,
        line: &str,
        prompts: Prompts,
        sink: &mut dyn Sink,
    ) -> Result<Ended, RemoteError> {
        if let Some(word) = call.words.iter().find(|word| word.contains('\0')) {
            return Err(RemoteError::Unusable {
                text: format!("{}: `{}` has a NUL", call.what, word.escape_debug()),
                said: String::new(),
            });
        }
        let password = self
            .options
            .sudo_password
            .as_ref()
            .filter(|_| prompts != Prompts::Never)
            // One line, whatever it is: what comes after it is the program's.
            .map(|password| password.expose().lines().next().unwrap_or_default())
            .map(|password| Secret::new(format!("{password}\n")));
        let mut session = Session {
            sink,
            password: password.as_ref(),
            prompts,
            payload: call.input,
            keep_open: prompts == Prompts::While,
            begun: false,
            noise: Vec::new(),
            line: Vec::new(),
            login: Said::default(),
            said: Said::default(),
            begun_errors: false,
            asked: 0,
            code: None,
        };
        let mut command = self.ssh(Some(&self.socket), line);
        let limits = Limits { whole: call.limit, silence: call.silence };
        let end = exchange(&mut command, limits, &mut session, Input::default());
        let shown = self.target.shown();
        let end = end.map_err(|source| RemoteError::Local {
            what: format!(
                "cannot run {}; install OpenSSH's client",
                self.options.program.display()
            ),
            source,
        })?;
        session.finish();
        let what = call.what.to_owned();
        match end {
            End::Exited(status) => self.ended(call, &session, status, shown),
            // A connection that does not answer is not for the next call.
            End::Deadline => {
                self.sockets.close(&self.socket);
                Err(RemoteError::Deadline { shown, what, limit: call.limit })
            }
            End::Silent => {
                self.sockets.close(&self.socket);
                let limit = call.silence.unwrap_or(call.limit);
                Err(RemoteError::Silent { shown, what, limit })
            }
            End::Refused(source) => Err(RemoteError::Local {
                what: format!("{what} on {shown}: what it says cannot be taken"),
                source,
            }),
        }
    }

    fn ended(
        &self,
        call: &Call<'_>,
        session: &Session<'_, '_>,
        status: ExitStatus,
        shown: String,
    ) -> Result<Ended, RemoteError> {
        let said = session.said.text();
        if let Some(code) = session.code {
            return match code {
                127 if session.said.is_short() && said.contains("not found") => {
                    let program = call.words.first().copied().unwrap_or_default().to_owned();
                    Err(RemoteError::NoProgram { shown, program })
                }
                code => Ok(Ended { code, said }),
            };
        }
        let login = session.login.text();
        if session.begun || session.begun_errors {
            let said = if said.is_empty() { login } else { said };
            return Err(RemoteError::Broken { shown, what: call.what.to_owned(), said });
        }
        let mut login = login;
        let trouble = if status.code() == Some(255) {
            // For a connection that stays, ssh does not let hosts on the way say anything.
            if login.contains("UNKNOWN port") {
                login = self.alone(call.limit).unwrap_or(login);
            }
            match Trouble::of_ssh(&login) {
                // It was open and broke before the program began: nothing was done.
                Trouble::Other if login.contains("mux_client") => Trouble::ClosedEarly,
                trouble => trouble,
            }
        } else if session.asked > 1 {
            match Trouble::of_sudo(&login) {
                Trouble::NotASudoer => Trouble::NotASudoer,
                _ => Trouble::WrongPassword,
            }
        } else if session.asked == 1 && session.password.is_none() {
            Trouble::PasswordNeeded
        } else if call.root.is_some() {
            match Trouble::of_sudo(&login) {
                Trouble::Other => Trouble::Shell,
                trouble => trouble,
            }
        } else {
            Trouble::Shell
        };
        Err(self.not_let_in(trouble, login))
    }

    /// What ssh says when it makes a connection for one call only. None: it was let in now, or could not be run.
    fn alone(&self, limit: Duration) -> Option<String> {
        struct Errors(Vec<u8>);
        impl Talk<'_> for Errors {
            fn stdout(&mut self, _: &[u8], _: &mut Input<'_>) -> io::Result<()> {
                Ok(())
            }
            fn stderr(&mut self, bytes: &[u8], _: &mut Input<'_>) -> io::Result<()> {
                self.0.extend_from_slice(
                    &bytes[..bytes.len().min(SAID.saturating_sub(self.0.len()))],
                );
                Ok(())
            }
        }
        let mut input = Input::default();
        input.close();
        let mut errors = Errors(Vec::new());
        let limits = Limits { whole: limit, silence: None };
        let end = exchange(&mut self.ssh(None, "true"), limits, &mut errors, input).ok()?;
        let failed = matches!(end, End::Exited(status) if status.code() == Some(255));
        failed.then(|| String::from_utf8_lossy(&errors.0).into_owned())
    }

    /// A run of ssh.
    fn ssh(&self, socket: Option<&Path>, line: &str) -> Command {
        let mut command = Command::new(&self.options.program);
        command.args(self.target.call(&self.options, socket, line));
        // A host on the way must not ask at the terminal either.
        command.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force");
        self.trips.fetch_add(1, Ordering::Relaxed);
        command
    }

    /// What kept us out, in words.
    pub(crate) fn not_let_in(&self, trouble: Trouble, said: String) -> RemoteError {
        let text = trouble.explained(&self.target, &self.options, &said);
        RemoteError::NotLetIn { trouble, text, said }
    }
}

/// When `sudo` may ask for its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompts {
    Never,
    /// Before the program begins: it runs below `sudo`.
    Before,
    /// While it runs: it calls `sudo`.
    While,
}

/// What was heard of a call so far.
struct Session<'a, 's> {
    sink: &'s mut dyn Sink,
    password: Option<&'a Secret>,
    prompts: Prompts,
    payload: &'a [&'a [u8]],
    /// Whether there may be more to say than the payload.
    keep_open: bool,
    /// Whether standard output has said that the program has begun; then standard error.
    begun: bool,
    begun_errors: bool,
    /// The line of standard output before that, so far.
    noise: Vec<u8>,
    /// The line of standard error so far.
    line: Vec<u8>,
    /// Standard error before the program began, and after.
    login: Said,
    said: Said,
    /// How often we were asked for the password.
    asked: u32,
    code: Option<i32>,
}

impl<'a> Talk<'a> for Session<'a, '_> {
    fn stdout(&mut self, bytes: &[u8], input: &mut Input<'a>) -> io::Result<()> {
        if self.begun {
            return self.sink.take(bytes);
        }
        // A login script may write to standard output.
        for (at, byte) in bytes.iter().enumerate() {
            if *byte != b'\n' {
                if self.noise.len() < BEGIN.len() + 4096 {
                    self.noise.push(*byte);
                }
                continue;
            }
            let is_it = self.noise.ends_with(BEGIN.as_bytes());
            self.noise.clear();
            if is_it {
                self.begun = true;
                for part in self.payload {
                    input.push(part);
                }
                if !self.keep_open {
                    input.close();
                }
                let rest = &bytes[at + 1..];
                return if rest.is_empty() { Ok(()) } else { self.sink.take(rest) };
            }
        }
        Ok(())
    }

    fn stderr(&mut self, bytes: &[u8], input: &mut Input<'a>) -> io::Result<()> {
        for byte in bytes {
            if *byte == b'\n' {
                self.end_line();
                continue;
            }
            if self.line.len() < SAID {
                self.line.push(*byte);
            }
            if *byte == b':' && self.line.ends_with(PROMPT.as_bytes()) && self.may_ask() {
                self.line.truncate(self.line.len() - PROMPT.len());
                self.asked += 1;
                match self.password {
                    Some(password) if self.asked == 1 => input.push(password.expose().as_bytes()),
                    // Not a second time: it was wrong.
                    _ => input.close(),
                }
            }
        }
        Ok(())
    }
}

impl Session<'_, '_> {
    fn may_ask(&self) -> bool {
        match self.prompts {
            Prompts::Never => false,
            Prompts::Before => !self.begun && !self.begun_errors,
            Prompts::While => self.begun_errors,
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if !self.begun_errors {
            if line.ends_with(BEGIN) {
                self.begun_errors = true;
            } else {
                self.login.add(line);
            }
        } else if let Some(code) = line.strip_prefix(END).and_then(|code| code.parse().ok()) {
            self.code = Some(code);
        } else if !line.is_empty() {
            self.sink.error(line);
            self.said.add(line);
        }
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

/// What was said, bounded: the beginning and the end.
#[derive(Debug, Default)]
struct Said {
    first: String,
    last: std::collections::VecDeque<String>,
    bytes: usize,
    left_out: bool,
}

impl Said {
    fn add(&mut self, line: &str) {
        if self.first.len() + line.len() < SAID / 2 && self.last.is_empty() {
            self.first.push_str(line);
            self.first.push('\n');
            return;
        }
        self.bytes += line.len();
        self.last.push_back(line.to_owned());
        while self.bytes > SAID / 2 && self.last.len() > 1 {
            self.bytes -= self.last.pop_front().map_or(0, |line| line.len());
            self.left_out = true;
        }
    }

    fn is_short(&self) -> bool {
        self.last.is_empty() && self.first.lines().count() < 4
    }

    fn text(&self) -> String {
        let mut text = self.first.clone();
        if self.left_out {
            text.push_str("[...]\n");
        }
        for line in &self.last {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
