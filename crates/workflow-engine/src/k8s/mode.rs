//! Which mode a task type is run in, and why.
//!
//! What a pod of its own costs a task is the start and the end of the pod, and the share of the control plane: the Job
//! controller writes 7.5 times for a Job with one pod, and may write 20 times a second (`--kube-api-qps` of
//! kube-controller-manager), so that it does not finish more than 2.7 Jobs a second, whatever the size of the cluster.
//! A pool pays this once for each pod.
//!
//! The rule, in this order; the first that says something wins:
//!
//! 1. What the user says for the type.
//! 2. `executionModels`, if there is one: its types go to pools. Others are jobs, or clustered where a rule of
//!    `jobAgglomerations` names them. This is HyperFlow's meaning.
//! 3. A rule of `jobAgglomerations`: clustered, as it says.
//! 4. Pods that cannot reach the engine: a job for each task.
//! 5. A type that needs pods of its own (image, GPU, more memory than the pool's): jobs, if there are at most
//!    [`FEW_TASKS`] tasks, or if they are long; else a pool of its own class.
//! 6. Long tasks: jobs. Long is a mean run time of at least [`TIMES_THE_COST`] times the cost of a pod, so that less than
//!    a tenth is lost. This holds only if pods are not scarce (as many may run at once as there are tasks) and if the
//!    Jobs take at most half of what the Job controller can do.
//! 7. A pool.
//!
//! Where a pool is what the rule gives, but pools are not allowed (by the user, or a quota that wants a Job for each
//! piece of work, as with Kueue), tasks are clustered: so many share a Job that they run [`TIMES_THE_COST`] times its cost
//! together, at most [`LARGEST_GROUP`], and not so many that there are fewer groups than pods.
//!
//! Pools and groups need a connection to the engine. Without one they become jobs, and the reason says so.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hyperflow::{Agglomerations, ExecutionModels};

/// Long tasks run at least so many times the cost of a pod.
pub const TIMES_THE_COST: f64 = 10.0;
/// At most so many tasks are few.
pub const FEW_TASKS: u64 = 20;
/// The most tasks that the rule puts into a group. Users may say more.
pub const LARGEST_GROUP: u32 = 100;
/// The size of groups where run times are not known.
const UNKNOWN_GROUP: u32 = 10;
/// The share of the Job controller that jobs may take by the rule.
const CONTROLLER_SHARE: f64 = 0.5;

/// What a pod costs, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Costs {
    /// From the creation of a Job to the begin of its task.
    pub start_seconds: f64,
    /// From the end of a task until its place is free.
    pub stop_seconds: f64,
    /// For how long a Job with one pod keeps the Job controller busy.
    pub control_plane_seconds_per_job: f64,
}

impl Default for Costs {
    /// Start and stop as in Kubernetes' own measurements of pods with images at hand (0.9 s to 1.9 s, and half a
    /// second); 7.5 writes a Job (a pod, 2 events, 4 to 5 updates: `job_controller.go` of Kubernetes 1.35) at 20 a second
    /// (the default of `--kube-api-qps`).
    fn default() -> Self {
        Self { start_seconds: 1.5, stop_seconds: 0.5, control_plane_seconds_per_job: 0.37 }
    }
}

impl Costs {
    /// All of it.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.start_seconds + self.stop_seconds + self.control_plane_seconds_per_job
    }

    /// From which mean run time on tasks are long.
    #[must_use]
    pub fn long_seconds(&self) -> f64 {
        TIMES_THE_COST * self.seconds()
    }
}

/// Why a type needs pods of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Special {
    /// Another image than the pool's.
    Image(String),
    /// So many GPUs.
    Gpus(u32),
    /// More bytes of memory than a place in the pool has.
    Memory(u64),
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(image) => write!(f, "the image {image}"),
            Self::Gpus(1) => f.write_str("a GPU"),
            Self::Gpus(count) => write!(f, "{count} GPUs"),
            Self::Memory(bytes) => write!(f, "{} of memory", mebibytes(*bytes)),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

/// What a user says for a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// A pool.
    Pool,
    /// A Job for each task.
    Job,
    /// Groups, of this size or the rule's.
    Clustered(Option<u32>),
}

/// What is known of a type.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskType<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many tasks it has.
    pub count: u64,
    /// Their mean run time in seconds, from earlier runs or from this one so far.
    pub mean_seconds: Option<f64>,
    /// What it needs that a pool of the default class has not.
    pub special: Vec<Special>,
    /// What the user says.
    pub wish: Option<Wish>,
}

/// What holds for all types.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Pods can reach the engine.
    pub connects: bool,
    /// Pools are allowed.
    pub pools_allowed: bool,
    /// How many pods may be there at once; `None`: not known, or no limit.
    pub most_pods: Option<u32>,
    /// HyperFlow's `executionModels`, if there is such a file.
    pub models: Option<&'a ExecutionModels>,
    /// HyperFlow's `jobAgglomerations`.
    pub agglomerations: &'a Agglomerations,
    /// What a pod costs.
    pub costs: Costs,
}

/// How tasks of a type are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
pub enum Mode {
    /// By workers that take task after task.
    Pool,
    /// In a Job for each.
    Job,
    /// Several in a Job.
    Clustered {
        /// How many.
        size: u32,
        /// A group that is not full is sent when for so long no task joined it.
        #[serde(rename = "flushSeconds", serialize_with = "seconds")]
        flush: Duration,
    },
}

fn seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool => f.write_str("pool"),
            Self::Job => f.write_str("job"),
            Self::Clustered { size, .. } => write!(f, "clustered x{size}"),
        }
    }
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "rule")]
pub enum Ground {
    /// The user.
    Asked,
    /// `executionModels` lists the type.
    Listed,
    /// `executionModels` does not list it.
    NotListed,
    /// A rule of `jobAgglomerations`.
    Agglomerated,
    /// It needs pods of its own, and these are few tasks, or long ones.
    Special {
        /// What it needs.
        needs: Vec<Special>,
    },
    /// It needs pods of its own, and many for a short time each: they are worth a pool of its own.
    SpecialPool {
        /// What it needs.
        needs: Vec<Special>,
    },
    /// Long tasks.
    Long,
    /// Long tasks, but pods are scarce.
    LongButScarce {
        /// How many pods may be there.
        pods: u32,
    },
    /// Long tasks, but as Jobs they would keep the Job controller too busy.
    LongButMany {
        /// The share of the controller that they would take; 1 is all of it.
        share: f64,
    },
    /// Short tasks.
    Short,
    /// Their run times are not known.
    Unknown,
    /// Pods cannot reach the engine.
    NoConnection,
}

/// Why a mode was chosen: shown as one line with the numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What decided.
    #[serde(flatten)]
    pub ground: Ground,
    /// A pool was what the rule gave, and pools are not allowed.
    pub instead_of_pool: bool,
    /// Pool or groups were to be, and pods cannot reach the engine.
    pub no_connection: bool,
    /// How many tasks there are.
    pub count: u64,
    /// Their mean run time in seconds.
    pub mean_seconds: Option<f64>,
    /// What a pod costs, in seconds.
    pub pod_seconds: f64,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.mean_seconds.unwrap_or_default();
        let (count, cost) = (self.count, self.pod_seconds);
        let tasks = if count == 1 { "task" } else { "tasks" };
        let needs = |needs: &[Special]| {
            needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let ratio = if cost > 0.0 { mean / cost } else { f64::INFINITY };
        match &self.ground {
            Ground::Asked => f.write_str("asked for"),
            Ground::Listed => f.write_str("listed in executionModels"),
            Ground::NotListed => f.write_str("not listed in executionModels"),
            Ground::Agglomerated => f.write_str("a rule of jobAgglomerations"),
            Ground::Special { needs: what } => {
                write!(f, "{count} {tasks} with needs of their own: {}", needs(what))
            }
            Ground::SpecialPool { needs: what } => {
                write!(
                    f,
                    "{count} {tasks} need {}: too many short ones for a pod each",
                    needs(what)
                )
            }
            Ground::Long => {
                write!(
                    f,
                    "{mean:.1} s a task is {ratio:.0}x the {cost:.2} s that a pod of its own costs"
                )
            }
            Ground::LongButScarce { pods } => {
                write!(
                    f,
                    "{mean:.1} s a task is long, but only {pods} pods may run at once for {count} {tasks}"
                )
            }
            Ground::LongButMany { share } => write!(
                f,
                "{mean:.1} s a task is long, but {count} Jobs would need {:.0} % of the Job controller",
                share * 100.0
            ),
            Ground::Short if mean < 0.05 => {
                write!(f, "tasks take no time, and a pod for each costs {cost:.2} s")
            }
            Ground::Short => {
                write!(
                    f,
                    "{mean:.1} s a task is only {ratio:.1}x the {cost:.2} s that a pod for each costs"
                )
            }
            Ground::Unknown => f.write_str("run times are not known yet"),
            Ground::NoConnection => f.write_str("pods cannot reach the engine"),
        }?;
        if self.instead_of_pool {
            f.write_str("; pools are not allowed")?;
        }
        if self.no_connection {
            f.write_str("; but pods cannot reach the engine")?;
        }
        Ok(())
    }
}

/// A type, its mode and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// How its tasks are run.
    #[serde(flatten)]
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
}

/// Chooses the mode of a type. See the rule at the head of the module.
#[must_use]
pub fn choose(task: &TaskType<'_>, around: &Circumstances<'_>) -> Choice {
    let (ground, mode) = by_rule(task, around);
    let mut reason = Reason {
        ground,
        instead_of_pool: false,
        no_connection: false,
        count: task.count,
        mean_seconds: task.mean_seconds,
        pod_seconds: around.costs.seconds(),
    };
    let mut mode = mode;
    if mode == Mode::Pool && !around.pools_allowed {
        reason.instead_of_pool = true;
        mode = group(task, around, None);
    }
    if mode != Mode::Job && !around.connects {
        reason.no_connection = true;
        mode = Mode::Job;
    }
    Choice { type_name: task.name.to_owned(), mode, reason }
}

fn by_rule(task: &TaskType<'_>, around: &Circumstances<'_>) -> (Ground, Mode) {
    match task.wish {
        Some(Wish::Pool) => return (Ground::Asked, Mode::Pool),
        Some(Wish::Job) => return (Ground::Asked, Mode::Job),
        Some(Wish::Clustered(size)) => return (Ground::Asked, group(task, around, size)),
        None => {}
    }
    if around.models.is_some_and(|models| models.has(task.name)) {
        return (Ground::Listed, Mode::Pool);
    }
    if let Some(rule) = around.agglomerations.rule(task.name) {
        return (Ground::Agglomerated, clustered(rule.size, rule.idle));
    }
    if around.models.is_some() {
        return (Ground::NotListed, Mode::Job);
    }
    if !around.connects {
        return (Ground::NoConnection, Mode::Job);
    }
    let is_long = task.mean_seconds.is_some_and(|mean| mean >= around.costs.long_seconds());
    if !task.special.is_empty() {
        let needs = task.special.clone();
        if task.count <= FEW_TASKS
            || (is_long && controller_share(task, around) <= CONTROLLER_SHARE)
        {
            return (Ground::Special { needs }, Mode::Job);
        }
        return (Ground::SpecialPool { needs }, Mode::Pool);
    }
    if task.mean_seconds.is_none() {
        return (Ground::Unknown, Mode::Pool);
    }
    if !is_long {
        return (Ground::Short, Mode::Pool);
    }
    if let Some(pods) = around.most_pods.filter(|&pods| u64::from(pods) < task.count) {
        return (Ground::LongButScarce { pods }, Mode::Pool);
    }
    let share = controller_share(task, around);
    if share > CONTROLLER_SHARE {
        return (Ground::LongButMany { share }, Mode::Pool);
    }
    (Ground::Long, Mode::Job)
}

/// Which part of the Job controller the type's tasks would need as Jobs, all at once.
fn controller_share(task: &TaskType<'_>, around: &Circumstances<'_>) -> f64 {
    let costs = around.costs;
    let at_once = around.most_pods.map_or(task.count, |pods| task.count.min(pods.into())) as f64;
    let each = task.mean_seconds.unwrap_or_default() + costs.start_seconds + costs.stop_seconds;
    if each > 0.0 { at_once / each * costs.control_plane_seconds_per_job } else { f64::INFINITY }
}

/// Groups of this size, or of the size that the rule gives.
fn group(task: &TaskType<'_>, around: &Circumstances<'_>, size: Option<u32>) -> Mode {
    let size = size.unwrap_or_else(|| {
        let wanted = match task.mean_seconds {
            // Times of nothing at all give infinity, which is capped.
            Some(mean) => (around.costs.long_seconds() / mean.max(0.0)).ceil(),
            None => f64::from(UNKNOWN_GROUP),
        };
        #[expect(clippy::cast_sign_loss, reason = "clamped to be positive")]
        let wanted = wanted.clamp(1.0, f64::from(LARGEST_GROUP)) as u32;
        // Not so large that pods go without.
        let pods = u64::from(around.most_pods.unwrap_or(1).max(1));
        let most = u32::try_from(task.count.div_ceil(pods)).unwrap_or(u32::MAX);
        wanted.min(most)
    });
    // To wait for longer than a pod takes to start costs more than it saves.
    let flush = Duration::try_from_secs_f64(around.costs.start_seconds).unwrap_or_default();
    clustered(size, flush)
}

fn clustered(size: u32, flush: Duration) -> Mode {
    if size <= 1 { Mode::Job } else { Mode::Clustered { size, flush } }
}

/// The choices as a table for people: type, tasks, mean run time, mode, reason.
#[must_use]
pub fn table(choices: &[Choice]) -> String {
    let head = ["TYPE", "TASKS", "MEAN", "MODE", "WHY"].map(str::to_owned);
    let rows = choices.iter().map(|choice| {
        let mean = choice.reason.mean_seconds.map_or("-".to_owned(), |mean| format!("{mean:.1} s"));
        let (mode, why) = (choice.mode.to_string(), choice.reason.to_string());
        [choice.type_name.clone(), choice.reason.count.to_string(), mean, mode, why]
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut out = String::new();
    for [name, count, mean, mode, why] in &rows {
        let [w0, w1, w2, w3] = widths;
        let row = format!("{name:w0$}  {count:>w1$}  {mean:>w2$}  {mode:w3$}  {why}");
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::hyperflow::{Agglomeration, ExecutionModel};

    fn around(agglomerations: &Agglomerations) -> Circumstances<'_> {
        Circumstances {
            connects: true,
            pools_allowed: true,
            most_pods: Some(256),
            models: None,
            agglomerations,
            costs: Costs::default(),
        }
    }

    fn of(name: &str, count: u64, mean: f64) -> TaskType<'_> {
        TaskType { name, count, mean_seconds: Some(mean), special: Vec::new(), wish: None }
    }

    /// Montage of 3 degrees, with run times of a published trace.
    fn montage() -> Vec<TaskType<'static>> {
        let mut types = vec![
            of("mProject", 4655, 26.3),
            of("mDiffFit", 9654, 1.26),
            of("mBackground", 2088, 1.53),
            of("mBgModel", 3, 246.0),
            of("mAdd", 3, 123.0),
            of("mImgtbl", 3, 24.0),
            of("noop", 1, 0.0),
        ];
        types.push(TaskType { mean_seconds: None, ..of("mViewer", 4, 0.0) });
        types.push(TaskType {
            special: vec![Special::Gpus(1), Special::Memory(8 << 30)],
            ..of("train", 2, 3.0)
        });
        types.push(TaskType {
            special: vec![Special::Image("tools:2".to_owned())],
            ..of("plot", 500, 3.0)
        });
        types.push(TaskType { wish: Some(Wish::Job), ..of("check", 5, 1.0) });
        types
    }

    fn explain(types: &[TaskType<'_>], around: &Circumstances<'_>) -> String {
        table(&types.iter().map(|task| choose(task, around)).collect::<Vec<_>>())
    }

    #[test]
    fn montage_is_explained() {
        let none = Agglomerations::default();
        insta::assert_snapshot!(explain(&montage(), &around(&none)), @r"
        TYPE         TASKS     MEAN  MODE  WHY
        mProject      4655   26.3 s  pool  26.3 s a task is long, but only 256 pods may run at once for 4655 tasks
        mDiffFit      9654    1.3 s  pool  1.3 s a task is only 0.5x the 2.37 s that a pod for each costs
        mBackground   2088    1.5 s  pool  1.5 s a task is only 0.6x the 2.37 s that a pod for each costs
        mBgModel         3  246.0 s  job   246.0 s a task is 104x the 2.37 s that a pod of its own costs
        mAdd             3  123.0 s  job   123.0 s a task is 52x the 2.37 s that a pod of its own costs
        mImgtbl          3   24.0 s  job   24.0 s a task is 10x the 2.37 s that a pod of its own costs
        noop             1    0.0 s  pool  tasks take no time, and a pod for each costs 2.37 s
        mViewer          4        -  pool  run times are not known yet
        train            2    3.0 s  job   2 tasks with needs of their own: a GPU, 8.0 GiB of memory
        plot           500    3.0 s  pool  500 tasks need the image tools:2: too many short ones for a pod each
        check            5    1.0 s  job   asked for
        ");
    }

    #[test]
    fn without_pools_tasks_are_clustered() {
        let none = Agglomerations::default();
        let around = Circumstances { pools_allowed: false, ..around(&none) };
        insta::assert_snapshot!(explain(&montage(), &around), @r"
        TYPE         TASKS     MEAN  MODE           WHY
        mProject      4655   26.3 s  job            26.3 s a task is long, but only 256 pods may run at once for 4655 tasks; pools are not allowed
        mDiffFit      9654    1.3 s  clustered x19  1.3 s a task is only 0.5x the 2.37 s that a pod for each costs; pools are not allowed
        mBackground   2088    1.5 s  clustered x9   1.5 s a task is only 0.6x the 2.37 s that a pod for each costs; pools are not allowed
        mBgModel         3  246.0 s  job            246.0 s a task is 104x the 2.37 s that a pod of its own costs
        mAdd             3  123.0 s  job            123.0 s a task is 52x the 2.37 s that a pod of its own costs
        mImgtbl          3   24.0 s  job            24.0 s a task is 10x the 2.37 s that a pod of its own costs
        noop             1    0.0 s  job            tasks take no time, and a pod for each costs 2.37 s; pools are not allowed
        mViewer          4        -  job            run times are not known yet; pools are not allowed
        train            2    3.0 s  job            2 tasks with needs of their own: a GPU, 8.0 GiB of memory
        plot           500    3.0 s  clustered x2   500 tasks need the image tools:2: too many short ones for a pod each; pools are not allowed
        check            5    1.0 s  job            asked for
        ");
    }

    #[test]
    fn without_a_connection_all_are_jobs() {
        let rules = Agglomerations(vec![Agglomeration {
            types: vec!["mDiffFit".to_owned()],
            size: 5,
            idle: Duration::from_secs(3),
            partitions: 1,
        }]);
        let around = Circumstances { connects: false, ..around(&rules) };
        let mut types = montage();
        types.truncate(2);
        types.push(TaskType { wish: Some(Wish::Pool), ..of("x", 5, 1.0) });
        insta::assert_snapshot!(explain(&types, &around), @r"
        TYPE      TASKS    MEAN  MODE  WHY
        mProject   4655  26.3 s  job   pods cannot reach the engine
        mDiffFit   9654   1.3 s  job   a rule of jobAgglomerations; but pods cannot reach the engine
        x             5   1.0 s  job   asked for; but pods cannot reach the engine
        ");
    }

    #[test]
    fn files_of_hyperflow_keep_their_meaning() {
        let models =
            ExecutionModels(vec![ExecutionModel { type_name: "mProject".to_owned(), queue: None }]);
        let rules = Agglomerations(vec![Agglomeration {
            types: vec!["mDiffFit".to_owned(), "mProject".to_owned()],
            size: 5,
            idle: Duration::from_secs(3),
            partitions: 1,
        }]);
        let mut around = Circumstances { models: Some(&models), ..around(&rules) };
        let types = [of("mProject", 10, 1.0), of("mDiffFit", 10, 1.0), of("mAdd", 10, 1.0)];
        let chosen =
            |around: &Circumstances<'_>| types.each_ref().map(|task| choose(task, around).mode);
        let groups = Mode::Clustered { size: 5, flush: Duration::from_secs(3) };
        assert_eq!(chosen(&around), [Mode::Pool, groups, Mode::Job]);
        around.models = None;
        assert_eq!(chosen(&around), [groups, groups, Mode::Pool]);
        let wish = TaskType { wish: Some(Wish::Clustered(Some(7))), ..of("mDiffFit", 10, 1.0) };
        assert!(matches!(choose(&wish, &around).mode, Mode::Clustered { size: 7, .. }));
    }

    #[test]
    fn groups_fill_the_pods_first() {
        let none = Agglomerations::default();
        let mut around = Circumstances { pools_allowed: false, ..around(&none) };
        let size =
            |count, mean, around: &Circumstances<'_>| match choose(&of("t", count, mean), around)
                .mode
            {
                Mode::Clustered { size, .. } => size,
                Mode::Job => 1,
                Mode::Pool => 0,
            };
        // 10 x 2.37 s of tasks of 1 s.
        assert_eq!(size(100_000, 1.0, &around), 24);
        assert_eq!(size(512, 1.0, &around), 2);
        assert_eq!(size(256, 1.0, &around), 1);
        assert_eq!(size(100_000, 0.0, &around), 100);
        around.most_pods = None;
        assert_eq!(size(100_000, 1.0, &around), 24);
    }

    #[test]
    fn choices_are_data_too() {
        let none = Agglomerations::default();
        let around = Circumstances { pools_allowed: false, ..around(&none) };
        let choice = choose(&of("mDiffFit", 9654, 1.26), &around);
        insta::assert_snapshot!(serde_json::to_string(&choice).unwrap(), @r#"{"type":"mDiffFit","mode":"clustered","size":19,"flushSeconds":1.5,"reason":{"rule":"short","insteadOfPool":true,"noConnection":false,"count":9654,"meanSeconds":1.26,"podSeconds":2.37}}"#);
    }

    #[test]
    fn measured_costs_move_the_border() {
        let none = Agglomerations::default();
        let mut around = around(&none);
        let task = of("t", 10, 10.0);
        assert_eq!(choose(&task, &around).mode, Mode::Pool);
        around.costs =
            Costs { start_seconds: 0.3, stop_seconds: 0.1, control_plane_seconds_per_job: 0.04 };
        assert_eq!(choose(&task, &around).mode, Mode::Job);
    }
}
