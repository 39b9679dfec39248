//! A real Kubernetes cluster, for tests of the tier `--all`: the one that `KUBECONFIG_E2E` names, else the one of
//! `tests/cluster/up`. See `tests/cluster/README.md`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{all_tiers, is_installed, repository, without_proxies};

/// A cluster that answers.
#[derive(Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    is_ours: bool,
}

/// The cluster for tests. The first call of a process may start it, which takes seconds, or a quarter of an hour where
/// Kubernetes was never built. It stays when the process has ended: `./test` or `tests/cluster/down` end it.
///
/// # Errors
/// Why there is none: the reason to skip the test with.
///
/// # Panics
/// When it should be there and is not: it does not start, or `KUBECONFIG_E2E` names no file.
pub fn cluster() -> Result<&'static Cluster, &'static str> {
    static FOUND: OnceLock<Result<Cluster, String>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map_err(String::as_str)
}

/// The path of the cluster's kubeconfig, see [`cluster`].
///
/// # Errors
/// Why there is none.
pub fn kubeconfig() -> Result<&'static Path, &'static str> {
    cluster().map(Cluster::kubeconfig)
}

#[expect(
    clippy::panic,
    reason = "a cluster that is broken must not look like one that cannot be had"
)]
fn find() -> Result<Cluster, String> {
    if !all_tiers() {
        return Err("it needs a Kubernetes cluster: ./test --all starts one".to_owned());
    }
    if let Some(path) = std::env::var_os("KUBECONFIG_E2E") {
        let kubeconfig = PathBuf::from(path);
        assert!(kubeconfig.is_file(), "KUBECONFIG_E2E={} is no file", kubeconfig.display());
        if !is_installed("kubectl") {
            return Err("KUBECONFIG_E2E names a cluster, and kubectl is not in PATH".to_owned());
        }
        return Ok(Cluster { kubeconfig, kubectl: "kubectl".into(), is_ours: false });
    }
    // `./test` has tried, and counts it once.
    if let Some(reason) = std::env::var_os("WINDLASS_NO_CLUSTER") {
        return Err(reason.to_string_lossy().into_owned());
    }
    // It waits for others that are about to start the same cluster.
    let up = repository().join("tests/cluster/up");
    let said = match Command::new(&up).stdin(Stdio::null()).output() {
        Ok(said) => said,
        Err(error) => return Err(format!("tests/cluster/up cannot be started: {error}")),
    };
    let err = String::from_utf8_lossy(&said.stderr);
    match said.status.code() {
        Some(0) => {
            let kubeconfig = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
            let kubectl = kubeconfig.with_file_name("kubectl");
            Ok(Cluster { kubeconfig, kubectl, is_ours: true })
        }
        Some(3) => Err(err.lines().next_back().unwrap_or("no reason was given").to_owned()),
        _ => panic!("tests/cluster/up: {}\n{err}", said.status),
    }
}

impl Cluster {
    /// A kubeconfig with the rights of an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubectl that fits it.
    #[must_use]
    pub fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    /// The image with busybox, for `imagePullPolicy: Never`.
    ///
    /// # Errors
    /// The cluster is somebody else's, and has no images of ours: the reason to skip the test with.
    pub fn busybox(&self) -> Result<&'static str, &'static str> {
        if !self.is_ours {
            return Err("the cluster of KUBECONFIG_E2E has no images of ours");
        }
        Ok("docker.io/local/busybox:1")
    }

    /// Gives the node an image with busybox, this program, and the libraries that it needs. Answers the image's name, for
    /// `imagePullPolicy: Never`.
    ///
    /// # Errors
    /// The cluster is somebody else's: the reason to skip the test with.
    ///
    /// # Panics
    /// When the image cannot be made.
    pub fn image(&self, name: &str, program: &Path) -> Result<String, &'static str> {
        self.image_with(name, &std::process::id().to_string(), &[program])
    }

    /// The same with several programs, and a tag.
    ///
    /// # Errors
    /// The cluster is somebody else's: the reason to skip the test with.
    ///
    /// # Panics
    /// When the image cannot be made.
    pub fn image_with(
        &self,
        name: &str,
        tag: &str,
        programs: &[&Path],
    ) -> Result<String, &'static str> {
        self.busybox()?;
        let mut command = Command::new(repository().join("tests/cluster/image"));
        let said = output(command.args([name, tag, "--binary"]).args(programs), "");
        Ok(succeeded(&said, "tests/cluster/image").trim().to_owned())
    }

    /// Gives the node an image that has nothing but these programs, under these paths. They need no libraries.
    ///
    /// # Errors
    /// The cluster is somebody else's: the reason to skip the test with.
    ///
    /// # Panics
    /// When the image cannot be made.
    #[expect(clippy::expect_used, reason = "a test cannot go on without the image")]
    pub fn image_of(
        &self,
        name: &str,
        tag: &str,
        programs: &[(&str, &Path)],
    ) -> Result<String, &'static str> {
        self.busybox()?;
        let root = tempfile::tempdir().expect("there is a place for temporary files");
        for (path, program) in programs {
            std::fs::copy(program, root.path().join(path)).expect("the program can be copied");
        }
        let mut command = Command::new(repository().join("tests/cluster/image"));
        let said = output(command.args([name, tag]).arg(root.path()), "");
        Ok(succeeded(&said, "tests/cluster/image").trim().to_owned())
    }

    /// The address under which pods reach this machine.
    ///
    /// # Errors
    /// The cluster is somebody else's, and it is not known: the reason to skip the test with.
    ///
    /// # Panics
    /// When the cluster does not say.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn host(&self) -> Result<&'static str, &'static str> {
        static FOUND: OnceLock<String> = OnceLock::new();
        self.busybox()?;
        Ok(FOUND.get_or_init(|| {
            let said = output(&mut Command::new(repository().join("tests/cluster/status")), "");
            let text = succeeded(&said, "tests/cluster/status");
            let line = text.lines().find_map(|line| line.strip_prefix("host "));
            line.expect("the status has the host's address").trim().to_owned()
        }))
    }

    /// Runs kubectl to its end, with this on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn kubectl<A: AsRef<OsStr>>(&self, args: &[A], input: &str) -> Output {
        let mut command = Command::new(&self.kubectl);
        if self.is_ours {
            // Nothing into the home of whoever runs the tests.
            command.env("KUBECACHEDIR", self.kubeconfig.with_file_name("kubectl-cache"));
            without_proxies(&mut command);
        }
        output(command.arg("--kubeconfig").arg(&self.kubeconfig).args(args), input)
    }

    /// Runs kubectl, expects it to be done, and answers what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn done<A: AsRef<OsStr>>(&self, args: &[A], input: &str) -> String {
        succeeded(&self.kubectl(args, input), "kubectl")
    }

    /// A new namespace, of which nothing stays.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn namespace(&'static self, about: &str) -> Namespace {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{about}-{}-{number}", std::process::id());
        self.done(&["create", "namespace", &name], "");
        Namespace { cluster: self, name }
    }
}

/// A namespace. When this is dropped it is deleted, without waiting for the end of it.
#[derive(Debug)]
pub struct Namespace {
    cluster: &'static Cluster,
    name: String,
}

impl Namespace {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs kubectl in it and answers what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[expect(clippy::must_use_candidate, reason = "mostly it is run for what it does")]
    pub fn done(&self, args: &[&str], input: &str) -> String {
        self.cluster.done(&[&["--namespace", self.name.as_str()], args].concat(), input)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // If it fails there is nobody to tell: the test has said what it had to say.
        let _ = self.cluster.kubectl(&["delete", "namespace", &self.name, "--wait=false"], "");
    }
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

fn succeeded(said: &Output, program: &str) -> String {
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{program}: {}\n{err}", said.status);
    String::from_utf8_lossy(&said.stdout).into_owned()
}
