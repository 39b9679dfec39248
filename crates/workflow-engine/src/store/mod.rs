//! The folder of a run: journal, copy of the workflow, lock, logs. And what an earlier journal says.
//!
//! ```text
//! .windlass/runs/20261121-051200-montage/
//!   journal         what happened; the only truth
//!   workflow.json   the workflow as it was when the run began (workflow-2.json, ... after edits)
//!   lock            held while an engine is at work; names it
//!   tasks           inherited open by every task: finds the tasks of a dead engine
//!   logs/           output of the tasks that said something
//!   slots/          scratch files of running tasks, gone when the engine ends
//!   journal.torn    what was cut off a journal that ended in the middle of a record
//!   journal.N       the journal before an edit of the workflow; logs-N: the logs after it
//! ```

mod carry;
mod history;
mod logs;
mod orphans;

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

use crate::journal::{Begin, Ended, JournalError, Record, Session, Writer};
use crate::model::Variables;
use crate::run::RunOptions;

pub use carry::{Carried, Change, carry};
pub use history::{Contents, History, RunState, TaskRecord, read};
pub(crate) use history::{decode_outputs, encode_outputs};
pub(crate) use logs::log_path;
#[cfg(feature = "k8s")]
pub(crate) use logs::write_log;
pub use logs::{TaskLog, log_dir, task_logs};
pub use orphans::{Orphan, OrphanError};

const JOURNAL: &str = "journal";
const LOGS: &str = "logs";
const LOCK: &str = "lock";
const MARKER: &str = "tasks";

/// What can go wrong with a run's folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be made, read or written.
    #[error("failed to {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another engine is at work on the run.
    #[error("another engine is at work on run {run}: {holder}")]
    Locked {
        /// The run's id.
        run: String,
        /// What the lock says of its holder.
        holder: String,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal has no record of the run's begin.
    #[error("{path} ends before its first record: the run had not begun")]
    NotBegun {
        /// The journal.
        path: PathBuf,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// A run's folder, locked by this process.
#[derive(Debug)]
pub struct RunStore {
    dir: PathBuf,
    begin: Begin,
    writer: Writer,
}

/// What a new run is made of.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// The folder that holds all runs.
    pub runs_dir: &'a Path,
    /// The workflow file as the user named it, absolute.
    pub source: &'a Path,
    /// Its text.
    pub text: &'a str,
    /// The work directory, absolute.
    pub work_dir: &'a Path,
    /// The variables it was expanded with.
    pub variables: &'a Variables,
    /// Number of processes.
    pub processes: usize,
    /// A word for the id, such as the workflow's name.
    pub label: &'a str,
    /// The id, where it was chosen elsewhere; else it is made of the time and the label.
    pub id: Option<&'a str>,
}

/// The hash by which a run knows whether its workflow file was changed.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

fn now_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// An id for a run that begins so many microseconds after 1970: `20261121-051200-montage`. It sorts by time, and says what
/// it is.
#[must_use]
pub fn new_run_id(label: &str, micros: u64) -> String {
    let time = jiff::Timestamp::from_microsecond(i64::try_from(micros).unwrap_or(0))
        .unwrap_or_default()
        .strftime("%Y%m%d-%H%M%S");
    let word: String = label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(24)
        .collect();
    let word = word.trim_matches('-');
    if word.is_empty() { time.to_string() } else { format!("{time}-{word}") }
}

impl RunStore {
    /// Makes the folder of a new run and takes its lock.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn create(new: &NewRun<'_>) -> Result<Self, StoreError> {
        fs::create_dir_all(new.runs_dir).map_err(io_error("make", new.runs_dir))?;
        let epoch_micros = now_micros();
        let (id, dir) = match new.id {
            Some(id) => {
                let dir = new.runs_dir.join(id);
                fs::DirBuilder::new().mode(0o700).create(&dir).map_err(io_error("make", &dir))?;
                (id.to_owned(), dir)
            }
            None => Self::make_dir(new, epoch_micros)?,
        };
        let lock = take_lock(&dir, &id)?;
        let copy = "workflow.json";
        let written = write_new(&dir.join(copy), new.text)?;
        let begin = Begin {
            run: id,
            epoch_micros,
            source: new.source.to_string_lossy().into_owned(),
            copy: copy.to_owned(),
            work_dir: new.work_dir.to_string_lossy().into_owned(),
            variables: new.variables.used(),
            processes: new.processes as u32,
            workflow_hash: text_hash(new.text),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut writer = Writer::create(&dir.join(JOURNAL))?;
        writer.push(&Record::Begin(begin.clone()))?;
        writer.flush()?;
        writer.hold(lock);
        writer.hold(open_marker(&dir)?);
        // The journal is worth nothing without these.
        for folder in [&dir, new.runs_dir] {
            writer.sync_too(File::open(folder).map_err(io_error("open", folder))?);
        }
        writer.sync_too(written);
        Ok(Self { dir, begin, writer })
    }

    /// A folder with an id that no other run has.
    fn make_dir(new: &NewRun<'_>, epoch_micros: u64) -> Result<(String, PathBuf), StoreError> {
        let id = new_run_id(new.label, epoch_micros);
        (1_u32..)
            .map(|n| if n == 1 { id.clone() } else { format!("{id}-{n}") })
            .map(|id| (new.runs_dir.join(&id), id))
            .find_map(|(dir, id)| match fs::DirBuilder::new().mode(0o700).create(&dir) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                result => Some(result.map(|()| (id, dir.clone())).map_err(io_error("make", &dir))),
            })
            .unwrap_or_else(|| Ok((String::new(), PathBuf::new())))
    }

    /// Takes the lock of an existing run and reads its journal.
    ///
    /// # Errors
    /// When another engine holds the lock, or something cannot be read.
    pub fn open(dir: &Path) -> Result<(Self, Contents), StoreError> {
        let id = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = take_lock(dir, &id)?;
        let path = dir.join(JOURNAL);
        let contents = read(dir)?;
        let mut writer = Writer::append(&path, contents.valid_bytes)?;
        writer.hold(lock);
        writer.hold(open_marker(dir)?);
        Ok((Self { dir: dir.to_owned(), begin: contents.begin.clone(), writer }, contents))
    }

    /// Replaces the journal by one for a changed workflow that keeps what was carried over, with the logs
    /// under the changed workflow's numbers. The former journal stays as `journal.N`; the former logs and
    /// the former copy of the workflow stay as they were.
    ///
    /// # Errors
    /// When something cannot be written; the run is then as before.
    pub fn rewrite(
        mut self,
        text: &str,
        variables: &Variables,
        processes: usize,
        contents: &Contents,
        carried: &Carried,
    ) -> Result<Self, StoreError> {
        let number = (2_u32..1_000_000)
            .find(|n| !self.dir.join(format!("workflow-{n}.json")).exists())
            .unwrap_or(u32::MAX);
        let copy = format!("workflow-{number}.json");
        let copy_path = self.dir.join(&copy);
        let written = write_new(&copy_path, text)?;
        written.sync_all().map_err(io_error("sync", &copy_path))?;
        self.begin = Begin {
            copy,
            variables: variables.used(),
            processes: processes as u32,
            workflow_hash: text_hash(text),
            ..self.begin
        };
        let fresh = self.dir.join("journal.new");
        if fresh.exists() {
            fs::remove_file(&fresh).map_err(io_error("remove", &fresh))?;
        }
        let mut writer = Writer::create(&fresh)?;
        writer.push(&Record::Begin(self.begin.clone()))?;
        let target = |process: u32| carried.targets.get(process as usize).copied().flatten();
        for ended in &contents.ended {
            if let Some(process) = target(ended.process) {
                // Sizes of files go by signal numbers, which may have changed.
                let files = Vec::new();
                writer.push(&Record::Ended(Ended { process, files, ..ended.clone() }))?;
            }
        }
        writer.flush()?;
        let file = writer.sync_handle()?;
        file.sync_all().map_err(io_error("sync", &fresh))?;
        let path = self.dir.join(JOURNAL);
        let former = self.dir.join(format!("journal.{}", number - 1));
        fs::copy(&path, &former).map_err(io_error("copy", &former))?;
        // The logs under their new numbers are complete before the journal says that these count.
        let former_logs = log_dir(&self.dir, &contents.begin);
        if former_logs.exists() {
            logs::renumber(&former_logs, &log_dir(&self.dir, &self.begin), target)?;
        }
        fs::rename(&fresh, &path).map_err(io_error("replace", &path))?;
        sync_dir(&self.dir)?;
        let held = self.writer.release();
        self.writer =
            Writer::append(&path, file.metadata().map_err(io_error("read", &path))?.len())?;
        for file in held {
            self.writer.hold(file);
        }
        Ok(self)
    }

    /// Takes over what another engine brought to an end: its firings count as done in this run.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn import(&mut self, history: &History) -> Result<(), StoreError> {
        for record in &history.records {
            self.writer.push(&Record::Ended(record.to_ended()))?;
        }
        Ok(self.writer.flush()?)
    }

    /// The run's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the logs of its tasks are kept.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        log_dir(&self.dir, &self.begin)
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.begin.run
    }

    /// What the run is.
    #[must_use]
    pub fn begin(&self) -> &Begin {
        &self.begin
    }

    pub(crate) fn epoch_micros(&self) -> u64 {
        self.begin.epoch_micros
    }

    /// Tasks of a dead engine that still live. To be asked before anything is started.
    ///
    /// # Errors
    /// When the marker cannot be read.
    pub fn orphans(&self, contents: &Contents) -> Result<Vec<Orphan>, StoreError> {
        orphans::find(&self.dir.join(MARKER), contents)
    }

    /// Ends all living tasks of a dead engine (or waits for them) and returns once none is left.
    ///
    /// # Errors
    /// When some are still there at the deadline.
    pub fn settle_orphans(
        &self,
        contents: &Contents,
        end_them: bool,
        deadline: Duration,
    ) -> Result<Vec<Orphan>, StoreError> {
        orphans::settle(&self.dir.join(MARKER), contents, end_them, deadline)
    }

    pub(crate) fn into_writer(
        mut self,
        options: &RunOptions,
        executor: &str,
        at_micros: u64,
    ) -> Result<Writer, JournalError> {
        let session = Session {
            pid: std::process::id(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot_id: boot_id(),
            at_micros,
            slots: options.slots as u32,
            executor: executor.to_owned(),
        };
        self.writer.push(&Record::Session(session))?;
        self.writer.flush()?;
        Ok(self.writer)
    }
}

/// Writes a file that was not there.
fn write_new(path: &Path, text: &str) -> Result<File, StoreError> {
    let mut file = File::create(path).map_err(io_error("write", path))?;
    file.write_all(text.as_bytes()).map_err(io_error("write", path))?;
    Ok(file)
}

/// Has the disk know which files a folder holds.
fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(io_error("sync", path))
}

/// Identifies the kernel's run; empty where the system does not say.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The lock is the kernel's, so a dead engine's is free at once; its text is only for people.
fn take_lock(dir: &Path, run: &str) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io_error("open", &path))?;
    // A child that is just being made shares the lock until it executes its program.
    let patience = Instant::now() + Duration::from_millis(500);
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim().to_owned();
                return Err(StoreError::Locked { run: run.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
        }
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let text = format!("process {} on {host}\n", std::process::id());
    file.rewind().map_err(io_error("write", &path))?;
    file.set_len(0).map_err(io_error("write", &path))?;
    file.write_all(text.as_bytes()).map_err(io_error("write", &path))?;
    Ok(file)
}

/// Opened so that every child inherits it: whoever holds it open belongs to this run.
fn open_marker(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(MARKER);
    let file =
        File::options().append(true).create(true).open(&path).map_err(io_error("open", &path))?;
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())
        .map_err(|errno| io_error("open", &path)(errno.into()))?;
    Ok(file)
}
