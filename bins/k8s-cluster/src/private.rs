//! Files at the desk that only their owner may read: access to the cluster, and all of its secrets.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use ::cli::invalid;
use anyhow::{Context, Result};
use files::Backup;
use node_bootstrap::host::hex;
use sha2::{Digest, Sha256};

/// Replaces a file that holds secrets, or makes it; what stood there is kept beside it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<files::Outcome> {
    let shown = path.display();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path).with_context(|| format!("failed to read {shown}"))?;
            if mode.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(path, Permissions::from_mode(0o600))
                    .with_context(|| format!("failed to keep others from reading {shown}"))?;
            }
        }
        Err(error) => return Err(error).with_context(|| format!("failed to write {shown}")),
    }
    Ok(files::replace(path, content, Backup::Dated(SystemTime::now()))?)
}

/// Has a new file written, which gets its name when it is whole. One that is there is refused.
pub(crate) fn create<T>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T>,
) -> Result<T> {
    let shown = path.display();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = || format!("failed to write {shown}");
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    let written = write(file.as_file_mut())?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(written),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(invalid(format!("{shown} is there already; give another name, or move it away")))
        }
        Err(error) => Err(error.error).with_context(failed),
    }
}

/// Writes on, and sums up what was written.
pub(crate) struct Summed<W> {
    to: W,
    sum: Sha256,
}

impl<W: io::Write> Summed<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, sum: Sha256::new() }
    }

    /// The SHA-256 of all that was written, in hexadecimal digits.
    pub(crate) fn sha256(self) -> String {
        hex(&self.sum.finalize())
    }
}

impl<W: io::Write> io::Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
