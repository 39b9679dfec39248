//! Files of the work directory that come over the connection, or go over it. None of them leaves that directory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use xxhash_rust::xxh3::Xxh3Default;

use crate::paths::{self, PathError};
use crate::protocol::{FileRef, PART, Part, TaskKey};
use crate::task::lock;

/// Why a file was not fetched or not brought.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It might lead out of the work directory.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The file system.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A part that does not follow the one before.
    #[error("{path}: a part at {found} came where one at {expected} was to come")]
    Order {
        /// The file.
        path: String,
        /// Bytes that have come.
        expected: u64,
        /// Where the part begins.
        found: u64,
    },
    /// Not what was announced.
    #[error(
        "{0} is not the file that the task is to read: it was changed after the task was made ready"
    )]
    Changed(String),
}

/// What is known of a file as long as it looks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Look {
    fn at(file: &File) -> io::Result<Self> {
        let seen = file.metadata()?;
        let modified = (seen.mtime(), seen.mtime_nsec());
        Ok(Self { inode: seen.ino(), size: seen.size(), modified })
    }
}

/// The work directory as the place of transferred files.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: OwnedFd,
    known: Mutex<HashMap<String, (Look, u64)>>,
}

fn failed(what: &'static str, path: &str) -> impl FnOnce(Errno) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { what, path, source: source.into() }
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folder {
    pub(crate) fn open(work_dir: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, work_dir, flags, Mode::empty())?;
        Ok(Self { dir, known: Mutex::default() })
    }

    /// The folder of a file. Links are not followed: a task may have made them.
    fn parent(&self, path: &str, make: bool) -> Result<(OwnedFd, String), FileError> {
        let mut names = paths::names(path)?;
        let name = names.pop().unwrap_or_default().to_owned();
        let mut dir = self.dir.try_clone().map_err(|source| FileError::Io {
            what: "cannot open the folder of",
            path: path.to_owned(),
            source,
        })?;
        for folder in names {
            if make {
                match rustix::fs::mkdirat(&dir, folder, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed("cannot make the folder of", path)(error)),
                }
            }
            dir = rustix::fs::openat(&dir, folder, FOLDER, Mode::empty())
                .map_err(failed("cannot open the folder of", path))?;
        }
        Ok((dir, name))
    }

    /// Makes the folder of a file that is to come.
    pub(crate) fn make_room(&self, path: &str) -> Result<(), FileError> {
        self.parent(path, true).map(drop)
    }

    /// Opens a file to read it. Links are followed as long as they stay inside.
    fn open_file(&self, path: &str) -> Result<Option<File>, FileError> {
        let names = paths::names(path)?;
        // Not waiting for the other end, if it is a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let opened =
            match rustix::fs::openat2(&self.dir, names.join("/"), flags, Mode::empty(), inside) {
                Err(Errno::NOSYS | Errno::PERM) => match self.parent(path, false) {
                    Ok((dir, name)) => {
                        rustix::fs::openat(&dir, name, flags | OFlags::NOFOLLOW, Mode::empty())
                    }
                    Err(FileError::Io { source, .. })
                        if source.kind() == io::ErrorKind::NotFound =>
                    {
                        Err(Errno::NOENT)
                    }
                    Err(error) => return Err(error),
                },
                opened => opened,
            };
        match opened {
            Ok(fd) => Ok(Some(File::from(fd))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::XDEV) => Err(PathError(path.to_owned()).into()),
            Err(error) => Err(failed("cannot open", path)(error)),
        }
    }

    /// Whether it is here already, as it is wanted.
    pub(crate) fn has(&self, wanted: &FileRef) -> Result<bool, FileError> {
        let Some(mut file) = self.open_file(&wanted.path)? else { return Ok(false) };
        let failed =
            |source| FileError::Io { what: "cannot read", path: wanted.path.clone(), source };
        if !file.metadata().map_err(failed)?.is_file() {
            return Ok(false);
        }
        let look = Look::at(&file).map_err(failed)?;
        if look.size != wanted.size {
            return Ok(false);
        }
        if let Some((known, hash)) = lock(&self.known).get(&wanted.path)
            && *known == look
        {
            return Ok(*hash == wanted.hash);
        }
        let mut hasher = Xxh3Default::new();
        let mut bytes = vec![0_u8; PART];
        loop {
            match file.read(&mut bytes).map_err(failed)? {
                0 => break,
                count => hasher.update(&bytes[..count]),
            }
        }
        let hash = hasher.digest();
        lock(&self.known).insert(wanted.path.clone(), (look, hash));
        Ok(hash == wanted.hash)
    }

    /// Makes ready for the parts of a file.
    pub(crate) fn begin(&self, wanted: &FileRef, key: TaskKey) -> Result<Incoming, FileError> {
        let path = &wanted.path;
        let (parent, name) = self.parent(path, true)?;
        let temporary = format!(".windlass-{key}-{:x}", wanted.hash);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Left by a worker that was ended.
        let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
        let file = rustix::fs::openat(&parent, &temporary, flags, Mode::from_raw_mode(0o666))
            .map_err(failed("cannot make", path))?;
        Ok(Incoming {
            parent,
            temporary,
            name,
            file: File::from(file),
            hasher: Xxh3Default::new(),
            offset: 0,
            is_in_place: false,
        })
    }

    /// Makes ready to send a file; `None`: it is not there.
    pub(crate) fn outgoing(&self, path: &str) -> Result<Option<Outgoing>, FileError> {
        let Some(file) = self.open_file(path)? else { return Ok(None) };
        let seen = file.metadata().map_err(|source| FileError::Io {
            what: "cannot read",
            path: path.to_owned(),
            source,
        })?;
        if !seen.is_file() {
            return Err(FileError::Io {
                what: "cannot bring",
                path: path.to_owned(),
                source: io::Error::other("it is no regular file"),
            });
        }
        let is_program = seen.mode() & 0o111 != 0;
        Ok(Some(Outgoing { file, path: path.to_owned(), offset: 0, is_program }))
    }
}

/// A file that comes in parts. It gets its name when it is whole and right.
pub(crate) struct Incoming {
    parent: OwnedFd,
    temporary: String,
    name: String,
    file: File,
    hasher: Xxh3Default,
    offset: u64,
    is_in_place: bool,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.is_in_place {
            let _ = rustix::fs::unlinkat(&self.parent, &self.temporary, AtFlags::empty());
        }
    }
}

impl Incoming {
    /// Takes one part; true: the file is in its place.
    pub(crate) fn take(
        &mut self,
        part: &Part,
        wanted: &FileRef,
        folder: &Folder,
    ) -> Result<bool, FileError> {
        let path = &wanted.path;
        if part.offset != self.offset {
            let (expected, found) = (self.offset, part.offset);
            return Err(FileError::Order { path: path.clone(), expected, found });
        }
        self.offset += part.bytes.len() as u64;
        if self.offset > wanted.size {
            return Err(FileError::Changed(path.clone()));
        }
        self.hasher.update(&part.bytes);
        let failed_io = |source| FileError::Io { what: "cannot write", path: path.clone(), source };
        self.file.write_all(&part.bytes).map_err(failed_io)?;
        if !part.is_last {
            return Ok(false);
        }
        let hash = self.hasher.digest();
        if self.offset != wanted.size || hash != wanted.hash {
            return Err(FileError::Changed(path.clone()));
        }
        if part.is_program {
            let seen = rustix::fs::fstat(self.file.as_fd()).map_err(failed("cannot see", path))?;
            // Those who may read it may run it.
            let mode = Mode::from_raw_mode(seen.st_mode | ((seen.st_mode & 0o444) >> 2));
            rustix::fs::fchmod(self.file.as_fd(), mode).map_err(failed("cannot write", path))?;
        }
        rustix::fs::renameat(&self.parent, &self.temporary, &self.parent, &self.name)
            .map_err(failed("cannot put into place", path))?;
        self.is_in_place = true;
        if let Ok(look) = Look::at(&self.file) {
            lock(&folder.known).insert(path.clone(), (look, hash));
        }
        Ok(true)
    }
}

/// A file that goes in parts.
#[derive(Debug)]
pub(crate) struct Outgoing {
    file: File,
    path: String,
    offset: u64,
    is_program: bool,
}

impl Outgoing {
    /// The next part; one of them is the last.
    pub(crate) fn next(&mut self, key: TaskKey) -> Result<Part, FileError> {
        let mut bytes = Vec::with_capacity(PART);
        let most = PART as u64;
        (&self.file).take(most).read_to_end(&mut bytes).map_err(|source| FileError::Io {
            what: "cannot read",
            path: self.path.clone(),
            source,
        })?;
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Ok(Part {
            key,
            path: self.path.clone(),
            offset,
            is_last: bytes.len() < PART,
            bytes,
            is_program: self.is_program,
        })
    }
}
