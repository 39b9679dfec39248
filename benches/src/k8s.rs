//! `bench k8s`: `wf-run --executor k8s` on a control plane whose nodes are played.
//!
//! Each mode gets a new control plane (`tests/cluster/up` with `WINDLASS_CONTROL_PLANE`), nodes (`fake-nodes`), and the recorded
//! Montage graph, in which every task sleeps for its recorded time times a factor. What was asked of the server is read from its audit log.

mod audit;
mod times;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use wait4::Wait4 as _;

use crate::bars::Bar;
use crate::cli::K8sArguments;
use crate::contest::{Standing, Standings};
use crate::generate;
use crate::graph;
use crate::k8s::audit::{Account, rates};
use crate::k8s::times::Bound;
use crate::measure::Sample;
use crate::report;
use crate::rows::Outcome;
use crate::settings::{empty, sleep0};
use crate::wf_run::{OnCluster, WfRun};

/// The recorded graph and the run times of its tasks, below the data folder.
const MONTAGE: &str = "workflows/12-montage2-3.0deg-16413proc-rebuilt-from-trace.json.gz";
const RUN_TIMES: &str = "runtimes/montage2-3.0deg-16413proc.json.gz";
/// The namespace of the run.
const NAMESPACE: &str = "bench";
/// How many nodes are played.
const NODES: u32 = 8;
/// How often the run is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a run that was asked to end may take for that.
const GRACE: Duration = Duration::from_mins(2);
/// This part of a run that is cut short is no steady state yet.
const WARM_UP: f64 = 0.25;

/// How tasks get into pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Worker pods take them.
    Pool,
    /// A Job for several.
    Clustered,
    /// A Job for each.
    Job,
}

/// Settings of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Those that Kubernetes comes with.
    Default,
    /// Controllers and scheduler that may ask more often.
    Tuned,
}

/// A mode on a control plane, such as `pool@default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    mode: Mode,
    profile: Profile,
}

impl Mode {
    /// Its name on command lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Clustered => "clustered",
            Self::Job => "job",
        }
    }
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Tuned => "tuned",
        }
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mode, profile) = text.split_once('@').unwrap_or((text, "default"));
        let mode =
            [Mode::Pool, Mode::Clustered, Mode::Job].into_iter().find(|known| known.name() == mode);
        let profile =
            [Profile::Default, Profile::Tuned].into_iter().find(|known| known.name() == profile);
        match (mode, profile) {
            (Some(mode), Some(profile)) => Ok(Self { mode, profile }),
            _ => {
                Err("expected pool, clustered or job, then nothing, @default or @tuned".to_owned())
            }
        }
    }
}

impl Setting {
    fn name(self) -> String {
        format!("{}@{}", self.mode.name(), self.profile.name())
    }
}

/// What one run brought.
struct Run {
    setting: Setting,
    sample: Sample,
    account: Account,
    /// The time for all tasks: measured, or extrapolated from a steady state.
    seconds: f64,
    /// Tasks that ended each second, where the run was cut short.
    steady: Option<f64>,
    nodes: String,
}

/// Measures the settings one after another; says whether any bar was missed.
///
/// # Errors
/// When a control plane, its nodes or a run fails.
pub(crate) fn run(arguments: &K8sArguments) -> anyhow::Result<bool> {
    let bed = Bed::try_new(arguments)?;
    let mut runs = Vec::new();
    for &setting in &arguments.settings {
        let load = report::load_average();
        let run = bed.measure(setting)?;
        let mut outcome = bed.outcome(&run);
        outcome.notes.extend(load);
        report::show(&outcome)?;
        if let Some(raw) = &arguments.raw {
            report::append_raw(raw, &format!("k8s {}", setting.name()), &outcome)?;
        }
        runs.push(run);
    }
    let outcome = bed.judgement(&runs);
    report::show(&outcome)?;
    if let Some(raw) = &arguments.raw {
        report::append_raw(raw, "k8s", &outcome)?;
    }
    Ok(outcome.bars.iter().any(|bar| bar.verdict == crate::bars::Verdict::Missed))
}

/// What all runs share.
struct Bed<'a> {
    arguments: &'a K8sArguments,
    wf_run: WfRun,
    scratch: PathBuf,
    workflow: PathBuf,
    tasks: u32,
    bound: Bound,
}

impl<'a> Bed<'a> {
    fn try_new(arguments: &'a K8sArguments) -> anyhow::Result<Self> {
        let scratch = std::path::absolute(&arguments.scratch)?.join("k8s");
        empty(&scratch)?;
        let data = std::env::var_os("WINDLASS_DATA")
            .map_or_else(|| "../shared/data".into(), PathBuf::from);
        let (source, times) = (data.join(MONTAGE), data.join(RUN_TIMES));
        ensure!(
            source.is_file() && times.is_file(),
            "skipped: {} and {} are not both there (WINDLASS_DATA names their folder)",
            source.display(),
            times.display()
        );
        let graph = graph::recorded(&source)?;
        let seconds = times::read(&times, &graph, arguments.factor)?;
        let bound = Bound::of(&graph, &seconds)?;
        let sleep = sleep0(&scratch)?.display().to_string();
        let workflow = scratch.join("workflow.json");
        let mut out = BufWriter::new(File::create(&workflow)?);
        generate::write_sleepers(&graph, "montage-sleepers", &sleep, &seconds, &mut out)?;
        out.flush()?;
        let wf_run = WfRun::new(std::path::absolute(&arguments.wf_run)?);
        Ok(Self { arguments, wf_run, scratch, workflow, tasks: graph.task_count() as u32, bound })
    }

    /// One run on a control plane of its own.
    fn measure(&self, setting: Setting) -> anyhow::Result<Run> {
        let folder = self.scratch.join(setting.name());
        empty(&folder)?;
        let plane = ControlPlane::start(setting.profile, self.arguments.keep)?;
        let mut nodes = Nodes::start(self.arguments, &plane, &folder)?;
        plane.kubectl(&["create", "namespace", NAMESPACE])?;
        plane.kubectl(&[
            "wait",
            "--for=create",
            "serviceaccount/default",
            "--timeout=60s",
            "-n",
            NAMESPACE,
        ])?;
        let from = fs::metadata(plane.audit_log()).map_or(0, |about| about.len());
        let on = OnCluster {
            kubeconfig: &plane.kubeconfig,
            namespace: NAMESPACE,
            mode: setting.mode,
            slots: self.arguments.slots,
            // Free a moment ago.
            port: TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
            more: &self.arguments.more,
        };
        let mut command = self.wf_run.on_cluster(&self.workflow, &folder.join("runs"), &on);
        command
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("out"))?)
            .stderr(File::create(folder.join("err"))?);
        let cut =
            (setting.mode == Mode::Job).then_some(Duration::from_secs(self.arguments.job_seconds));
        let (sample, was_cut) = watch(command, cut, Duration::from_secs(self.arguments.limit))
            .with_context(|| format!("wf-run said: {}", end_of(&folder.join("err"))))?;
        let account = Account::read(&plane.audit_log(), from)?;
        let nodes = nodes.end()?;
        let steady = was_cut.then(|| steady_rate(&account.pods_ended)).flatten();
        ensure!(!was_cut || steady.is_some(), "no pods ended in {} s", self.arguments.job_seconds);
        let seconds = steady.map_or(sample.wall_seconds, |rate| f64::from(self.tasks) / rate);
        Ok(Run { setting, sample, account, seconds, steady, nodes })
    }

    /// The report of one run.
    fn outcome(&self, run: &Run) -> Outcome {
        let ended = match run.steady {
            Some(_) => run.account.pods_ended.len() as u64,
            None => u64::from(self.tasks),
        };
        let per_task = |count: u64| count as f64 / ended.max(1) as f64;
        let mut notes = vec![format!(
            "{:.3} times the bound, {:.3} times the bound with tails",
            self.over(run),
            self.over_tails(run)
        )];
        if let Some(rate) = run.steady {
            notes.push(format!(
                "cut short after {:.0} s with {ended} pods ended; steady state {rate:.2} pods/s, extrapolated to {} tasks: {:.0} s",
                run.sample.wall_seconds, self.tasks, run.seconds
            ));
        }
        for (who, writes) in &run.account.writes {
            let mut line =
                format!("writes by {who}: {:.3} a task", per_task(run.account.writes_of(who)));
            for (what, count) in writes {
                let _ = write!(line, "; {count} {what}");
            }
            notes.push(line);
        }
        notes.push(format!("all writes: {:.3} a task", per_task(run.account.all_writes())));
        let list =
            |map: Vec<String>| if map.is_empty() { "none".to_owned() } else { map.join(", ") };
        notes.push(format!(
            "the engine's reads: {}; most watches at once: {}; told to slow down {} times",
            list(
                run.account
                    .engine_reads
                    .iter()
                    .map(|(what, count)| format!("{count} {what}"))
                    .collect()
            ),
            list(
                run.account
                    .engine_watches
                    .iter()
                    .map(|(what, count)| format!("{count} {what}"))
                    .collect()
            ),
            run.account.slowed_down
        ));
        if let Some((most, mean)) = rates(&run.account.jobs_made) {
            notes.push(format!(
                "Jobs made: {}, at most {most:.0} in a second, {mean:.1} a second in all",
                run.account.jobs_made.len()
            ));
        }
        notes.push(format!("the nodes: {}", run.nodes));
        let standing = Standing {
            name: format!("wf-run, {}", run.setting.name()),
            tasks: ended,
            samples: vec![run.sample],
            failure: None,
        };
        Outcome {
            title: format!(
                "{} sleeping tasks, {} slots, {}",
                self.tasks,
                self.arguments.slots,
                run.setting.name()
            ),
            standings: Standings(vec![standing]),
            bars: Vec::new(),
            notes,
        }
    }

    /// How many times the bound a run took.
    fn over(&self, run: &Run) -> f64 {
        run.seconds / self.bound.seconds(self.arguments.slots)
    }

    /// The same with the higher bound.
    fn over_tails(&self, run: &Run) -> f64 {
        run.seconds / self.bound.seconds_with_tails(self.arguments.slots)
    }

    /// The bars, as far as their runs are there.
    fn judgement(&self, runs: &[Run]) -> Outcome {
        let find = |mode, profile| runs.iter().find(|run| run.setting == Setting { mode, profile });
        let pool = find(Mode::Pool, Profile::Default);
        let job = find(Mode::Job, Profile::Default);
        let clustered = find(Mode::Clustered, Profile::Default);
        let tuned = find(Mode::Clustered, Profile::Tuned);
        let times = |slow: Option<&Run>, fast: Option<&Run>| Some(slow?.seconds / fast?.seconds);
        let watches =
            job.map(|run| run.account.engine_watches.values().copied().max().unwrap_or(0));
        let reads = job.map(|run| {
            let reads: u64 = run.account.engine_reads.values().sum();
            reads as f64 / run.account.pods_ended.len().max(1) as f64
        });
        let a_task = |writes: u64| writes as f64 / f64::from(self.tasks);
        let mut bars = vec![
            Bar::at_most(
                "pool, default: time over the bound",
                pool.map(|run| self.over(run)),
                1.15,
                "x",
            ),
            Bar::at_most(
                "pool, default: time over the bound with tails",
                pool.map(|run| self.over_tails(run)),
                1.15,
                "x",
            ),
            Bar::at_most(
                "pool: the engine's writes a task",
                pool.map(|run| a_task(run.account.writes_of("engine"))),
                0.1,
                "",
            ),
            Bar::at_most(
                "pool: everybody's writes a task",
                pool.map(|run| a_task(run.account.all_writes())),
                0.1,
                "",
            ),
            Bar::at_most(
                "pool: the engine's peak memory",
                pool.map(|run| run.sample.peak_rss_bytes as f64 / 1e6),
                300.0,
                "MB",
            ),
            Bar::at_least(
                "pool: times as fast as a Job a task, default",
                times(job, pool),
                20.0,
                "x",
            ),
            Bar::at_most(
                "clustered, tuned: time over the bound",
                tuned.map(|run| self.over(run)),
                1.5,
                "x",
            ),
            Bar::at_most(
                "clustered, tuned: time over the bound with tails",
                tuned.map(|run| self.over_tails(run)),
                1.5,
                "x",
            ),
            Bar::at_least(
                "clustered: times as fast as a Job a task, default",
                times(job, clustered),
                5.0,
                "x",
            ),
            Bar::at_most(
                "job: the engine's watches of a kind at once",
                watches.map(f64::from),
                1.0,
                "",
            ),
            Bar::at_most("job: the engine's reads a task", reads, 0.05, ""),
        ];
        if self.arguments.is_changed() {
            bars = bars.into_iter().map(Bar::without_judgement).collect();
        }
        Outcome {
            title: format!(
                "k8s: bound {:.1} s, with tails {:.1} s (critical path {:.1} s, work {:.1} s on {} slots)",
                self.bound.seconds(self.arguments.slots),
                self.bound.seconds_with_tails(self.arguments.slots),
                self.bound.critical_path,
                self.bound.work / f64::from(self.arguments.slots),
                self.arguments.slots
            ),
            standings: Standings(Vec::new()),
            bars,
            notes: vec!["server, controllers, nodes, workers and engine share this machine; leases of nodes are not counted".to_owned()],
        }
    }
}

/// The rate of the later part of the ends.
fn steady_rate(ends: &[f64]) -> Option<f64> {
    let mut ends = ends.to_vec();
    ends.sort_by(f64::total_cmp);
    let (first, last) = (*ends.first()?, *ends.last()?);
    let from = first + (last - first) * WARM_UP;
    let steady: Vec<f64> = ends.into_iter().filter(|end| *end >= from).collect();
    rates(&steady).map(|(_, mean)| mean)
}

/// Runs a command to its end, or asks it to end after `cut`. Says which.
fn watch(
    mut command: Command,
    cut: Option<Duration>,
    limit: Duration,
) -> anyhow::Result<(Sample, bool)> {
    let begun = Instant::now();
    let child = command.spawn().context("failed to start wf-run")?;
    let pid = Pid::from_child(&child);
    let mut peak_rss_bytes = 0;
    let mut was_cut = false;
    let mut deadline = begun + limit;
    // The kernel's own figure would count this program's memory up to the start.
    let wall_seconds = loop {
        peak_rss_bytes = peak_memory(child.id()).unwrap_or(0).max(peak_rss_bytes);
        if has_ended(&child) {
            break begun.elapsed().as_secs_f64();
        }
        if !was_cut && cut.is_some_and(|cut| begun.elapsed() >= cut) {
            was_cut = true;
            deadline = Instant::now() + GRACE;
            kill_process(pid, Signal::INT)?;
        }
        if Instant::now() >= deadline {
            kill_process(pid, Signal::KILL)?;
            child.wait4()?;
            bail!("it did not end in time");
        }
        std::thread::sleep(LOOK);
    };
    let usage = child.wait4()?;
    ensure!(was_cut || usage.status.success(), "it ended with {}", usage.status);
    let sample = Sample {
        wall_seconds,
        user_seconds: usage.rusage.utime.as_secs_f64(),
        system_seconds: usage.rusage.stime.as_secs_f64(),
        peak_rss_bytes,
        reported: None,
    };
    Ok((sample, was_cut))
}

/// Whether a child has ended and waits to be reaped.
fn has_ended(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// The peak memory of a process since it became this program.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The last words of a file.
fn end_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" ")
}

/// A control plane of its own; taken down when this is dropped.
struct ControlPlane {
    profile: Profile,
    kubeconfig: PathBuf,
    keep: bool,
}

impl ControlPlane {
    /// Starts one; what is left of an earlier one is taken down first, so that every run begins alike.
    fn start(profile: Profile, keep: bool) -> anyhow::Result<Self> {
        script("down", profile)?;
        let kubeconfig = PathBuf::from(script("up", profile)?.trim());
        Ok(Self { profile, kubeconfig, keep })
    }

    fn beside(&self, path: &str) -> PathBuf {
        self.kubeconfig.with_file_name(path)
    }

    fn audit_log(&self) -> PathBuf {
        self.beside("logs/audit.log")
    }

    /// Runs kubectl as somebody else than the engine.
    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(self.beside("kubectl"));
        command.arg("--kubeconfig").arg(self.beside("conf/nodes.kubeconfig"));
        command.arg("--cache-dir").arg(self.beside("kubectl-cache")).args(arguments);
        let said = command.output().context("failed to start kubectl")?;
        let error = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "kubectl {}: {error}", arguments.join(" "));
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if !self.keep {
            // What stays is taken down by the next start.
            let _ = script("down", self.profile);
        }
    }
}

/// Runs a script of `tests/cluster` and answers what it printed.
fn script(name: &str, profile: Profile) -> anyhow::Result<String> {
    let path = Path::new("tests/cluster").join(name);
    let mut command = Command::new(&path);
    command
        .env("WINDLASS_CONTROL_PLANE", profile.name())
        .env_remove("WINDLASS_CLUSTER_DIR")
        .stdin(Stdio::null());
    let said = command
        .output()
        .with_context(|| format!("failed to start {}: run this in the checkout", path.display()))?;
    let error = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "{}: {}", path.display(), error.trim());
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}

/// The program that plays the nodes. It ends when its standard input does, so also when this program dies.
struct Nodes {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
}

impl Nodes {
    fn start(
        arguments: &K8sArguments,
        plane: &ControlPlane,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(&arguments.fake_nodes);
        command.args(["run", "--while-input", "--nodes", &NODES.to_string()]);
        // Every slot has its processor, wherever the scheduler puts the pods.
        command.args(["--cpus", &arguments.slots.div_ceil(NODES).to_string()]);
        command.arg("--kubeconfig").arg(plane.beside("conf/nodes.kubeconfig"));
        command
            .arg("--worker")
            .arg(&arguments.wf_worker)
            .arg("--scratch")
            .arg(folder.join("nodes"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("nodes.err"))?);
        let mut child = command
            .spawn()
            .with_context(|| format!("failed to start {}", arguments.fake_nodes.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("no pipes to fake-nodes")
        };
        let mut nodes = Self { child, input: Some(input), output: BufReader::new(output) };
        let mut line = String::new();
        nodes.output.read_line(&mut line)?;
        ensure!(line.trim() == "ready", "fake-nodes: {}", end_of(&folder.join("nodes.err")));
        Ok(nodes)
    }

    /// Ends it and answers what it says of its run.
    fn end(&mut self) -> anyhow::Result<String> {
        drop(self.input.take());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        self.child.wait()?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has been awaited, or ends by itself.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_names() {
        let setting: Setting = "clustered@tuned".parse().expect("known");
        assert_eq!(setting.name(), "clustered@tuned");
        assert_eq!("job".parse::<Setting>().expect("known").name(), "job@default");
        assert!("pool@quick".parse::<Setting>().is_err());
    }

    #[test]
    fn the_beginning_is_no_steady_state() {
        // Slow for 100 s, then two a second for 300 s.
        let ends: Vec<f64> = (0..10)
            .map(|n| f64::from(n) * 10.0)
            .chain((0..=600).map(|n| 100.0 + f64::from(n) / 2.0))
            .collect();
        let rate = steady_rate(&ends).expect("enough");
        assert!((rate - 2.0).abs() < 0.01, "{rate}");
    }

    #[test]
    fn a_run_is_cut_short_by_an_interrupt_and_its_memory_is_its_own() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let (sample, was_cut) =
            watch(command, Some(Duration::from_millis(150)), Duration::from_mins(1))
                .expect("it ends");
        assert!(was_cut && sample.wall_seconds < 30.0);
        assert!(sample.peak_rss_bytes > 0);
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        assert!(watch(command, None, Duration::from_mins(1)).is_err());
    }
}
