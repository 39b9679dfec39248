//! The command lines of the other contestants.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Runs a `HyperQueue` server, one worker and one job, all in one Python process.
const HYPERQUEUE_SCRIPT: &str = r#"import sys
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

count, slots = int(sys.argv[1]), int(sys.argv[2])
with LocalCluster(worker_config=WorkerConfig(cores=slots)) as cluster:
    client = cluster.client()
    job = Job()
    for _ in range(count):
        job.program(["/bin/true"], stdout=None, stderr=None)
    client.wait_for_jobs([client.submit(job)])
"#;

/// Where the peers are: make and ninja in the search path, the others in a folder.
#[derive(Debug)]
pub(crate) struct Peers {
    folder: PathBuf,
}

impl Peers {
    /// Peers that `benches/peers` installed into `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// GNU make in a folder with a Makefile; without built-in rules, which cost time.
    pub(crate) fn make(folder: &Path, slots: u32) -> anyhow::Result<Command> {
        let mut command = Command::new(in_search_path("make")?);
        command.args(["-s", "-r", "-R", &format!("-j{slots}")]).current_dir(folder);
        // A make around this program must not lend its own slots.
        command.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("MAKELEVEL");
        Ok(command)
    }

    /// ninja in a folder with a build.ninja.
    pub(crate) fn ninja(folder: &Path, slots: u32) -> anyhow::Result<Command> {
        let mut command = Command::new(in_search_path("ninja")?);
        command.args(["--quiet", &format!("-j{slots}")]).current_dir(folder);
        Ok(command)
    }

    /// HyperFlow on a folder with a workflow.json, with its Redis at `redis_url`.
    pub(crate) fn hyperflow(&self, folder: &Path, redis_url: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(self.installed("npm/node_modules/.bin/hflow")?);
        command.arg("run").arg(folder).env("REDIS_URL", redis_url);
        Ok(command)
    }

    /// `HyperQueue` with `count` independent /bin/true; writes its script into `folder`.
    pub(crate) fn hyperqueue(
        &self,
        folder: &Path,
        count: u32,
        slots: u32,
    ) -> anyhow::Result<Command> {
        let python = self.installed("venv/bin/python")?;
        let script = folder.join("hyperqueue_tasks.py");
        fs::write(&script, HYPERQUEUE_SCRIPT)
            .with_context(|| format!("failed to write {}", script.display()))?;
        let mut command = Command::new(python);
        command.arg(script).args([count.to_string(), slots.to_string()]).current_dir(folder);
        Ok(command)
    }

    /// Snakemake with `count` jobs of one rule, each a /bin/true; writes a Snakefile into `folder`.
    pub(crate) fn snakemake(
        &self,
        folder: &Path,
        count: u32,
        slots: u32,
    ) -> anyhow::Result<Command> {
        let program = self.installed("venv/bin/snakemake")?;
        let snakefile = format!(
            "rule all:\n    input: expand(\"out/{{i}}\", i=range({count}))\n\n\
             rule task:\n    output: touch(\"out/{{i}}\")\n    shell: \"/bin/true\"\n"
        );
        let path = folder.join("Snakefile");
        fs::write(&path, snakefile)
            .with_context(|| format!("failed to write {}", path.display()))?;
        let mut command = Command::new(program);
        // The default scheduler solves an integer programme for each choice; greedy is quicker.
        command.args(["--scheduler", "greedy", "--quiet", "all", "--cores", &slots.to_string()]);
        command.current_dir(folder);
        Ok(command)
    }

    /// Fails when `benches/peers` has not installed this file.
    fn installed(&self, path: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(path);
        if !path.exists() {
            bail!("not installed (benches/peers installs it): no {}", path.display());
        }
        Ok(path)
    }
}

/// Finds a program as the shell would.
///
/// # Errors
/// When no folder of `PATH` has it.
pub(crate) fn in_search_path(program: &str) -> anyhow::Result<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .with_context(|| format!("not installed (benches/peers installs it): {program}"))
}
