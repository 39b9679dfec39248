//! What was changed on a host, when and by whom, with what stood there before.
//!
//! `/var/lib/node-prep/journal.ndjson` has a line for each thing that happened: before a change is made its intent with the
//! state before, after it the state that it left. Former contents of files are beside it by their SHA-256. From the
//! journal alone it is known what a killed run left undone, what stands that can be taken back, and whether someone
//! else has changed it since.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::change::{Change, Kept, Poke, Standing, State, What};
use crate::host::{Entry, Host, HostError, Kind, Meta, folder_of};

/// Where the journal and former contents are.
pub const FOLDER: &str = "/var/lib/node-prep";
const JOURNAL: &str = "/var/lib/node-prep/journal.ndjson";
const BACKUP: &str = "/var/lib/node-prep/backup";
/// Of the lines that this program writes and reads.
const VERSION: u32 = 1;

/// Who changes a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The user, before `sudo`.
    pub user: String,
    /// When, as RFC 3339 has it, in UTC.
    pub at: String,
    /// The version of this program.
    pub version: String,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// It makes the changes of a plan.
    Apply,
    /// It takes changes back.
    Undo,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
enum Record {
    /// The first line.
    Journal { version: u32 },
    /// A run begins.
    Run {
        run: u32,
        work: Work,
        by: By,
        #[serde(default)]
        pokes: Vec<Poke>,
    },
    /// A change is about to be made.
    Intent {
        change: u32,
        step: String,
        what: Change,
        before: State,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        touches: Option<BTreeSet<String>>,
    },
    /// It was made.
    Done { change: u32, after: State },
    /// It did not come about.
    Void { change: u32 },
    /// A change is about to be taken back.
    TakingBack { change: u32 },
    /// It was taken back.
    TakenBack { change: u32 },
    /// After changes were taken back something has read its files again.
    Poked { poke: Poke },
    /// A run has ended.
    End { run: u32, ok: bool },
}

/// A change that was made, or begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its number, counted over all runs from 1.
    pub number: u32,
    /// The run that made it.
    pub run: u32,
    /// The step that wished it.
    pub step: String,
    /// What was changed.
    pub change: Change,
    /// What stood there.
    pub before: State,
    /// Of packages those that were to come, change or go; `None` for other changes.
    #[serde(skip)]
    pub touches: Option<BTreeSet<String>>,
    /// What it left; `None` where the run ended in between.
    pub after: Option<State>,
    /// Whether taking it back was begun and has not ended.
    pub taking_back: bool,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its number, from 1.
    pub number: u32,
    /// What it did.
    pub work: Work,
    /// Who did it.
    pub by: By,
    /// How it ended; `None` where it did not come to its end.
    pub ok: Option<bool>,
    /// How many changes it made or took back.
    pub changes: u32,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A line that is not the last cannot be read.
    #[error(
        "{JOURNAL}:{line}: this is no line of a journal ({why}); nothing is changed while it is there"
    )]
    Damaged {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A newer program wrote it.
    #[error(
        "{JOURNAL} has version {found}, and this program knows {VERSION}: use the node-prep that wrote it"
    )]
    Version {
        /// What it has.
        found: u32,
    },
    /// It cannot be written as a line.
    #[error("a line of the journal cannot be written")]
    Line(#[from] serde_json::Error),
}

/// What was changed on a host so far.
pub struct Journal<'h> {
    host: &'h dyn Host,
    runs: Vec<Run>,
    /// Changes that stand, by number: not void and not taken back.
    standing: BTreeMap<u32, Made>,
    /// What was still to read its files again when a run ended early.
    pokes: BTreeSet<Poke>,
    last_change: u32,
    exists: bool,
}

impl std::fmt::Debug for Journal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl<'h> Journal<'h> {
    /// Reads the journal of a host. One that was never written is empty.
    ///
    /// # Errors
    /// If it cannot be read, or is not one that this program can go on with.
    pub fn read(host: &'h dyn Host) -> Result<Self, JournalError> {
        let mut journal = Self {
            host,
            runs: Vec::new(),
            standing: BTreeMap::new(),
            pokes: BTreeSet::new(),
            last_change: 0,
            exists: false,
        };
        if let Some(text) = host.text(JOURNAL)? {
            journal.exists = true;
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            for (at, line) in whole.lines().enumerate() {
                let record = serde_json::from_str(line)
                    .map_err(|why| JournalError::Damaged { line: at + 1, why: why.to_string() })?;
                if let Record::Journal { version } = record
                    && version != VERSION
                {
                    return Err(JournalError::Version { found: version });
                }
                journal.take(record);
            }
        }
        Ok(journal)
    }

    /// Reads it to write it: the end of a line that a killed run did not finish is cut off.
    ///
    /// # Errors
    /// As [`Journal::read`], or if it cannot be written.
    pub fn open(host: &'h dyn Host) -> Result<Self, JournalError> {
        let mut journal = Self::read(host)?;
        host.tidy(JOURNAL)?;
        if let Some(entry) = host.entry(JOURNAL)?
            && let Kind::File(content) = entry.kind
            && content.last().is_some_and(|byte| *byte != b'\n')
        {
            let end = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let kind = Kind::File(content[..end].to_vec());
            host.put(JOURNAL, &Entry { kind, meta: entry.meta })?;
            journal.exists = end > 0;
        }
        Ok(journal)
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Journal { .. } => {}
            Record::Run { run, work, by, pokes } => {
                self.pokes.extend(pokes);
                self.runs.push(Run { number: run, work, by, ok: None, changes: 0 });
            }
            Record::Intent { change, step, what, before, touches } => {
                self.last_change = self.last_change.max(change);
                let run = self.runs.last().map_or(0, |run| run.number);
                let made = Made {
                    number: change,
                    run,
                    step,
                    change: what,
                    before,
                    touches,
                    after: None,
                    taking_back: false,
                };
                self.standing.insert(change, made);
            }
            Record::Done { change, after } => {
                if let Some(made) = self.standing.get_mut(&change) {
                    made.after = Some(after);
                    if let Change::Poke(poke) = &made.change {
                        self.pokes.remove(poke);
                    }
                }
                self.count();
            }
            Record::Void { change } => {
                self.standing.remove(&change);
            }
            Record::TakingBack { change } => {
                if let Some(made) = self.standing.get_mut(&change) {
                    made.taking_back = true;
                }
            }
            Record::TakenBack { change } => {
                self.standing.remove(&change);
                self.count();
            }
            Record::Poked { poke } => {
                self.pokes.remove(&poke);
            }
            Record::End { run, ok } => {
                if let Some(run) = self.runs.iter_mut().find(|known| known.number == run) {
                    run.ok = Some(ok);
                }
            }
        }
    }

    fn count(&mut self) {
        if let Some(run) = self.runs.last_mut() {
            run.changes += 1;
        }
    }

    fn write(&mut self, record: Record) -> Result<(), JournalError> {
        if !self.exists {
            self.make_folder(FOLDER)?;
            self.make_folder(BACKUP)?;
            self.append(&Record::Journal { version: VERSION })?;
            self.exists = true;
        }
        self.append(&record)?;
        self.take(record);
        Ok(())
    }

    fn append(&self, record: &Record) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        Ok(self.host.append(JOURNAL, &line)?)
    }

    fn make_folder(&self, path: &str) -> Result<(), HostError> {
        let above = folder_of(path);
        if self.host.entry(above)?.is_none() {
            self.make_folder(above)?;
        }
        let mode = if path.starts_with(FOLDER) { 0o700 } else { 0o755 };
        if self.host.entry(path)?.is_none() {
            self.host.put(path, &Entry { kind: Kind::Folder, meta: Meta::root(mode) })?;
        }
        Ok(())
    }

    /// A run begins. `pokes` are what it will have read its files again: they are owed from now on.
    pub(crate) fn begin(
        &mut self,
        work: Work,
        by: By,
        pokes: Vec<Poke>,
    ) -> Result<u32, JournalError> {
        let run = self.runs.last().map_or(0, |run| run.number) + 1;
        self.write(Record::Run { run, work, by, pokes })?;
        Ok(run)
    }

    /// A change is about to be made: what stands there is kept first.
    pub(crate) fn intend(
        &mut self,
        step: &str,
        what: &Change,
        before: State,
        touches: Option<BTreeSet<String>>,
    ) -> Result<u32, JournalError> {
        self.keep(what, &before)?;
        let change = self.last_change + 1;
        let (step, what) = (step.to_owned(), what.clone());
        self.write(Record::Intent { change, step, what, before, touches })?;
        Ok(change)
    }

    pub(crate) fn done(&mut self, change: u32, after: State) -> Result<(), JournalError> {
        self.write(Record::Done { change, after })
    }

    pub(crate) fn void(&mut self, change: u32) -> Result<(), JournalError> {
        self.write(Record::Void { change })
    }

    pub(crate) fn taking_back(&mut self, change: u32) -> Result<(), JournalError> {
        self.write(Record::TakingBack { change })
    }

    pub(crate) fn taken_back(&mut self, change: u32) -> Result<(), JournalError> {
        self.write(Record::TakenBack { change })
    }

    pub(crate) fn poked(&mut self, poke: Poke) -> Result<(), JournalError> {
        self.write(Record::Poked { poke })
    }

    pub(crate) fn end(&mut self, run: u32, ok: bool) -> Result<(), JournalError> {
        self.write(Record::End { run, ok })
    }

    fn keep(&self, what: &Change, before: &State) -> Result<(), HostError> {
        let State::Path(Some(Standing { what: What::File { sha256 }, .. })) = before else {
            return Ok(());
        };
        let kept = self.place(sha256);
        if self.host.entry(&kept)?.is_some() {
            return Ok(());
        }
        self.make_folder(BACKUP)?;
        if let Some(Entry { kind: Kind::File(content), .. }) = self.host.entry(&what.resource())? {
            let meta = Meta::root(0o600);
            self.host.put(&kept, &Entry { kind: Kind::File(content), meta })?;
        }
        Ok(())
    }

    /// What a killed run left between intent and end is looked at: it was made, or it was not. Answers what was found.
    ///
    /// # Errors
    /// If the host cannot be looked at, or the journal not written.
    pub(crate) fn settle(&mut self) -> Result<Vec<Made>, JournalError> {
        let open: Vec<Made> = self
            .standing
            .values()
            .filter(|made| made.after.is_none() || made.taking_back)
            .cloned()
            .collect();
        for made in &open {
            made.change.tidy(self.host)?;
            let now = made.change.probe(self.host)?;
            let now = Change::narrowed(&made.before, now, made.touches.as_ref());
            // Nobody can see whether a program has run that leaves nothing to look at: it counts as run.
            let is_in_doubt = now == State::Unknown && matches!(made.change, Change::Run { .. });
            match (&made.after, now == made.before && !is_in_doubt) {
                // Of packages more than their versions comes back: files of configuration, what is held.
                (Some(_), true) if !matches!(made.change, Change::Install { .. }) => {
                    self.taken_back(made.number)?;
                }
                // It still stands, and is taken back when that is wished again.
                (Some(_), _) => {}
                (None, true) => self.void(made.number)?,
                (None, false) => self.done(made.number, now)?,
            }
        }
        Ok(open)
    }

    /// All runs, the oldest first.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Changes that stand and can be taken back, the oldest first.
    #[must_use]
    pub fn standing(&self) -> impl DoubleEndedIterator<Item = &Made> {
        self.standing.values()
    }

    /// What was to read its files again when a run ended early, and did not.
    pub fn owed(&self) -> impl Iterator<Item = &Poke> {
        self.pokes.iter()
    }

    /// Whether the last run did not come to its end.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.runs.last().is_some_and(|run| run.ok.is_none())
    }

    /// Takes the journal away, with all former contents.
    ///
    /// # Errors
    /// If it cannot be taken away.
    pub fn forget(self) -> Result<(), HostError> {
        for name in self.host.list(BACKUP)? {
            self.host.remove(&format!("{BACKUP}/{name}"))?;
        }
        self.host.remove(BACKUP)?;
        self.host.remove(JOURNAL)?;
        self.host.remove(FOLDER)
    }
}

impl Kept for Journal<'_> {
    fn content(&self, sha256: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.host.read(&self.place(sha256))
    }

    fn place(&self, sha256: &str) -> String {
        format!("{BACKUP}/{sha256}")
    }
}
