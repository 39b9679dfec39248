//! Replaces files in one step, and keeps what stood there.
//!
//! [`replace`] gives a file new content. At every moment, and after a crash too, the file holds either all of the
//! old content or all of the new. Content that is there already is not written again.
//!
//! ```
//! use files::{Backup, Outcome, replace};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("environment.xml");
//! assert_eq!(replace(&path, b"<a/>", Backup::Bak)?, Outcome::Created);
//! assert_eq!(replace(&path, b"<a/>", Backup::Bak)?, Outcome::Unchanged);
//! let backup = folder.path().canonicalize()?.join("environment.xml.bak");
//! let replaced = Outcome::Replaced { backup: Some(backup) };
//! assert_eq!(replace(&path, b"<b/>", Backup::Bak)?, replaced);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backup;
mod replace;

use std::io;
use std::path::PathBuf;

pub use backup::Backup;
pub use replace::{Outcome, replace};

/// Why a file could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// What stands there cannot be read, so it can be neither compared nor kept.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder, a device or the like, not a file.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// A symbolic link that leads nowhere. What it should lead to is for its owner to say.
    #[error("{path} is a symbolic link to something that does not exist")]
    DanglingLink {
        /// The link.
        path: PathBuf,
    },
    /// The old content could not be kept, so the new was not written.
    #[error("failed to write the backup {path}")]
    Backup {
        /// The backup.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The new content could not be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
