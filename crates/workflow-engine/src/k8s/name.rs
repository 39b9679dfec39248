//! Names and labels of what a run makes on a cluster.
//!
//! Names are deterministic, so that a repeated create is recognised: the server answers that the object is there. A
//! name says the run, and what the object is for:
//!
//! | name | object |
//! |---|---|
//! | `wf-RUN-p12-f1-a1` | Job of one attempt of a task |
//! | `wf-RUN-gHASH` | Job of several attempts, by a hash of them |
//! | `wf-RUN-pool-CLASS-2` | Job of a pool of workers: its class and generation |
//! | `wf-RUN-worker` | Secret with the certificates of the workers |
//! | `wf-RUN-engine` | Service and Job of the engine |
//! | `wf-RUN-relay` | Job of the relay |
//! | `wf-RUN-input-0` | Job that brings input in |
//! | `wf-RUN-workflow-0` | ConfigMap with a part of the workflow's file |
//!
//! All are DNS labels of at most 63 characters, because the name of a Job becomes a label and the host name of its pods,
//! and those of an Indexed Job have `-INDEX` behind it. Two objects of two runs never have one name: what follows the
//! run's part has a form of its own for each kind, and can be told from the end.

use k8s_apply::name::LABEL_LIMIT;
use serde_json::Value;
use worker::protocol::TaskKey;
use xxhash_rust::xxh3::xxh3_64;

/// Label with the run: [`Names::run`].
pub const RUN: &str = "windlass.dev/run";
/// Label with the name of the workflow, as far as a label can hold it.
pub const WORKFLOW: &str = "windlass.dev/workflow";
/// Label with the task type, as far as a label can hold it.
pub const TYPE: &str = "windlass.dev/type";
/// Label with the firing, such as `p12-f1`: the same for all its attempts.
pub const TASK: &str = "windlass.dev/task";
/// Label with the number of the attempt, from 1.
pub const ATTEMPT: &str = "windlass.dev/attempt";
/// Label with what the object is for: [`Role`].
pub const ROLE: &str = "windlass.dev/role";
/// Label with the class of a pool.
pub const CLASS: &str = "windlass.dev/class";
/// Annotation with all tasks of a Job in their order, such as `p12-f1-a1,p13-f1-a1`.
pub const TASKS: &str = "windlass.dev/tasks";

/// The longest part of a name that stands for the run. The name of a pool's pod (`wf-RUN-pool-CLASS-65535-99999`) then has
/// 63 characters.
const RUN_LIMIT: usize = 34;
/// The longest end of a task's name, with its `-`.
const TASK_LIMIT: usize = LABEL_LIMIT - 3 - RUN_LIMIT;
/// Hex digits of the hash that keeps apart what is shortened: 48 bits.
const HASH_DIGITS: usize = 12;

/// What an object of a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A Job for one task.
    Task,
    /// A Job for several tasks.
    Group,
    /// A Job of workers.
    Pool,
    /// Joins workers and an engine that is outside the cluster.
    Relay,
    /// The engine.
    Engine,
    /// Brings input in.
    Input,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Task, Self::Group, Self::Pool, Self::Relay, Self::Engine, Self::Input];

    /// As in the label [`ROLE`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Group => "group",
            Self::Pool => "pool",
            Self::Relay => "relay",
            Self::Engine => "engine",
            Self::Input => "input",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Names of one run's objects.
///
/// ```
/// use worker::protocol::TaskKey;
/// use workflow_engine::k8s::name::Names;
///
/// let names = Names::new("montage-1");
/// let key = TaskKey { process: 12, firing: 1, attempt: 2 };
/// assert_eq!(names.task(key), "wf-montage-1-p12-f1-a2");
/// assert_eq!(names.selector(), "windlass.dev/run=montage-1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Names {
    run: String,
}

impl Names {
    /// The names of the run with this id.
    #[must_use]
    pub fn new(run_id: &str) -> Self {
        Self { run: run_part(run_id) }
    }

    /// What stands for the run in names and in the label [`RUN`]: its id, or, where that is longer than 34 characters or
    /// no DNS label, its begin and a hash of it.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Selects all objects of the run, as in `kubectl get -l`.
    #[must_use]
    pub fn selector(&self) -> String {
        format!("{RUN}={}", self.run)
    }

    /// The Job of one attempt. Numbers that are too long for a name are hashed: `wf-RUN-tHASH`.
    #[must_use]
    pub fn task(&self, key: TaskKey) -> String {
        let key = key.to_string();
        if key.len() < TASK_LIMIT {
            format!("wf-{}-{key}", self.run)
        } else {
            format!("wf-{}-t{:016x}", self.run, xxh3_64(key.as_bytes()))
        }
    }

    /// The Job of these attempts, in this order.
    #[must_use]
    pub fn group(&self, keys: &[TaskKey]) -> String {
        format!("wf-{}-g{:016x}", self.run, xxh3_64(list(keys).as_bytes()))
    }

    /// The Job of a pool. `class` is what [`Class::id`](super::objects::Class::id) gives; `generation` counts the Jobs of
    /// the class.
    #[must_use]
    pub fn pool(&self, class: &str, generation: u16) -> String {
        format!("wf-{}-pool-{class}-{generation}", self.run)
    }

    /// The Secret with the certificates of the workers.
    #[must_use]
    pub fn worker_secret(&self) -> String {
        format!("wf-{}-worker", self.run)
    }

    /// The Service and the Job of the engine.
    #[must_use]
    pub fn engine(&self) -> String {
        format!("wf-{}-engine", self.run)
    }

    /// The Job of the relay.
    #[must_use]
    pub fn relay(&self) -> String {
        format!("wf-{}-relay", self.run)
    }

    /// The Job that brings in one of the inputs.
    #[must_use]
    pub fn input(&self, number: u32) -> String {
        format!("wf-{}-input-{number}", self.run)
    }

    /// The ConfigMap with one of the parts of the workflow's file.
    #[must_use]
    pub fn workflow_part(&self, number: usize) -> String {
        format!("wf-{}-workflow-{number}", self.run)
    }
}

fn run_part(id: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.ends_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(fits);
    if is_label && id.len() <= RUN_LIMIT {
        return id.to_owned();
    }
    let lower = id.to_ascii_lowercase();
    with_hash(&lower, id, RUN_LIMIT, |c| if fits(c) { c } else { '-' })
}

/// The begin of `text` with its characters mapped, and a hash of `whole`; in ASCII, with letters or digits at both ends.
fn with_hash(text: &str, whole: &str, limit: usize, map: impl Fn(char) -> char) -> String {
    let hash = format!("{:016x}", xxh3_64(whole.as_bytes()));
    let hash = &hash[..HASH_DIGITS];
    let begin: String = text.chars().take(limit - HASH_DIGITS - 1).map(map).collect();
    let begin = begin.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if begin.is_empty() { format!("x{hash}") } else { format!("{begin}-{hash}") }
}

/// A text as the value of a label: itself, or as much of it as a label can hold, and a hash that keeps it apart from
/// others.
///
/// ```
/// use workflow_engine::k8s::name::label_value;
///
/// assert_eq!(label_value("mProject"), "mProject");
/// assert!(label_value("2MASS, 3 degrees").starts_with("2MASS--3-degrees-"));
/// ```
#[must_use]
pub fn label_value(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_value = text.len() <= LABEL_LIMIT
        && text.chars().all(fits)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if is_value || text.is_empty() {
        return text.to_owned();
    }
    with_hash(text, text, LABEL_LIMIT, |c| if fits(c) { c } else { '-' })
}

/// A firing as in the label [`TASK`].
#[must_use]
pub fn firing_label(key: TaskKey) -> String {
    format!("p{}-f{}", key.process, key.firing)
}

/// Attempts as in the annotation [`TASKS`].
#[must_use]
pub fn list(keys: &[TaskKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Reads `p12-f1-a1`.
#[must_use]
pub fn parse_key(text: &str) -> Option<TaskKey> {
    let mut parts = text.split('-');
    let mut part = |letter| number(parts.next()?.strip_prefix(letter)?);
    let key = TaskKey { process: part('p')?, firing: part('f')?, attempt: part('a')? };
    parts.next().is_none().then_some(key)
}

/// A number as we write it: no sign, no zero before it.
fn number(text: &str) -> Option<u32> {
    let is_ours =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_ours { text.parse().ok() } else { None }
}

/// The attempts that a Job, or a pod, was made for; empty for pools and others. `object` is the whole object, with
/// `metadata`.
///
/// The annotation [`TASKS`] is looked at first, then the labels [`TASK`] and [`ATTEMPT`]. What cannot be read is left
/// out.
#[must_use]
pub fn tasks_of(object: &Value) -> Vec<TaskKey> {
    let text = |pointer: &str, key: &str| {
        object.pointer(pointer).and_then(|map| map.get(key)).and_then(Value::as_str)
    };
    if let Some(list) = text("/metadata/annotations", TASKS) {
        return list.split(',').filter_map(parse_key).collect();
    }
    let label = |key: &str| text("/metadata/labels", key);
    key_of_labels(label).into_iter().collect()
}

/// The attempt that labels tell; `label` looks one up.
#[must_use]
pub fn key_of_labels<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Option<TaskKey> {
    parse_key(&format!("{}-a{}", label(TASK)?, label(ATTEMPT)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_apply::name::{DnsLabel, LabelKey, LabelValue};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_key() -> impl Strategy<Value = TaskKey> {
        (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(process, firing, attempt)| TaskKey {
            process,
            firing,
            attempt,
        })
    }

    /// Every name that a run can make of these.
    fn all_names(run: &str, key: TaskKey, number: u16, class: &str) -> Vec<String> {
        let names = Names::new(run);
        vec![
            names.task(key),
            names.group(&[key]),
            names.pool(class, number),
            names.worker_secret(),
            names.engine(),
            names.relay(),
            names.input(number.into()),
            names.workflow_part(number.into()),
        ]
    }

    /// Ids that look like ends of names, and arbitrary ones.
    fn any_run() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-c1](-(p1|f1|a1|g[0-9a-f]{2}|pool|worker|engine|relay|input|workflow|1|aa)){0,5}",
            "[a-zA-Z0-9._-]{1,70}",
            ".{0,40}",
        ]
    }

    proptest! {
        #[test]
        fn names_are_dns_labels_and_leave_room_for_an_index(
            run in any_run(), key in any_key(), number: u16, class in "[0-9a-f]{8}"
        ) {
            for name in all_names(&run, key, number, &class) {
                prop_assert!(DnsLabel::try_new(&name).is_ok(), "{name}");
            }
            // Pods of an Indexed Job: up to 100,000.
            let pod = format!("{}-99999", Names::new(&run).pool(&class, number));
            prop_assert!(DnsLabel::try_new(&pod).is_ok(), "{pod}");
            prop_assert!(LabelValue::try_new(Names::new(&run).run()).is_ok());
        }

        #[test]
        fn objects_of_two_runs_never_share_a_name(
            one in any_run(), other in any_run(), key in any_key(), number in 0_u16..3, class in "[0-9a-f]{8}"
        ) {
            prop_assume!(one != other);
            let small = TaskKey { process: 1, firing: 1, attempt: 1 };
            let names = |run: &str| -> BTreeSet<String> {
                all_names(run, key, number, &class).into_iter().chain(all_names(run, small, 1, "aa")).collect()
            };
            let (one, other) = (names(&one), names(&other));
            prop_assert!(one.is_disjoint(&other), "{one:?} {other:?}");
        }

        #[test]
        fn attempts_come_back_from_labels_and_annotations(keys in prop::collection::vec(any_key(), 1..5)) {
            let object = json!({"metadata": {"annotations": {TASKS: list(&keys)}}});
            prop_assert_eq!(tasks_of(&object), keys.clone());
            let (firing, attempt) = (firing_label(keys[0]), keys[0].attempt.to_string());
            let object = json!({"metadata": {"labels": {TASK: firing, ATTEMPT: attempt}}});
            prop_assert_eq!(tasks_of(&object), vec![keys[0]]);
        }

        #[test]
        fn values_of_labels_are_valid_and_stay_apart(one in ".{0,80}", other in ".{0,80}") {
            prop_assert!(LabelValue::try_new(label_value(&one)).is_ok(), "{}", label_value(&one));
            prop_assert_eq!(one == other, label_value(&one) == label_value(&other));
        }

        #[test]
        fn groups_are_told_by_their_tasks_and_order(keys in prop::collection::vec(any_key(), 2..5)) {
            let names = Names::new("r");
            let mut turned = keys.clone();
            turned.reverse();
            prop_assert_eq!(turned == keys, names.group(&turned) == names.group(&keys));
        }
    }

    #[test]
    fn keys_of_labels_are_label_keys() {
        for key in [RUN, WORKFLOW, TYPE, TASK, ATTEMPT, ROLE, CLASS, TASKS] {
            assert!(LabelKey::try_new(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_long_id_is_cut_and_stays_told_apart() {
        let long = |end| Names::new(&format!("20261121-134423-montage2-2mass-degree-{end}"));
        assert_eq!(long("a").run().len(), RUN_LIMIT);
        assert!(long("a").run().starts_with("20261121-134423-monta-"), "{}", long("a").run());
        assert_ne!(long("a"), long("b"));
        // Names of objects know no case.
        assert_ne!(Names::new("RUN"), Names::new("run"));
        assert_ne!(Names::new("RUN").run().to_lowercase(), "run");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in
            ["", "p1-f1", "p1-f1-a1-x", "p+1-f1-a1", "p01-f1-a1", "f1-p1-a1", "p4294967296-f1-a1"]
        {
            assert_eq!(parse_key(text), None, "{text}");
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
    }
}
