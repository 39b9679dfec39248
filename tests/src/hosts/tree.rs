//! What lies in folders, down to the last byte: to show that two states of them are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// The state of a tree: each path with what is there. Times do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `file`, `folder`, `link` or `other`.
    pub kind: &'static str,
    /// Permissions, with set-user-id and the like.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
    /// Names and values of extended attributes.
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Of a file: its length and SHA-256. Of a link: where it leads to.
    pub content: String,
}

impl Tree {
    /// Reads what is below these paths in a root folder, in which nothing is followed that is a link. The paths themselves
    /// belong to it; what is not there is not in it.
    ///
    /// # Errors
    /// Something cannot be read. What vanishes meanwhile is left out.
    pub fn read(root: &Path, paths: &[&str], without: &[&str]) -> io::Result<Self> {
        let without: BTreeSet<_> =
            without.iter().map(PathBuf::from).chain(mounted(root)?).collect();
        let mut tree = Self::default();
        for path in paths {
            if !path.starts_with('/') {
                let message = format!("{path} is not an absolute path");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            tree.add(root, Path::new(path), &without)?;
        }
        Ok(tree)
    }

    /// What is there, by path.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<PathBuf, Entry> {
        &self.0
    }

    /// A line for each path where the other has something else. Empty: they are the same.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        paths
            .into_iter()
            .filter_map(|path| {
                let shown = path.display();
                match (self.0.get(path), other.0.get(path)) {
                    (Some(before), Some(after)) if before == after => None,
                    (Some(before), Some(after)) => {
                        Some(format!("~ {shown}: {before:?} is now {after:?}"))
                    }
                    (Some(_), None) => Some(format!("- {shown}")),
                    _ => Some(format!("+ {shown}")),
                }
            })
            .collect()
    }

    fn add(&mut self, root: &Path, path: &Path, without: &BTreeSet<PathBuf>) -> io::Result<()> {
        if without.contains(path) {
            return Ok(());
        }
        // With the root in between: an absolute path would replace it.
        let real = root.join(path.strip_prefix("/").unwrap_or(path));
        let entry = match Entry::read(&real) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(&real, &error)),
        };
        let is_folder = entry.kind == "folder";
        self.0.insert(path.to_owned(), entry);
        if is_folder {
            for child in fs::read_dir(&real).map_err(|error| at(&real, &error))? {
                self.add(root, &path.join(child?.file_name()), without)?;
            }
        }
        Ok(())
    }
}

impl Entry {
    fn read(path: &Path) -> io::Result<Self> {
        let metadata = path.symlink_metadata()?;
        let (kind, content) = if metadata.is_dir() {
            ("folder", String::new())
        } else if metadata.is_symlink() {
            ("link", fs::read_link(path)?.display().to_string())
        } else if metadata.is_file() {
            ("file", content(path, &metadata)?)
        } else {
            // Sockets and devices: which one does not matter.
            ("other", if metadata.file_type().is_socket() { "socket" } else { "" }.to_owned())
        };
        Ok(Self {
            kind,
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            attributes: attributes(path)?,
            content,
        })
    }
}

/// A file's length and SHA-256. Files that hosts have from the same root folder are read once: which one it is and when it was
/// last changed cannot be made up.
fn content(path: &Path, metadata: &fs::Metadata) -> io::Result<String> {
    static KNOWN: Mutex<BTreeMap<[i64; 4], String>> = Mutex::new(BTreeMap::new());
    let key = [
        metadata.ino().cast_signed(),
        metadata.len().cast_signed(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ];
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(content) = known().get(&key) {
        return Ok(content.clone());
    }
    let bytes = fs::read(path)?;
    let content = format!("{} {:x}", bytes.len(), Sha256::digest(&bytes));
    // One that was changed just now may be changed again within the same tick of the clock.
    if metadata.ctime() + 2 < now() {
        known().insert(key, content.clone());
    }
    Ok(content)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().cast_signed()
}

/// What is mounted in the host, other than its root.
fn mounted(root: &Path) -> io::Result<Vec<PathBuf>> {
    // `/proc/PID/root` is the way in: beside it is the list.
    let list = root.with_file_name("mountinfo");
    if root.file_name() != Some("root".as_ref()) || !list.starts_with("/proc") {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(list)?;
    Ok(text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|path| *path != "/")
        .map(PathBuf::from)
        .collect())
}

fn attributes(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names[..])?;
    let mut found = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65536];
        let key = std::ffi::OsStr::from_bytes(name);
        let length = rustix::fs::lgetxattr(path, key, &mut value[..])?;
        value.truncate(length);
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn every_kind_of_change_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join("etc").join(name);
        fs::create_dir(folder.path().join("etc")).unwrap();
        for name in ["content", "mode", "gone", "same", "left-out"] {
            fs::write(path(name), "before").unwrap();
        }
        symlink("before", path("link")).unwrap();
        let before = Tree::read(folder.path(), &["/etc"], &["/etc/left-out"]).unwrap();
        assert_eq!(before.differences(&before), Vec::<String>::new());

        fs::write(path("content"), "after!").unwrap();
        fs::set_permissions(path("mode"), fs::Permissions::from_mode(0o4711)).unwrap();
        fs::remove_file(path("gone")).unwrap();
        fs::write(path("new"), "").unwrap();
        fs::write(path("left-out"), "after").unwrap();
        fs::remove_file(path("link")).unwrap();
        symlink("after", path("link")).unwrap();
        let after = Tree::read(folder.path(), &["/etc"], &["/etc/left-out"]).unwrap();
        let differences = before.differences(&after);
        let starts: Vec<_> =
            differences.iter().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(
            starts,
            ["~ /etc/content", "- /etc/gone", "~ /etc/link", "~ /etc/mode", "+ /etc/new"]
        );
    }

    #[test]
    fn a_path_that_is_not_absolute_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Tree::read(folder.path(), &["etc"], &[]).is_err());
    }
}
