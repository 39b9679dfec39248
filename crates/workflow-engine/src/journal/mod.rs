//! The journal of a run: append-only, versioned, each record with a checksum.
//!
//! Layout: a header of 16 bytes (`windlass-jnl` and the version as u32le), then frames of
//! `length: u32le, crc32: u32le, payload`, the payload being a record in postcard's encoding. A journal cut
//! anywhere is a valid journal with a torn end: reading stops at the first frame that is short or does not
//! match its checksum, and the writer cuts there before it appends.

mod record;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(crate) use record::Record;
pub use record::{Begin, Closed, Ended, Session, Started, Verdict};

const MAGIC: &[u8; 12] = b"windlass-jnl";
/// Version of the record encoding.
const VERSION: u32 = 1;
const HEADER: u64 = 16;
/// No record comes near this; a larger length is a torn or foreign frame.
const LONGEST: usize = 1 << 30;

/// What can go wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading failed.
    #[error("failed to read journal {path}")]
    Read {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Writing failed.
    #[error("failed to write journal {path}")]
    Write {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It does not start as a journal does.
    #[error("{path} is not a journal of this program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written in an encoding that this version does not read.
    #[error("{path} has journal version {found}; this program reads version {VERSION}")]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A whole record with a right checksum does not decode.
    #[error("record {number} of {path} is whole, but of no known kind: a newer program wrote it")]
    Unknown {
        /// The journal.
        path: PathBuf,
        /// Number of the record, from 1.
        number: u64,
    },
}

/// Appends records. Records collect in memory until [`Writer::flush`] hands them to the kernel.
#[derive(Debug)]
pub(crate) struct Writer {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes were handed to the kernel since the last [`Writer::sync`].
    pub(crate) unsynced: bool,
    durable: bool,
    /// Time spent in `write` and `fdatasync`, in nanoseconds.
    pub(crate) spent_nanos: u64,
    /// What is to be on disk with the first records.
    sync_too: Vec<File>,
    /// Open while the journal is: the run's lock and marker.
    held: Vec<File>,
}

impl Writer {
    /// A new journal; refuses to overwrite one.
    pub(crate) fn create(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let mut file = File::options().write(true).create_new(true).open(path).map_err(failed)?;
        let mut header = [0_u8; HEADER as usize];
        header[..12].copy_from_slice(MAGIC);
        header[12..].copy_from_slice(&VERSION.to_le_bytes());
        file.write_all(&header).map_err(failed)?;
        Ok(Self::over(file, path))
    }

    /// Goes on with a journal of which the first `valid` bytes are sound. A torn end is kept beside it
    /// (`journal.torn`) and cut off.
    pub(crate) fn append(path: &Path, valid: u64) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let mut file = File::options().read(true).write(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length > valid {
            let mut torn = Vec::new();
            file.seek(SeekFrom::Start(valid)).map_err(failed)?;
            file.read_to_end(&mut torn).map_err(failed)?;
            let beside = path.with_extension("torn");
            let mut kept =
                File::options().append(true).create(true).open(&beside).map_err(failed)?;
            kept.write_all(&torn).map_err(failed)?;
            file.set_len(valid).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(valid)).map_err(failed)?;
        Ok(Self::over(file, path))
    }

    fn over(file: File, path: &Path) -> Self {
        Self {
            file,
            path: path.to_owned(),
            buffer: Vec::with_capacity(4096),
            unsynced: true,
            durable: false,
            spent_nanos: 0,
            sync_too: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Waits for the disk at every [`Writer::flush`].
    pub(crate) fn set_durable(&mut self, durable: bool) {
        self.durable = durable;
    }

    /// Keeps a file open as long as the journal is written.
    pub(crate) fn hold(&mut self, file: File) {
        self.held.push(file);
    }

    /// Has a file or folder synced with the first records.
    pub(crate) fn sync_too(&mut self, file: File) {
        self.sync_too.push(file);
    }

    /// What is still to be synced with the journal.
    pub(crate) fn take_sync_too(&mut self) -> Vec<File> {
        std::mem::take(&mut self.sync_too)
    }

    /// Gives the held files up.
    pub(crate) fn release(&mut self) -> Vec<File> {
        std::mem::take(&mut self.held)
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &Record) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 8]);
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = postcard::to_extend(record, buffer)
            .map_err(|error| failed(io::Error::other(error.to_string())))?;
        let payload = &self.buffer[start + 8..];
        let length = (payload.len() as u32).to_le_bytes();
        let checksum = crc32fast::hash(payload).to_le_bytes();
        self.buffer[start..start + 4].copy_from_slice(&length);
        self.buffer[start + 4..start + 8].copy_from_slice(&checksum);
        Ok(())
    }

    /// Hands everything to the kernel, in one write; a killed process loses none of it.
    pub(crate) fn flush(&mut self) -> Result<(), JournalError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        let before = std::time::Instant::now();
        self.file.write_all(&self.buffer).map_err(failed)?;
        self.buffer.clear();
        if self.durable {
            self.file.sync_data().map_err(failed)?;
        } else {
            self.unsynced = true;
        }
        self.spent_nanos += u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// A second handle for waiting for the disk without holding this one.
    pub(crate) fn sync_handle(&self) -> Result<File, JournalError> {
        self.file
            .try_clone()
            .map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads records until the end, or until the journal is torn.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    path: PathBuf,
    payload: Vec<u8>,
    valid: u64,
    number: u64,
    torn: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a journal.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path)
            .map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
        Self::new(BufReader::with_capacity(1 << 16, file), path)
    }
}

impl<R: Read> Reader<R> {
    /// Reads a journal from anything; `path` is for messages.
    pub(crate) fn new(mut input: R, path: &Path) -> Result<Self, JournalError> {
        let mut header = [0_u8; HEADER as usize];
        let failed = |source| JournalError::Read { path: path.to_owned(), source };
        let whole = read_up_to(&mut input, &mut header).map_err(failed)?;
        if whole < header.len() || &header[..12] != MAGIC {
            return Err(JournalError::Foreign { path: path.to_owned() });
        }
        let found = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
        if found != VERSION {
            return Err(JournalError::Version { path: path.to_owned(), found });
        }
        Ok(Self {
            input,
            path: path.to_owned(),
            payload: Vec::new(),
            valid: HEADER,
            number: 0,
            torn: false,
        })
    }

    /// The next record; `None` at the end or where the journal is torn.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, JournalError> {
        let failed = |path: &Path, source| JournalError::Read { path: path.to_owned(), source };
        let mut frame = [0_u8; 8];
        let got = read_up_to(&mut self.input, &mut frame).map_err(|e| failed(&self.path, e))?;
        if got < frame.len() {
            self.torn = got > 0;
            return Ok(None);
        }
        let length = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
        let checksum = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]);
        if length == 0 || length > LONGEST {
            self.torn = true;
            return Ok(None);
        }
        self.payload.clear();
        let got = (&mut self.input)
            .take(length as u64)
            .read_to_end(&mut self.payload)
            .map_err(|e| failed(&self.path, e))?;
        if got < length || crc32fast::hash(&self.payload) != checksum {
            self.torn = true;
            return Ok(None);
        }
        self.number += 1;
        let record = postcard::from_bytes(&self.payload)
            .map_err(|_| JournalError::Unknown { path: self.path.clone(), number: self.number })?;
        self.valid += 8 + length as u64;
        Ok(Some(record))
    }

    /// How many bytes from the start are sound.
    pub(crate) fn valid(&self) -> u64 {
        self.valid
    }

    /// Whether reading ended at a torn record instead of the end.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn
    }
}

/// Reads every record of a journal that lies in memory and answers how many are sound. A torn end is no
/// error.
///
/// # Errors
/// When it is no journal, of another version, or holds a whole record of no known kind.
pub fn check_bytes(bytes: &[u8]) -> Result<usize, JournalError> {
    let mut reader = Reader::new(bytes, Path::new("journal"))?;
    let mut records = 0;
    while reader.next()?.is_some() {
        records += 1;
    }
    Ok(records)
}

fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests;
