//! Workflow files: plain or gzip, UTF-8.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::check::{Invalid, Place, Problem};

/// A workflow file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Reading failed.
    #[error("failed to read workflow {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not UTF-8.
    #[error("{path} is not UTF-8 text: {problem}")]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Where.
        problem: Invalid,
    },
}

/// The text of a workflow file; gzip (`.json.gz`) is recognised by content.
///
/// # Errors
/// When the file cannot be read or is not UTF-8.
pub fn read_file(path: &Path) -> Result<String, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let mut bytes = fs::read(path).map_err(failed)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::with_capacity(bytes.len().saturating_mul(12));
        flate2::read::MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .map_err(failed)?;
        bytes = plain;
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        // A byte-order mark says nothing in UTF-8, and some editors write it.
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&error.as_bytes()[..offset]).into_owned();
        let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
        let message = format!("byte 0x{byte:02x} is not part of a UTF-8 character");
        let mut problem = Problem::error("encoding", Place::Bytes(offset, 1), message);
        problem.position = Some(crate::check::position(&valid, offset, 1));
        let problem = Invalid { problems: vec![problem.help("save the file as UTF-8")] };
        LoadError::Encoding { path: path.to_owned(), problem }
    })
}
