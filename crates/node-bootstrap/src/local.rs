//! The machine itself, or a tree of files that will be one.

mod stragglers;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Gid, MemfdFlags, Mode, OFlags, ResolveFlags, Uid,
    XattrFlags,
};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::host::{
    Command, Entry, Host, HostError, Kind, Lock, Meta, Output, folder_of, name_of, stage_of,
};

/// Where programs of a host are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Who changes a running host holds this.
const LOCK: &str = "/run/node-prep.lock";
/// What every program gets to know.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", PATH),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
];
/// As much of what a program says is kept, in bytes.
const LONGEST_OUTPUT: u64 = 16 << 20;

/// The machine that this runs on, or a tree of files below a folder.
///
/// Links in a tree are followed within it: an absolute link leads to the tree's own files, and none leads out.
/// Where a tree is prepared by somebody other than root, their own number stands for root's.
#[derive(Debug)]
pub struct LocalHost {
    root: OwnedFd,
    /// The tree; `None` for the machine.
    tree: Option<PathBuf>,
    /// Whose number stands for root's.
    owner: (u32, u32),
}

impl LocalHost {
    /// The machine that this runs on.
    ///
    /// # Errors
    /// If `/` cannot be opened.
    pub fn machine() -> Result<Self, HostError> {
        Self::open(Path::new("/"), None)
    }

    /// A tree of files.
    ///
    /// # Errors
    /// If it is not a folder that can be opened.
    pub fn tree(folder: &Path) -> Result<Self, HostError> {
        let failed = |source| HostError::Read { path: folder.display().to_string(), source };
        let folder = folder.canonicalize().map_err(failed)?;
        Self::open(&folder, Some(folder.clone()))
    }

    fn open(path: &Path, tree: Option<PathBuf>) -> Result<Self, HostError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|source| {
            HostError::Read { path: path.display().to_string(), source: source.into() }
        })?;
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let owner =
            if tree.is_none() || user.is_root() { (0, 0) } else { (user.as_raw(), group.as_raw()) };
        Ok(Self { root, tree, owner })
    }

    fn at(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let flags = flags | OFlags::CLOEXEC;
        patiently(|| {
            rustix::fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
        })
    }

    fn folder(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.at(folder_of(path), OFlags::PATH | OFlags::DIRECTORY)
    }

    /// The folder above a path, to change something in it. On the machine itself links are followed only where nobody
    /// but root can have made them: others could lead root's hand to files of root.
    fn folder_to_change(&self, path: &str) -> Result<OwnedFd, Errno> {
        const LINKS: usize = 40;
        if self.tree.is_some() {
            return self.folder(path);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = || rustix::fs::openat(&self.root, ".", flags, Mode::empty());
        let parts = |path: &str| -> Vec<String> {
            path.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let own = [0, rustix::process::geteuid().as_raw()];
        let (mut at, mut rest, mut links) = (root()?, parts(folder_of(path)), 0);
        while let Some(part) = rest.pop() {
            match rustix::fs::openat(&at, part.as_str(), flags, Mode::empty()) {
                Ok(next) => at = next,
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let Ok(target) = rustix::fs::readlinkat(&at, part.as_str(), Vec::new()) else {
                        return Err(Errno::NOTDIR);
                    };
                    let stat = rustix::fs::fstat(&at)?;
                    links += 1;
                    if links > LINKS || !own.contains(&stat.st_uid) || stat.st_mode & 0o002 != 0 {
                        return Err(Errno::LOOP);
                    }
                    let target = target.to_string_lossy();
                    if target.starts_with('/') {
                        at = root()?;
                    }
                    rest.extend(parts(&target));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(at)
    }

    /// As it is on the host.
    fn seen(&self, uid: u32, gid: u32) -> (u32, u32) {
        let seen = |number, own| if number == own { 0 } else { number };
        (seen(uid, self.owner.0), seen(gid, self.owner.1))
    }

    /// As it is in this machine's file system.
    fn real(&self, meta: &Meta) -> (Option<Uid>, Option<Gid>) {
        let real = |number, own| if number == 0 { own } else { number };
        let (uid, gid) = (real(meta.uid, self.owner.0), real(meta.gid, self.owner.1));
        (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
    }

    fn try_entry(&self, path: &str) -> io::Result<Option<Entry>> {
        if path == "/" {
            let stat = rustix::fs::fstat(&self.root)?;
            let (uid, gid) = self.seen(stat.st_uid, stat.st_gid);
            let mode = stat.st_mode & 0o7777;
            let meta = Meta { mode, uid, gid, xattrs: xattrs(&self.root)? };
            return Ok(Some(Entry { kind: Kind::Folder, meta }));
        }
        let folder = match self.folder(path) {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let name = name_of(path);
        let stat = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let open = |flags| {
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            rustix::fs::openat(&folder, name, OFlags::RDONLY | flags, Mode::empty())
        };
        let (kind, xattrs) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let file = open(OFlags::empty())?;
                let xattrs = xattrs(&file)?;
                let mut content = Vec::new();
                File::from(file).read_to_end(&mut content)?;
                (Kind::File(content), xattrs)
            }
            FileType::Directory => (Kind::Folder, xattrs(&open(OFlags::DIRECTORY)?)?),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&folder, name, Vec::new())?;
                (Kind::Link(target.to_string_lossy().into_owned()), BTreeMap::new())
            }
            _ => (Kind::Other, BTreeMap::new()),
        };
        let (uid, gid) = self.seen(stat.st_uid, stat.st_gid);
        Ok(Some(Entry { kind, meta: Meta { mode: stat.st_mode & 0o7777, uid, gid, xattrs } }))
    }

    fn try_put(&self, path: &str, entry: &Entry) -> io::Result<()> {
        let folder = self.folder_to_change(path)?;
        let name = name_of(path);
        let stage = stage_of(path);
        let stage = name_of(&stage).to_owned();
        let (uid, gid) = self.real(&entry.meta);
        let mode = Mode::from_raw_mode(entry.meta.mode);
        match &entry.kind {
            Kind::File(content) => {
                unlink(&folder, &stage)?;
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let new = rustix::fs::openat(&folder, &stage, flags, Mode::from_raw_mode(0o600))?;
                let mut new = File::from(new);
                let written = new.write_all(content).and_then(|()| {
                    rustix::fs::fchown(&new, uid, gid)?;
                    rustix::fs::fchmod(&new, mode)?;
                    set_xattrs(&new, &entry.meta.xattrs)?;
                    new.sync_all()?;
                    Ok(rustix::fs::renameat(&folder, &stage, &folder, name)?)
                });
                if let Err(error) = written {
                    unlink(&folder, &stage)?;
                    return Err(error);
                }
            }
            Kind::Link(target) => {
                unlink(&folder, &stage)?;
                rustix::fs::symlinkat(target.as_str(), &folder, &stage)?;
                rustix::fs::chownat(&folder, &stage, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
                rustix::fs::renameat(&folder, &stage, &folder, name)?;
            }
            Kind::Folder => {
                match rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o700)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let new = rustix::fs::openat(&folder, name, flags, Mode::empty())?;
                rustix::fs::fchown(&new, uid, gid)?;
                rustix::fs::fchmod(&new, mode)?;
                set_xattrs(&new, &entry.meta.xattrs)?;
            }
            Kind::Other => {
                return Err(io::Error::other("devices, sockets and pipes are not made"));
            }
        }
        sync(self, folder_of(path))
    }

    fn try_append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder(path)?;
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name_of(path), flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(file);
        file.write_all(bytes)?;
        file.sync_data()?;
        if file.metadata()?.len() == bytes.len() as u64 {
            // A new file: its name is to last as well.
            sync(self, folder_of(path))?;
        }
        Ok(())
    }
}

fn unlink(folder: &OwnedFd, name: &str) -> io::Result<()> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn sync(host: &LocalHost, folder: &str) -> io::Result<()> {
    let folder = host.at(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
    match rustix::fs::fsync(folder) {
        // Some file systems know no fsync of folders.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn xattrs(file: &impl AsFd) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut names = vec![0_u8; 4 << 10];
    let length = match rustix::fs::flistxattr(file, &mut names[..]) {
        Ok(length) => length,
        // File systems without them.
        Err(Errno::NOTSUP) => 0,
        Err(Errno::RANGE) => {
            names.resize(64 << 10, 0);
            rustix::fs::flistxattr(file, &mut names[..])?
        }
        Err(error) => return Err(error.into()),
    };
    let mut found = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        let mut value = vec![0_u8; 64 << 10];
        let length = match rustix::fs::fgetxattr(file, name.as_str(), &mut value[..]) {
            Ok(length) => length,
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(error.into()),
        };
        value.truncate(length);
        found.insert(name, value);
    }
    Ok(found)
}

fn set_xattrs(file: &impl AsFd, wanted: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let standing = xattrs(file)?;
    for (name, value) in wanted {
        if standing.get(name) != Some(value) {
            rustix::fs::fsetxattr(file, name.as_str(), value, XattrFlags::empty())?;
        }
    }
    Ok(())
}

/// Opens again while the kernel asks for it: `openat2(2)` says `EAGAIN` where anything is renamed or mounted while it
/// walks a path with `..`, and has its callers try again.
fn patiently<T>(open: impl Fn() -> Result<T, Errno>) -> Result<T, Errno> {
    const TRIES: usize = 64;
    let mut tries = std::iter::repeat_with(open).take(TRIES);
    tries.find(|opened| !matches!(opened, Err(Errno::AGAIN))).unwrap_or(Err(Errno::AGAIN))
}

impl Host for LocalHost {
    fn is_live(&self) -> bool {
        self.tree.is_none()
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, HostError> {
        self.try_entry(path).map_err(|source| HostError::Read { path: path.to_owned(), source })
    }

    fn resolve(&self, path: &str) -> Result<String, HostError> {
        let failed = |source| HostError::Read { path: path.to_owned(), source };
        let file = match self.at(path, OFlags::PATH) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(path.to_owned()),
            Err(error) => return Err(failed(error.into())),
        };
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let real = fs::read_link(link).map_err(failed)?;
        let real = match &self.tree {
            Some(tree) => real.strip_prefix(tree).unwrap_or(&real),
            None => &real,
        };
        let real = real.to_string_lossy();
        Ok(if real.starts_with('/') { real.into_owned() } else { format!("/{real}") })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        let failed = |source| HostError::Read { path: path.to_owned(), source };
        let file = match self.at(path, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        let mut content = Vec::new();
        match { file }.read_to_end(&mut content) {
            Ok(_) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, HostError> {
        let failed = |source: io::Error| HostError::Read { path: folder.to_owned(), source };
        let opened = match self.at(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error.into())),
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(opened).map_err(|error| failed(error.into()))? {
            let entry = entry.map_err(|error| failed(error.into()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn put(&self, path: &str, entry: &Entry) -> Result<(), HostError> {
        self.try_put(path, entry)
            .map_err(|source| HostError::Write { path: path.to_owned(), source })
    }

    fn remove(&self, path: &str) -> Result<(), HostError> {
        let gone = || -> io::Result<()> {
            let folder = match self.folder_to_change(path) {
                Ok(folder) => folder,
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            match rustix::fs::unlinkat(&folder, name_of(path), AtFlags::empty()) {
                Ok(()) => {}
                Err(Errno::NOENT) => return Ok(()),
                Err(Errno::ISDIR) => {
                    rustix::fs::unlinkat(&folder, name_of(path), AtFlags::REMOVEDIR)?;
                }
                Err(error) => return Err(error.into()),
            }
            sync(self, folder_of(path))
        };
        gone().map_err(|source| HostError::Write { path: path.to_owned(), source })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), HostError> {
        let moved = || -> io::Result<()> {
            let (old, new) = (self.folder_to_change(from)?, self.folder_to_change(to)?);
            rustix::fs::renameat(&old, name_of(from), &new, name_of(to))?;
            sync(self, folder_of(to))?;
            sync(self, folder_of(from))
        };
        moved().map_err(|source| HostError::Write { path: to.to_owned(), source })
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), HostError> {
        self.try_append(path, bytes)
            .map_err(|source| HostError::Write { path: path.to_owned(), source })
    }

    fn set_value(&self, path: &str, value: &str) -> Result<(), HostError> {
        let failed = |source| HostError::Write { path: path.to_owned(), source };
        // Containers may have plain files there: nothing of a longer value may stay behind.
        let flags = OFlags::WRONLY | OFlags::TRUNC;
        let file = self.at(path, flags).map_err(|error| failed(error.into()))?;
        // One write: the kernel takes each as a value of its own.
        File::from(file).write_all(value.as_bytes()).map_err(failed)
    }

    fn set_hostname(&self, name: &str) -> Result<(), HostError> {
        // Not through /proc/sys: containers may have that to read only.
        rustix::system::sethostname(name.as_bytes()).map_err(|error| HostError::Write {
            path: "the host name".to_owned(),
            source: error.into(),
        })
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mut argv: Vec<&str> = Vec::new();
        let tree = self.tree.as_ref().map(|tree| tree.to_string_lossy());
        if let Some(tree) = &tree {
            argv.extend(["chroot", tree]);
        }
        argv.extend(command.argv.iter().map(String::as_str));
        run(&argv, command, &stragglers::mark(&self.lock_name()))
    }

    fn lock(&self) -> Result<Box<dyn Lock>, HostError> {
        // Of a tree the folder itself: no file is left in it.
        let name = self.lock_name();
        let lock = if let Some(tree) = &self.tree {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(tree, flags, Mode::empty())
        } else {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(CWD, LOCK, flags, Mode::from_raw_mode(0o600))
        };
        let failed = |error: Errno| HostError::Write { path: name.clone(), source: error.into() };
        let lock = lock.map_err(failed)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                stragglers::wait(&name).map_err(|process| HostError::Straggler { process })?;
                Ok(Box::new(FileLock(lock)))
            }
            Err(Errno::WOULDBLOCK) => Err(HostError::Locked { lock: name }),
            Err(error) => Err(failed(error)),
        }
    }
}

impl LocalHost {
    /// What is held while this host is changed.
    fn lock_name(&self) -> String {
        self.tree.as_ref().map_or_else(|| LOCK.to_owned(), |tree| tree.display().to_string())
    }
}

/// The system lets go of it when this is closed, by death too.
#[derive(Debug)]
struct FileLock(#[expect(dead_code, reason = "held open, not read")] OwnedFd);

impl Lock for FileLock {}

fn run(argv: &[&str], command: &Command, mark: &str) -> Result<Output, HostError> {
    let failed = |source| HostError::Run { command: command.to_string(), source };
    let Some((program, arguments)) = argv.split_first() else {
        return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
    };
    // Not pipes: what a program leaves behind may hold them open for as long as it lives.
    let (mut stdout, mut stderr) =
        (memory("stdout").map_err(failed)?, memory("stderr").map_err(failed)?);
    let stdin = match &command.stdin {
        None => Stdio::null(),
        Some(bytes) => {
            // All of it is there before the program starts: nobody waits for anybody.
            let mut file = memory("stdin").map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.rewind()).map_err(failed)?;
            file.into()
        }
    };
    let mut child = std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .env(stragglers::MARK, mark)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(stdin)
        .stdout(stdout.try_clone().map_err(failed)?)
        .stderr(stderr.try_clone().map_err(failed)?)
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let Some(status) = wait(&mut child, command.deadline).map_err(failed)? else {
        return Err(HostError::Deadline {
            command: command.to_string(),
            deadline: command.deadline,
        });
    };
    Ok(Output {
        code: status.code(),
        stdout: text(&mut stdout).map_err(failed)?,
        stderr: text(&mut stderr).map_err(failed)?,
    })
}

/// A file that is nowhere but in memory.
fn memory(name: &str) -> io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?))
}

fn text(file: &mut File) -> io::Result<String> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(LONGEST_OUTPUT).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Waits for the end; `None` if it did not come in time, and was brought about.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return child.wait().map(Some);
    };
    let end = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // It may have ended just now.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
            child.wait()?;
            return Ok(None);
        }
        let left =
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
