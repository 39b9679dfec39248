//! Hosts for tests of the tier `--all`: systemd, apt or dnf, and a network, in namespaces of this machine. See
//! `tests/hosts/README.md` for what is real in them.

mod tree;

use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use self::tree::{Entry, Tree};
use crate::{all_tiers, repository, skipped};

/// Longer than any command takes that comes to an end.
const LONG: Duration = Duration::from_mins(2);

/// That this machine can run hosts.
#[derive(Debug)]
pub struct Hosts(());

/// Folders with package repositories, and where hosts find them.
#[derive(Debug)]
pub struct Repositories {
    /// The folder on this machine: keys, and a folder for each set.
    pub folder: PathBuf,
    /// What serves the folder to the hosts, without a slash at its end.
    pub url: String,
}

/// Which minors of Kubernetes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minors {
    /// The one that all tests use.
    Current,
    /// That one and the one before, to upgrade from it.
    Both,
}

impl Minors {
    /// `tests/hosts/kubernetes` for these.
    fn script(self) -> Command {
        let mut script = script("kubernetes");
        if self == Self::Both {
            script.arg("--former");
        }
        script
    }
}

/// A running host. It ends, and all it wrote is gone, when this is dropped.
#[derive(Debug)]
pub struct Host {
    name: String,
    address: String,
}

/// What lets us in to hosts with ssh, in a folder. Users are `root`; `ops`, who may use sudo; `pw`, who may with the password; `nosudo`.
#[derive(Debug)]
pub struct Login {
    folder: PathBuf,
}

impl Login {
    /// For `ssh -F`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    /// The keys of these hosts.
    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// The private key of all users.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// A private key of nobody.
    #[must_use]
    pub fn other_key(&self) -> PathBuf {
        self.folder.join("other-key")
    }

    /// The password of `pw` and `nosudo`.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn password(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("password"));
        text.expect("the password can be read").trim_end().to_owned()
    }
}

impl Hosts {
    /// The hosts of this machine. None: it cannot have any, or the tier was not asked for; this was said. The first call on a
    /// machine makes the root folders, which takes minutes.
    ///
    /// # Panics
    /// When they should be there and something fails.
    #[must_use]
    pub fn needed() -> Option<&'static Self> {
        static FOUND: OnceLock<Result<Hosts, String>> = OnceLock::new();
        match FOUND.get_or_init(find) {
            Ok(hosts) => Some(hosts),
            Err(reason) => {
                skipped(&this_test(), reason);
                None
            }
        }
    }

    /// Boots a host of a kind that `tests/hosts/up` knows: `debian-12`, `rocky-9`, ... None: this machine cannot have that kind,
    /// which was said.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn boot(&self, kind: &str) -> Option<Host> {
        self.boot_with(kind, &[])
    }

    /// Starts a light host, with sshd and without systemd. None: this machine cannot have one, which was said.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn boot_light(&self) -> Option<Host> {
        self.boot_with("debian-12", &["--light"])
    }

    /// Makes users and keys for ssh to hosts: see `tests/hosts/login`. Its files are made in `folder`.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without them")]
    pub fn login(&self, folder: &Path, hosts: &[&Host]) -> Login {
        let mut login = script("login");
        login.arg("--folder").arg(folder).args(hosts.iter().map(|host| host.name()));
        said(&mut login).expect("hosts can be logged in to");
        Login { folder: folder.to_owned() }
    }

    /// A command that is not started yet, of a program of this machine in the network of the hosts.
    #[must_use]
    pub fn desk<A: AsRef<OsStr>>(&self, command: &[A]) -> Command {
        let mut desk = script("desk");
        desk.arg("--").args(command);
        desk
    }

    /// Runs `work` in a thread that is in the network of the hosts, with all that it starts. A host has to run.
    ///
    /// # Panics
    /// When there is no such network, or `work` does.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn at_desk<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let status = said(&mut script("status")).expect("the status can be had");
        let ground = status.lines().find_map(|line| line.strip_prefix("ground "));
        let ground = ground.expect("the ground runs").trim();
        let network = std::fs::File::open(format!("/proc/{ground}/ns/net"));
        let network = network.expect("the ground has a network");
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let kind = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(network.as_fd(), kind)
                    .expect("a thread can enter the network of the hosts");
                work()
            });
            work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The same with more options of `tests/hosts/up`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn boot_with(&self, kind: &str, options: &[&str]) -> Option<Host> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}-{number}", std::process::id());
        let mut up = script("up");
        up.args([&name, kind]).args(options);
        match said(&mut up) {
            Ok(address) => Some(Host { name, address }),
            Err(reason) => {
                skipped(&this_test(), &reason);
                None
            }
        }
    }

    /// A signed repository with Kubernetes's real packages, served to all hosts: its URL. None: its parts are not made, which was said.
    ///
    /// # Panics
    /// When it cannot be made of its parts.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn kubernetes(&self, minors: Minors, folder: &Path) -> Option<String> {
        if let Err(reason) = said(minors.script().arg("--made")) {
            skipped(&this_test(), &reason);
            return None;
        }
        said(minors.script().arg("--repository").arg(folder)).expect("a repository can be made");
        Some(said(script("serve").arg(folder)).expect("the repository can be served"))
    }

    /// The folder of this machine with real programs: `etcd`, `etcdctl`, `etcdutl` among them. None: they are not made, which was said.
    ///
    /// # Panics
    /// When it cannot be asked.
    #[must_use]
    pub fn kubernetes_programs(&self) -> Option<PathBuf> {
        match said(script("kubernetes").arg("--made")) {
            Ok(folder) => Some(Path::new(&folder).join("bin")),
            Err(reason) => {
                skipped(&this_test(), &reason);
                None
            }
        }
    }

    /// Signed repositories with packages that play Kubernetes's, and bad ones; served to all hosts.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without them")]
    pub fn repositories(&self) -> &'static Repositories {
        static MADE: OnceLock<Repositories> = OnceLock::new();
        MADE.get_or_init(|| {
            let folder = said(&mut script("repositories")).expect("repositories can be made");
            let url = said(script("serve").arg(&folder)).expect("repositories can be served");
            Repositories { folder: folder.into(), url }
        })
    }

    /// Runs a command in a fresh root folder of a kind, without systemd and without a network, to its end. `binds` are folders of
    /// this machine, and where they are inside.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn chroot(&self, kind: &str, binds: &[(&Path, &str)], command: &[&str]) -> Output {
        let mut args = vec![kind.to_owned()];
        for (folder, path) in binds {
            args.extend(["--bind".to_owned(), format!("{}:{path}", folder.display())]);
        }
        args.push("--".to_owned());
        output(with_deadline("chroot", LONG).args(args).args(command), "")
    }
}

impl Repositories {
    /// The URL of a repository of one minor, as Kubernetes's own ends: `set` is `good`, `unsigned`, `wrong-key`, `expired` or
    /// `wrong-minor`, `format` is `deb` or `rpm`.
    #[must_use]
    pub fn kubernetes(&self, set: &str, minor: &str, format: &str) -> String {
        format!("{}/{}/", self.base(set), Self::below(minor, format))
    }

    /// What stands before `core:/stable:/...` in the URLs of a set.
    #[must_use]
    pub fn base(&self, set: &str) -> String {
        format!("{}/{set}", self.url)
    }

    /// The URL of what a distribution and containerd's publisher have: `format` is `deb` or `rpm`.
    #[must_use]
    pub fn distribution(&self, format: &str) -> String {
        format!("{}/base/{format}/", self.base("good"))
    }

    /// The file with the key that is published beside such a repository.
    #[must_use]
    pub fn key(&self, set: &str, minor: &str) -> PathBuf {
        self.folder.join(set).join(Self::below(minor, "deb")).join("Release.key")
    }

    fn below(minor: &str, format: &str) -> String {
        format!("core:/stable:/v{minor}/{format}")
    }
}

impl Host {
    /// Its name, which is also its hostname.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, for other hosts.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs a command as root, to its end, with nothing on its standard input. It is given two minutes: then the exit code is 124.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run<A: AsRef<OsStr>>(&self, command: &[A]) -> Output {
        self.run_with(command, "", LONG)
    }

    /// The same with this on standard input, and another deadline.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        command: &[A],
        input: &str,
        deadline: Duration,
    ) -> Output {
        output(with_deadline("run", deadline).args([&self.name, "--"]).args(command), input)
    }

    /// Runs a command, expects it to be done, and answers what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn done<A: AsRef<OsStr>>(&self, command: &[A]) -> String {
        let said = self.run(command);
        let out = String::from_utf8_lossy(&said.stdout);
        let err = String::from_utf8_lossy(&said.stderr);
        let words: Vec<_> = command.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        assert!(said.status.success(), "{}: {}\n{out}\n{err}", words.join(" "), said.status);
        out.into_owned()
    }

    /// A command that is not started yet, as a service of this name in the host: `systemctl kill --signal=KILL UNIT` there ends it.
    /// To end what is started here ends only what waits for it.
    #[must_use]
    pub fn command<A: AsRef<OsStr>>(&self, unit: &str, command: &[A]) -> Command {
        let mut run = script("run");
        run.args([&self.name, "--unit", unit, "--"]).args(command);
        run
    }

    /// Copies a file into the host, with its mode.
    ///
    /// # Panics
    /// When it cannot be copied.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn copy_in(&self, file: &Path, destination: &str) {
        let mut copy = script("copy");
        said(copy.arg(&self.name).arg(file).arg(destination)).expect("the file can be copied");
    }

    /// Writes a file in the host, with the mode 0644 if it is a new one.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: &str) {
        let write = r#"mkdir -p "$(dirname "$1")" && cat >"$1""#;
        let said = self.run_with(&["sh", "-c", write, "-", path], content, LONG);
        assert!(said.status.success(), "{path}: {}", String::from_utf8_lossy(&said.stderr));
    }

    /// The content of a file in the host.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        self.done(&["cat", path])
    }

    /// Gives the host, where containerd runs, the images of a cluster.
    ///
    /// # Panics
    /// When containerd does not take them.
    #[expect(clippy::expect_used, reason = "a test cannot go on without them")]
    pub fn take_images(&self) {
        said(script("kubernetes").args(["--images", &self.name])).expect("the host takes images");
    }

    /// The same for both minors, with these images alone: `kube-proxy`, `pause`, ... None named is all of them.
    ///
    /// # Panics
    /// When containerd does not take them.
    #[expect(clippy::expect_used, reason = "a test cannot go on without them")]
    pub fn take_images_of_both(&self, images: &[&str]) {
        said(Minors::Both.script().args(["--images", &self.name]).args(images))
            .expect("the host takes images");
    }

    /// Boots the host again, and waits until it is up.
    ///
    /// # Panics
    /// When it does not come up.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn reboot(&self) {
        said(script("reboot").arg(&self.name)).expect("the host boots again");
    }

    /// Everything below these paths, without what lies below the others. Nothing that is mounted there is looked at.
    ///
    /// # Panics
    /// When it cannot be read, or a path is not absolute.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn tree_snapshot(&self, paths: &[&str], without: &[&str]) -> Tree {
        let status = said(script("status").arg(&self.name)).expect("the host runs");
        let root = status.lines().find_map(|line| line.strip_prefix("root "));
        let root = root.expect("the status has the host's root folder").trim();
        Tree::read(Path::new(root), paths, without).expect("the host's files can be read")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // If it fails there is nobody to tell: the test has said what it had to say.
        let _ = script("down").arg(&self.name).output();
    }
}

fn find() -> Result<Hosts, String> {
    if !all_tiers() {
        return Err("it needs hosts: ./test --all starts some".to_owned());
    }
    // `./test` has tried, and counts it once.
    if let Some(reason) = std::env::var_os("WINDLASS_NO_HOSTS") {
        return Err(reason.to_string_lossy().into_owned());
    }
    for root in ["debian-12", "el"] {
        said(script("root").arg(root))?;
    }
    Ok(Hosts(()))
}

fn this_test() -> String {
    std::thread::current().name().unwrap_or("node_prep").to_owned()
}

/// One of the programs of `tests/hosts`.
fn script(name: &str) -> Command {
    let mut command = Command::new(repository().join("tests/hosts").join(name));
    command.stdin(Stdio::null());
    command
}

/// One that is ended, with exit code 124, when it takes longer.
fn with_deadline(name: &str, deadline: Duration) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &deadline.as_secs().to_string()]);
    command.arg(repository().join("tests/hosts").join(name));
    command
}

/// What a script says on standard output, or why this machine cannot run it.
fn said(command: &mut Command) -> Result<String, String> {
    let said = output(command, "");
    let err = String::from_utf8_lossy(&said.stderr);
    match said.status.code() {
        Some(3) => Err(err.lines().next_back().unwrap_or("no reason was given").to_owned()),
        Some(0) => Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned()),
        _ => Err(failed(command, &said, &err)),
    }
}

/// What is broken must not look like what cannot be had.
#[expect(clippy::panic, reason = "a test cannot go on")]
fn failed(command: &Command, said: &Output, err: &str) -> String {
    panic!("{}: {}\n{err}", command.get_program().display(), said.status)
}

#[expect(clippy::expect_used, reason = "a test cannot go on without the program")]
fn output(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    if let Some(mut stdin) = child.stdin.take() {
        // It may have ended without reading; then its output says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().expect("the program ends")
}
