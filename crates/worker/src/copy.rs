//! Copies a folder: a workflow's files onto a volume, or the results from it.

use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files that were written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Symbolic links that were made.
    pub links: u64,
    /// Folders that were made.
    pub folders: u64,
    /// Files and links that were there already.
    pub unchanged: u64,
    /// Sockets, pipes and devices, which are not copied.
    pub skipped: u64,
}

/// Why a folder was not copied to its end. What was copied stays.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} {path}")]
pub struct CopyError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    let path = path.to_owned();
    move |source| CopyError { what, path, source }
}

/// Copies what is in `from` into `to`, which is made. Files keep their modes and times. A file of the same size and time
/// is taken for the same and left alone; any other is replaced at once, never seen half written. Nothing is deleted.
///
/// # Errors
/// If something cannot be read or written, or if a file stands where a folder is to be.
pub fn copy(from: &Path, to: &Path) -> Result<Copied, CopyError> {
    let mut copied = Copied::default();
    let seen = fs::metadata(from).map_err(failed("read", from))?;
    if !seen.is_dir() {
        let error = io::Error::from(io::ErrorKind::NotADirectory);
        return Err(failed("read", from)(error));
    }
    // The target may be inside the source: it is not copied into itself.
    fs::create_dir_all(to).map_err(failed("make", to))?;
    let target = fs::metadata(to).map_err(failed("read", to))?;
    let itself = (target.dev(), target.ino());
    if itself == (seen.dev(), seen.ino()) {
        return Ok(copied);
    }
    let mut folders = vec![PathBuf::new()];
    let mut modes = Vec::new();
    while let Some(folder) = folders.pop() {
        let source = from.join(&folder);
        let entries = fs::read_dir(&source).map_err(failed("read", &source))?;
        for entry in entries {
            let entry = entry.map_err(failed("read", &source))?;
            let (path, target) = (entry.path(), to.join(&folder).join(entry.file_name()));
            let seen = fs::symlink_metadata(&path).map_err(failed("read", &path))?;
            let kind = seen.file_type();
            if kind.is_dir() {
                if (seen.dev(), seen.ino()) == itself {
                    continue;
                }
                match fs::create_dir(&target) {
                    Ok(()) => {
                        copied.folders += 1;
                        modes.push((target, seen.mode() & 0o7777));
                    }
                    Err(_) if target.is_dir() => {}
                    Err(error) => return Err(failed("make", &target)(error)),
                }
                folders.push(folder.join(entry.file_name()));
            } else if kind.is_symlink() {
                copy_link(&path, &target, &mut copied)?;
            } else if kind.is_file() {
                copy_file(&path, &seen, &target, &mut copied)?;
            } else {
                copied.skipped += 1;
            }
        }
    }
    // Last, because nothing can be put into a folder that may not be written to.
    for (folder, mode) in modes {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode))
            .map_err(failed("set the mode of", &folder))?;
    }
    Ok(copied)
}

fn temporary(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Names may be as long as the system takes.
    let name: String = name.chars().take(40).collect();
    target.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn copy_link(path: &Path, target: &Path, copied: &mut Copied) -> Result<(), CopyError> {
    let to = fs::read_link(path).map_err(failed("read", path))?;
    if fs::read_link(target).is_ok_and(|there| there == to) {
        copied.unchanged += 1;
        return Ok(());
    }
    let temporary = temporary(target);
    let _ = fs::remove_file(&temporary);
    symlink(&to, &temporary)
        .and_then(|()| fs::rename(&temporary, target))
        .map_err(failed("write", target))?;
    copied.links += 1;
    Ok(())
}

fn copy_file(
    path: &Path,
    seen: &fs::Metadata,
    target: &Path,
    copied: &mut Copied,
) -> Result<(), CopyError> {
    let modified = seen.modified().map_err(failed("read", path))?;
    if let Ok(there) = fs::symlink_metadata(target)
        && there.is_file()
        && there.len() == seen.len()
        && there.modified().is_ok_and(|there| there == modified)
    {
        copied.unchanged += 1;
        return Ok(());
    }
    let temporary = temporary(target);
    let _ = fs::remove_file(&temporary);
    let mut from = File::open(path).map_err(failed("read", path))?;
    let mut write = || -> io::Result<u64> {
        let mut to = File::options().write(true).create_new(true).open(&temporary)?;
        let bytes = io::copy(&mut from, &mut to)?;
        to.set_permissions(fs::Permissions::from_mode(seen.mode() & 0o7777))?;
        to.set_times(FileTimes::new().set_modified(modified))?;
        fs::rename(&temporary, target)?;
        Ok(bytes)
    };
    let bytes = write()
        .inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
        .map_err(failed("write", target))?;
    copied.files += 1;
    copied.bytes += bytes;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_copied_once_with_modes_links_and_times() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("x/to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/run"), "12345").unwrap();
        fs::set_permissions(from.join("a/b/run"), fs::Permissions::from_mode(0o750)).unwrap();
        fs::write(from.join("top"), "").unwrap();
        symlink("a/b/run", from.join("link")).unwrap();
        symlink("nowhere", from.join("a/dangling")).unwrap();
        fs::set_permissions(from.join("a/b"), fs::Permissions::from_mode(0o555)).unwrap();
        let first = copy(&from, &to).unwrap();
        let expected =
            Copied { files: 2, bytes: 5, links: 2, folders: 2, unchanged: 0, skipped: 0 };
        assert_eq!(first, expected);
        let run = fs::metadata(to.join("a/b/run")).unwrap();
        assert_eq!(run.permissions().mode() & 0o7777, 0o750);
        let modified = fs::metadata(from.join("a/b/run")).unwrap().modified().unwrap();
        assert_eq!(run.modified().unwrap(), modified);
        assert_eq!(fs::metadata(to.join("a/b")).unwrap().permissions().mode() & 0o777, 0o555);
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a/b/run"));
        // Nothing again, and what is there is not even opened for writing.
        fs::write(to.join("own"), "stays").unwrap();
        let second = copy(&from, &to).unwrap();
        assert_eq!(second, Copied { unchanged: 4, ..Copied::default() });
        // What differs is replaced.
        fs::write(to.join("top"), "other").unwrap();
        let third = copy(&from, &to).unwrap();
        assert_eq!(third, Copied { files: 1, unchanged: 3, ..Copied::default() });
        assert_eq!(fs::read(to.join("top")).unwrap(), b"");
        assert_eq!(fs::read(to.join("own")).unwrap(), b"stays");
    }

    #[test]
    fn a_folder_is_not_copied_into_itself_and_a_file_is_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), "x").unwrap();
        let inside = dir.path().join("inside");
        assert_eq!(copy(dir.path(), &inside).unwrap().files, 1);
        assert!(!inside.join("inside").exists());
        assert!(copy(&dir.path().join("f"), &inside).is_err());
        fs::create_dir(dir.path().join("d")).unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("d"), "in the way").unwrap();
        assert!(copy(dir.path(), other.path()).is_err());
    }
}
