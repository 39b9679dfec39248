//! Waiting until objects are ready or gone: one watch for each kind, a deadline, and the reason why not yet.

mod watch;
mod why;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::cluster::{Cluster, Kind};
use crate::object::{Object, ObjectKey};
use crate::readiness::{self, Readiness};

use watch::{Sight, Sights};

/// An object that is waited for.
#[derive(Debug, Clone)]
pub struct Target {
    /// What identifies it.
    pub key: ObjectKey,
    /// Its kind.
    pub kind: Kind,
    /// How it was last seen, if it was. For [`Goal::Gone`] this very object is meant, by its UID.
    pub object: Option<Object>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// That the objects are ready, by the rules of [`crate::readiness`].
    Ready,
    /// That the objects are no more.
    Gone,
}

/// How to wait.
#[derive(Debug, Clone)]
pub struct WaitOptions {
    /// How long.
    pub timeout: Duration,
    /// How often the state is told.
    pub tell_every: Duration,
    /// A label that all the objects have, so that watches bring nothing else.
    pub selector: Option<String>,
    /// What counts as ready.
    pub rules: readiness::Options,
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(5),
            tell_every: Duration::from_secs(5),
            selector: None,
            rules: readiness::Options::default(),
        }
    }
}

/// An object that is not as it should be yet, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The object.
    pub key: ObjectKey,
    /// What it is at.
    pub reason: String,
    /// What its pods and events say, the most telling first.
    pub why: Vec<String>,
}

/// How far a wait has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How many objects are as they should be.
    pub ready: usize,
    /// How many there are.
    pub total: usize,
    /// How long it has waited.
    #[serde(skip)]
    pub elapsed: Duration,
    /// Those that are not.
    pub pending: Vec<Pending>,
}

/// How a wait ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// What is as it should be, with what is to be noticed about it.
    pub ready: Vec<(ObjectKey, Option<String>)>,
    /// What was not yet when the time was up, or when something else failed.
    pub pending: Vec<Pending>,
    /// What failed for good.
    pub failed: Vec<Pending>,
    /// Whether the time was up.
    pub timed_out: bool,
}

impl Waited {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.failed.is_empty()
    }
}

/// What is known about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Done(Option<String>),
    Waiting(String),
    Failed(String),
}

struct State {
    target: Target,
    verdict: Verdict,
}

/// Waits until all targets are ready or gone, until one has failed for good, or until the time is up.
///
/// Objects whose last sight is enough are not asked for again, so waiting for what is ready asks nothing.
pub async fn until(
    cluster: &Cluster,
    targets: Vec<Target>,
    goal: Goal,
    options: &WaitOptions,
    tell: &(dyn Fn(&Progress) + Sync),
) -> Waited {
    let began = Instant::now();
    let deadline = began + options.timeout;
    let mut rules = options.rules.clone();
    if goal == Goal::Ready {
        learn_classes(cluster, &targets, &mut rules).await;
    }
    let judge = |target: &Target, seen: Option<&Object>| match goal {
        Goal::Ready => ready(target, seen, &rules),
        Goal::Gone => gone(target, seen),
    };
    let mut named = HashSet::new();
    let mut states: Vec<State> = targets
        .into_iter()
        .filter(|target| named.insert(target.key.clone()))
        .map(|target| {
            let verdict = match (&target.object, goal) {
                (None, Goal::Gone) => Verdict::Done(None),
                // That it is gone cannot be seen by how it was.
                (Some(_), Goal::Gone) => Verdict::Waiting("it is still there".into()),
                (seen, Goal::Ready) => judge(&target, seen.as_ref()),
            };
            State { target, verdict }
        })
        .collect();
    let by_key: HashMap<ObjectKey, usize> =
        states.iter().enumerate().map(|(at, state)| (state.target.key.clone(), at)).collect();
    let open: Vec<&Target> = states
        .iter()
        .filter(|state| matches!(state.verdict, Verdict::Waiting(_)))
        .map(|state| &state.target)
        .collect();
    let mut sights = Sights::watch(cluster, &open, options.selector.as_deref());
    let mut next_tell = began + options.tell_every;
    let mut timed_out = false;
    let mut reasons = why::Reasons::default();
    while states.iter().any(|state| matches!(state.verdict, Verdict::Waiting(_)))
        && !states.iter().any(|state| matches!(state.verdict, Verdict::Failed(_)))
    {
        tokio::select! {
            sight = sights.next() => match sight {
                Some(Sight::Seen(object)) => {
                    reasons.trouble = None;
                    if let Some(at) = by_key.get(&object.key()) {
                        let state = &mut states[*at];
                        state.verdict = judge(&state.target, Some(&object));
                        state.target.object = Some(object).filter(|_| goal == Goal::Ready).or(state.target.object.take());
                    }
                }
                Some(Sight::Gone(key)) => {
                    if let Some(at) = by_key.get(&key) {
                        let state = &mut states[*at];
                        state.verdict = judge(&state.target, None);
                    }
                }
                Some(Sight::Trouble(text)) => reasons.trouble = Some(text),
                None => break,
            },
            () = sleep_until(next_tell.min(deadline)) => {
                if Instant::now() >= deadline {
                    timed_out = true;
                    break;
                }
                next_tell += options.tell_every;
                let pending = pending(cluster, &states, &mut reasons).await;
                tell(&Progress {
                    ready: states.iter().filter(|state| matches!(state.verdict, Verdict::Done(_))).count(),
                    total: states.len(),
                    elapsed: began.elapsed(),
                    pending,
                });
            }
        }
    }
    drop(sights);
    let mut waited = Waited { timed_out, ..Waited::default() };
    reasons.forget();
    for one in pending(cluster, &states, &mut reasons).await {
        let failed = by_key
            .get(&one.key)
            .is_some_and(|at| matches!(states[*at].verdict, Verdict::Failed(_)));
        if failed { waited.failed.push(one) } else { waited.pending.push(one) }
    }
    for State { target, verdict } in states {
        if let Verdict::Done(note) = verdict {
            waited.ready.push((target.key, note));
        }
    }
    waited
}

/// What is not as it should be, each with the reasons that can be found.
async fn pending(cluster: &Cluster, states: &[State], reasons: &mut why::Reasons) -> Vec<Pending> {
    let is_open = |state: &&State| !matches!(state.verdict, Verdict::Done(_));
    let open: Vec<&Target> = states.iter().filter(is_open).map(|state| &state.target).collect();
    reasons.ask(cluster, &open).await;
    let mut found = Vec::new();
    for State { target, verdict } in states {
        let (Verdict::Waiting(reason) | Verdict::Failed(reason)) = verdict else { continue };
        let mut why = reasons.of(&target.key);
        // Of a pod both say the same.
        why.retain(|line| !line.ends_with(reason.as_str()));
        found.push(Pending { key: target.key.clone(), reason: reason.clone(), why });
    }
    found
}

/// Whether an object is ready.
fn ready(target: &Target, seen: Option<&Object>, rules: &readiness::Options) -> Verdict {
    let Some(object) = seen else {
        // A Job may have ended and been cleaned away by its own rule.
        return match &target.object {
            Some(last) => told(readiness::absent(last)),
            None => Verdict::Waiting("it is not there".into()),
        };
    };
    told(readiness::of(object, rules))
}

/// A judgement as far as it matters for waiting.
fn told(readiness: Readiness) -> Verdict {
    match readiness {
        Readiness::Ready { note } => Verdict::Done(note.map(|note| note.text)),
        Readiness::Progressing(reason) | Readiness::Terminating(reason) => {
            Verdict::Waiting(reason.text)
        }
        Readiness::Failed(reason) => Verdict::Failed(reason.text),
    }
}

/// Whether an object is gone, or another one has its name.
fn gone(target: &Target, seen: Option<&Object>) -> Verdict {
    let Some(object) = seen else { return Verdict::Done(None) };
    let uid = target.object.as_ref().and_then(Object::uid);
    if uid.is_some() && uid != object.uid() {
        return Verdict::Done(None);
    }
    let finalizers = object.at("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    let deleting = object.is_being_deleted();
    let reason = match (deleting, names.is_empty()) {
        (false, _) => "it is still there".to_owned(),
        (true, true) => "it is being deleted".to_owned(),
        (true, false) => format!("it is being deleted; {} must be done first", names.join(", ")),
    };
    // A namespace says what keeps it.
    let conditions = object.at("/status/conditions").and_then(Value::as_array);
    let kept = conditions
        .into_iter()
        .flatten()
        .filter(|one| one.get("status").and_then(Value::as_str) == Some("True"))
        .filter_map(|one| one.get("message").and_then(Value::as_str))
        .find(|_| object.is("", "Namespace"));
    Verdict::Waiting(kept.map_or(reason.clone(), |kept| format!("{reason}: {kept}")))
}

/// Tells the rules which claims wait for their first consumer.
async fn learn_classes(cluster: &Cluster, targets: &[Target], rules: &mut readiness::Options) {
    if targets.iter().any(|one| one.key.group_kind.is("", "PersistentVolumeClaim")) {
        // Who may not list classes waits for claims to be bound.
        if let Ok(found) = cluster.list(&watch::storage_classes(), None, None).await {
            rules.storage_classes = readiness::StorageClasses::of(&found);
        }
    }
}
