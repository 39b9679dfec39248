//! Images for pods of workflows: the one that brings `wf-worker`, and one with the programs of the Montage toolkit.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::cluster::Cluster;
use crate::{cargo, is_installed};

/// What a static binary is built for.
fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// The programs that the mosaic of the example needs. Of `awk` and `sort` busybox has others, which may round or order
/// in another way than those that a run on this machine finds.
const MONTAGE: [&str; 12] = [
    "mProjectPP",
    "mProjectQL",
    "mImgtbl",
    "mDiff",
    "mFitplane",
    "mBgModel",
    "mBackground",
    "mAdd",
    "mShrink",
    "mViewer",
    "awk",
    "sort",
];

/// A `wf-worker` that needs no library. Built if it is not up to date, below the folder that everything is built in.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn static_worker() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let here = std::env::current_exe().unwrap_or_default();
        let folder = here.ancestors().nth(3).unwrap_or(Path::new("target")).join("static");
        let mut command = cargo();
        command
            .args(["build", "--quiet", "--locked", "--release", "-p", "wf-worker"])
            .args(["--target", &target(), "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        let built = command.status();
        assert!(
            built.as_ref().is_ok_and(std::process::ExitStatus::success),
            "cannot build the static wf-worker: {built:?}"
        );
        folder.join(target()).join("release/wf-worker")
    })
}

/// The image with `/wf-worker`, for `--worker-image`.
///
/// # Errors
/// The cluster is somebody else's: the reason to skip the test with.
///
/// # Panics
/// When it cannot be built.
pub fn worker(cluster: &Cluster) -> Result<&'static str, &'static str> {
    static MADE: OnceLock<Result<String, &'static str>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        cluster.busybox()?;
        cluster.image_of("wf-worker", &tag_of(static_worker()), &[("wf-worker", static_worker())])
    });
    made.as_ref().map(String::as_str).map_err(|reason| *reason)
}

/// The image with the programs of the distribution's Montage, and the libraries that they need.
///
/// # Errors
/// Montage is not installed, or the cluster is somebody else's: the reason to skip the test with.
///
/// # Panics
/// When it cannot be made.
pub fn montage(cluster: &Cluster) -> Result<&'static str, &'static str> {
    static MADE: OnceLock<Result<String, &'static str>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        if !is_installed("mProjectPP") {
            return Err("the Debian package `montage` is not installed (./test --all installs it)");
        }
        let programs: Vec<PathBuf> =
            MONTAGE.iter().filter_map(|program| in_path(program)).collect();
        let programs: Vec<&Path> = programs.iter().map(PathBuf::as_path).collect();
        cluster.image_with("montage", &std::process::id().to_string(), &programs)
    });
    made.as_ref().map(String::as_str).map_err(|reason| *reason)
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A tag that says what is in the image, so that a new build is another image.
fn tag_of(file: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    std::fs::read(file).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
