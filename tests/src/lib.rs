//! What end-to-end tests share: finding and starting our programs, tiers, scratch folders.

pub mod cluster;
pub mod hosts;
pub mod images;
pub mod proxy;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The `wf-run` of this checkout, built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn wf_run() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("wf-run", "wf-run"))
}

/// The `hpcc-envgen` of this checkout, built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn hpcc_envgen() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("hpcc-envgen", "hpcc-envgen"))
}

/// The `k8s-apply` of this checkout, built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn k8s_apply() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("k8s-apply-cli", "k8s-apply"))
}

/// The `node-prep` of this checkout, built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn node_prep() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("node-prep", "node-prep"))
}

/// The `k8s-cluster` of this checkout, built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn k8s_cluster() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("k8s-cluster", "k8s-cluster"))
}

/// Builds one of our programs, of this package. Answers where it is.
#[expect(clippy::panic, reason = "a test cannot go on without the program")]
fn build(package: &str, program: &str) -> PathBuf {
    let mut command = cargo();
    command.args(["build", "--quiet", "--locked", "-p", package]);
    let built = command.status();
    match built {
        Ok(status) if status.success() => {}
        other => panic!("cannot build {program}: {other:?}"),
    }
    // Tests lie in target/<profile>/deps; programs two levels up.
    let here = std::env::current_exe().unwrap_or_default();
    let target = here.ancestors().nth(3).map(Path::to_owned).unwrap_or_default();
    target.join("debug").join(program)
}

/// The cargo that builds this test, in the repository.
fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository());
    // What cargo told this test about its own package. Some build scripts look at these, and would have everything
    // that depends on them built again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text == "OUT_DIR"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The repository's root.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Whether the tier that uses real programs and takes longer was asked for (`./test --all`).
#[must_use]
pub fn all_tiers() -> bool {
    std::env::var_os("WINDLASS_ALL").is_some()
}

/// The shared data folder, if it is there.
#[must_use]
pub fn shared_data() -> Option<PathBuf> {
    let folder = std::env::var_os("WINDLASS_DATA")
        .map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Says why a test was skipped, so that a reader of the log sees it.
#[expect(clippy::print_stderr, reason = "this is how a skipped test is made visible")]
pub fn skipped(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
}

/// Whether a program is in `PATH`.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// `wf-run` with these arguments in this folder, without what the surroundings might add.
#[must_use]
pub fn wf_run_in(dir: &Path, args: &[&str]) -> Command {
    command(wf_run(), dir, args)
}

/// The same, without any cluster of whoever runs the tests.
#[must_use]
pub fn wf_run_on_cluster_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = command(wf_run(), dir, args);
    without_cluster(&mut command, dir);
    command
}

/// `hpcc-envgen` with these arguments in this folder, without what the surroundings might add.
#[must_use]
pub fn hpcc_envgen_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = command(hpcc_envgen(), dir, args);
    without_cluster(&mut command, dir);
    command
}

/// `k8s-apply` with these arguments in this folder, without what the surroundings might add.
#[must_use]
pub fn k8s_apply_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = command(k8s_apply(), dir, args);
    without_cluster(&mut command, dir);
    command
}

/// No cluster of whoever runs the tests, and no proxy between the program and what plays the API.
fn without_cluster(command: &mut Command, home: &Path) {
    for name in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
        command.env_remove(name);
    }
    without_proxies(command);
    command.env("HOME", home);
}

fn without_proxies(command: &mut Command) {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env_remove(name);
    }
}

fn command(program: &Path, dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs `wf-run` to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot go on without the program")]
pub fn output_of(dir: &Path, args: &[&str]) -> Output {
    wf_run_in(dir, args).output().expect("wf-run starts")
}
