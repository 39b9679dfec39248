//! Content goes to a file beside the target, to the disk, and then takes the target's name.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Backup, FilesError};

/// Mode of files that were not there before, less what the umask takes away.
const NEW_FILE_MODE: u32 = 0o644;

/// What [`replace`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was no such file.
    Created,
    /// The file has this content already; nothing was written.
    Unchanged,
    /// The file had other content.
    Replaced {
        /// Where that content is now; `None` with [`Backup::None`].
        backup: Option<PathBuf>,
    },
}

/// Gives a file new content in one step.
///
/// - The file keeps its mode, and its owner where the process may set it. A new file has mode 0644, less the umask.
///   Other names (hard links) of the old file keep the old content.
/// - A symbolic link is followed: the file that it leads to is replaced, with its backup beside that file, and the
///   link stays. So configuration that is kept elsewhere and linked to stays where it is kept. A link that leads
///   nowhere is refused.
/// - The content is on disk before it gets the name, and the name is on disk when this returns.
/// - The folder must exist. Nothing locks the file: when two write at once the last one wins, and content that
///   came between reading and renaming is lost.
///
/// # Errors
///
/// When something other than a file stands there, the old content cannot be read or kept, or the new cannot be
/// written. The file then has its old content; only where the disk fails last of all, when it is to keep the new
/// name, may it have the new.
pub fn replace(path: &Path, content: &[u8], backup: Backup) -> Result<Outcome, FilesError> {
    let Some(path) = resolve(path)? else {
        write(path, None, content)?;
        return Ok(Outcome::Created);
    };
    let (old, former) = read(&path)?;
    if former == content {
        return Ok(Outcome::Unchanged);
    }
    let backup = backup.keep(&path, &old, &former)?;
    if backup.is_some() {
        sync_folder(&path).map_err(|source| FilesError::Write { path: path.clone(), source })?;
    }
    write(&path, Some(&old), content)?;
    Ok(Outcome::Replaced { backup })
}

/// The regular file that a path leads to; `None` when there is nothing.
fn resolve(path: &Path) -> Result<Option<PathBuf>, FilesError> {
    let failed = |source| FilesError::Read { path: path.to_owned(), source };
    match path.canonicalize() {
        // Asked before it is opened: to open a pipe or a device may wait or do something.
        Ok(target) if target.is_file() => Ok(Some(target)),
        Ok(target) => Err(FilesError::NotAFile { path: target }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(FilesError::DanglingLink { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        },
        Err(error) => Err(failed(error)),
    }
}

fn read(path: &Path) -> Result<(File, Vec<u8>), FilesError> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut content).map(|_| file))
        .map(|file| (file, content))
        .map_err(|source| FilesError::Read { path: path.to_owned(), source })
}

fn write(path: &Path, old: Option<&File>, content: &[u8]) -> Result<(), FilesError> {
    Stage::new(path, old, content)
        .and_then(|stage| stage.file.persist(path).map_err(Into::into))
        .and_then(|_| sync_folder(path))
        .map_err(|source| FilesError::Write { path: path.to_owned(), source })
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(folder(path))?.sync_all() {
        // Some network and FUSE file systems know no fsync of folders.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

/// Content on disk beside the place where it will stand. It goes away if it does not get there.
pub(crate) struct Stage {
    pub(crate) file: NamedTempFile,
}

impl Stage {
    /// `old` is the file whose mode and owner the content shall have.
    pub(crate) fn new(path: &Path, old: Option<&File>, content: &[u8]) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".new-");
        if old.is_none() {
            builder.permissions(Permissions::from_mode(NEW_FILE_MODE));
        }
        let mut file = builder.tempfile_in(folder(path))?;
        if let Some(old) = old {
            let wanted = old.metadata()?;
            let made = file.as_file().metadata()?;
            if (wanted.uid(), wanted.gid()) != (made.uid(), made.gid()) {
                // Only root may give files away; for others the new file is their own.
                let _ = fchown(file.as_file(), Some(wanted.uid()), Some(wanted.gid()));
            }
            file.as_file().set_permissions(wanted.permissions())?;
        }
        file.write_all(content)?;
        file.as_file().sync_all()?;
        Ok(Self { file })
    }
}

#[cfg(test)]
mod tests;
