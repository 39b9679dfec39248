//! What end-to-end tests share: finding and starting our programs, tiers, scratch folders.

pub mod cluster;
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
    BUILT.get_or_init(|| build("wf-run"))
}

/// The `hpcc-envgen` of this checkout, built if it is not up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn hpcc_envgen() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("hpcc-envgen"))
}

/// Builds one of our programs. Answers where it is.
#[expect(clippy::panic, reason = "a test cannot go on without the program")]
fn build(program: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "-p", program]).current_dir(repository());
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

/// `hpcc-envgen` with these arguments in this folder, without what the surroundings might add.
#[must_use]
pub fn hpcc_envgen_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = command(hpcc_envgen(), dir, args);
    // No cluster of whoever runs the tests.
    for name in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
        command.env_remove(name);
    }
    // Nor a proxy between the program and what plays the API.
    without_proxies(&mut command);
    command.env("HOME", dir);
    command
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
