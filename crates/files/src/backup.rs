//! Backups: what they are called, and how a name is taken that nobody has.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::FilesError;
use crate::replace::Stage;

/// What becomes of the old content when a file gets a new one.
///
/// A backup stands beside the file, with the file's mode and the old content. It is on disk before the file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backup {
    /// Nothing is kept.
    None,
    /// `NAME.bak`: only the last content is kept, an older backup is replaced.
    Bak,
    /// `NAME.2026-11-21T07-04-44Z.bak`, with the given time in UTC. Backups are never replaced: a second one
    /// of the same second is `NAME.2026-11-21T07-04-44Z-2.bak`, and so on.
    Dated(SystemTime),
}

/// `NAME` with something after it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Backup {
    /// Keeps the content that `old` had. Answers where.
    pub(crate) fn keep(
        self,
        path: &Path,
        old: &File,
        content: &[u8],
    ) -> Result<Option<PathBuf>, FilesError> {
        match self {
            Self::None => Ok(None),
            Self::Bak => {
                let backup = beside(path, ".bak");
                let written = Stage::new(path, Some(old), content)
                    .and_then(|stage| stage.file.persist(&backup).map_err(Into::into));
                match written {
                    Ok(_) => Ok(Some(backup)),
                    Err(source) => Err(FilesError::Backup { path: backup, source }),
                }
            }
            Self::Dated(time) => dated(path, time, old, content).map(Some),
        }
    }
}

fn dated(path: &Path, time: SystemTime, old: &File, content: &[u8]) -> Result<PathBuf, FilesError> {
    // A clock that is thousands of years off still gets a backup.
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    let stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ");
    let mut name = beside(path, &format!(".{stamp}.bak"));
    let mut stage = Stage::new(path, Some(old), content)
        .map_err(|source| FilesError::Backup { path: name.clone(), source })?;
    let mut number = 1_u32;
    loop {
        match stage.file.persist_noclobber(&name) {
            Ok(_) => return Ok(name),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                stage.file = taken.file;
                number += 1;
                name = beside(path, &format!(".{stamp}-{number}.bak"));
            }
            Err(other) => return Err(FilesError::Backup { path: name, source: other.error }),
        }
    }
}
