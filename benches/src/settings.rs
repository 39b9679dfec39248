//! The resolved surroundings of a measurement: programs, folders, counts.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::cli::{Form, MeasurementArguments, Shape};
use crate::peers::Peers;
use crate::wf_run::WfRun;

/// The recorded Montage graph, below the data folder.
const MONTAGE: &str = "workflows/12-montage2-3.0deg-16413proc-rebuilt-from-trace.json.gz";

/// Number of processes of the recorded graph.
const MONTAGE_TASKS: u32 = 16_413;

/// Everything that rows need to know.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Rounds of each row.
    pub(crate) rounds: u32,
    /// The binary under test.
    pub(crate) wf_run: WfRun,
    /// The `hpcc-envgen` under test.
    pub(crate) hpcc_envgen: PathBuf,
    /// The `k8s-apply` under test.
    pub(crate) k8s_apply: PathBuf,
    /// The `kubectl` beside it.
    pub(crate) kubectl: PathBuf,
    /// The other contestants.
    pub(crate) peers: Peers,
    /// Longest time of one contestant in one round.
    pub(crate) limit: Duration,
    /// Where raw figures are appended.
    pub(crate) raw: Option<PathBuf>,
    /// This program, for its helper subcommands.
    own: PathBuf,
    scratch: PathBuf,
    shrink: u32,
}

/// A graph to write: its shape, how many tasks, and where a recorded one lies.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Its shape.
    pub(crate) shape: Shape,
    /// Its number of tasks.
    pub(crate) tasks: u32,
    source: Option<PathBuf>,
}

impl Plan {
    /// A generated graph.
    pub(crate) fn generated(shape: Shape, tasks: u32) -> Self {
        Self { shape, tasks, source: None }
    }
}

impl Settings {
    /// Resolves the command line: absolute paths, existing folders.
    ///
    /// # Errors
    /// When the scratch folder cannot be made.
    pub(crate) fn try_new(arguments: &MeasurementArguments) -> anyhow::Result<Self> {
        let absolute = |path: &Path| {
            std::path::absolute(path)
                .with_context(|| format!("failed to resolve {}", path.display()))
        };
        let scratch = absolute(&arguments.scratch)?;
        fs::create_dir_all(&scratch)
            .with_context(|| format!("failed to create {}", scratch.display()))?;
        Ok(Self {
            rounds: arguments.rounds,
            hpcc_envgen: absolute(&arguments.hpcc_envgen)?,
            k8s_apply: absolute(&arguments.k8s_apply)?,
            // Usually found by PATH.
            kubectl: arguments.kubectl.clone(),
            wf_run: WfRun::new(absolute(&arguments.wf_run)?),
            peers: Peers::new(absolute(&arguments.peers)?),
            limit: Duration::from_secs(arguments.limit),
            raw: arguments.raw.clone(),
            own: env::current_exe().context("failed to find this program itself")?,
            scratch,
            shrink: arguments.shrink,
        })
    }

    /// Whether the counts are the real ones, so that bars can be judged.
    pub(crate) fn is_full_size(&self) -> bool {
        self.shrink == 1
    }

    /// A count, divided by `--shrink`; never so small that a shape loses its form.
    pub(crate) fn count(&self, full: u32) -> u32 {
        (full / self.shrink).max(full.min(60))
    }

    /// The Montage graph: the recorded one, or one of its shape when it is absent or the counts
    /// are divided.
    pub(crate) fn montage(&self) -> Plan {
        let data =
            env::var_os("WINDLASS_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
        let recorded = data.join(MONTAGE);
        if self.is_full_size() && recorded.is_file() {
            return Plan { shape: Shape::Recorded, tasks: MONTAGE_TASKS, source: Some(recorded) };
        }
        Plan::generated(Shape::Layers, self.count(MONTAGE_TASKS))
    }

    /// An empty folder below the scratch folder.
    ///
    /// # Errors
    /// When it cannot be emptied or made.
    pub(crate) fn fresh_folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.scratch.join(name);
        empty(&folder)?;
        Ok(folder)
    }

    /// Writes a graph as `file` in a folder.
    ///
    /// # Errors
    /// When the generator fails.
    pub(crate) fn write_graph(
        &self,
        plan: &Plan,
        form: Form,
        program: &Path,
        function: &str,
        file: &Path,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(&self.own);
        command.args(["generate", "--shape", plan.shape.name(), "--form", form.name()]);
        command.args(["--count", &plan.tasks.to_string(), "--function", function]);
        command.arg("--program").arg(program).arg("--out").arg(file);
        if let Some(source) = &plan.source {
            command.arg("--source").arg(source);
        }
        let status = command.status().context("failed to start the generator")?;
        ensure!(status.success(), "failed to generate {}", file.display());
        Ok(())
    }

    /// The floor as a child process.
    pub(crate) fn floor(&self, program: &Path, count: u32, threads: u32) -> Command {
        let mut command = Command::new(&self.own);
        command.args(["floor", "--count", &count.to_string(), "--threads", &threads.to_string()]);
        command.arg("--program").arg(program);
        command
    }

    /// Builds `true0`, the static program without libc, and answers where it is.
    ///
    /// # Errors
    /// When there is no C compiler, or it refuses.
    pub(crate) fn true0(&self) -> anyhow::Result<PathBuf> {
        compiled(&self.scratch, "true0", include_str!("../true0.c"))
    }
}

/// Builds `sleep0`, which sleeps and has no libc, and answers where it is.
///
/// # Errors
/// When there is no C compiler, or it refuses.
pub(crate) fn sleep0(folder: &Path) -> anyhow::Result<PathBuf> {
    compiled(folder, "sleep0", include_str!("../sleep0.c"))
}

/// Builds a static program without libc.
fn compiled(folder: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let (source, program) = (folder.join(format!("{name}.c")), folder.join(name));
    fs::write(&source, text).with_context(|| format!("failed to write {}", source.display()))?;
    let status = Command::new("cc")
        .args(["-Os", "-s", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-o"])
        .arg(&program)
        .arg(&source)
        .status()
        .context("failed to start the C compiler cc")?;
    ensure!(status.success(), "failed to compile {}", source.display());
    Ok(program)
}

/// Makes a folder, empty.
///
/// # Errors
/// When what is there cannot be removed, or the folder not be made.
pub(crate) fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))
}
