//! Applying a plan, stage by stage.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use diagnostics::Problem;
use futures_util::{StreamExt, stream};
use kube::api::PropagationPolicy;
use serde::Serialize;
use tokio::time::Instant;

use crate::cluster::{Applying, CallError, Cluster, Deleting, Kind, PatchCall};
use crate::object::{Object, ObjectKey};
use crate::order::Schedule;
use crate::plan::{
    Action, Checked, Checking, Live, Mutators, Options, Plan, Prepared, Refusal, Step, Subject,
    check_now, definition_of, guard, may_be_defined_yet, refused,
};
use crate::wait::{self, Goal, Target, WaitOptions, Waited};

/// How often a write that met another writer is decided anew.
const TRIES: usize = 4;

/// Within what time a definition that was changed counts for its resources.
const DEFINITION_COUNTS: Duration = Duration::from_secs(5);

/// What happens while a plan is applied.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something was written.
    Written {
        /// The object.
        key: &'a ObjectKey,
        /// What was done.
        action: Action,
    },
    /// The server warned of something that it accepted, when it was written.
    Warned {
        /// The object.
        key: &'a ObjectKey,
        /// What it says.
        text: &'a str,
    },
    /// Something else has to be ready before the next objects come.
    Waiting(&'a wait::Progress),
}

/// What was done about an object.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// The object.
    pub key: ObjectKey,
    /// What was done.
    pub action: Action,
    /// Its kind.
    #[serde(skip)]
    pub kind: Kind,
    /// What the cluster has now.
    #[serde(skip)]
    pub object: Object,
}

/// Why applying ended before its end.
#[derive(Debug)]
pub enum Trouble {
    /// The server refuses an object, or what is in the cluster has changed so that somebody must decide.
    Refused(Vec<Problem>),
    /// A call had no answer.
    Call {
        /// The object that it was about.
        key: ObjectKey,
        /// What happened.
        error: CallError,
    },
    /// Something that others depend on did not become ready.
    NotReady(Waited),
}

/// What was done, and what not.
#[derive(Debug, Default)]
pub struct Applied {
    /// What was done, in the order of the manifests.
    pub done: Vec<Done>,
    /// Why it ended early; empty if it did not.
    pub troubles: Vec<Trouble>,
    /// What was not begun because of that.
    pub not_begun: Vec<ObjectKey>,
}

impl Applied {
    /// Whether everything was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.troubles.is_empty() && self.not_begun.is_empty()
    }

    /// How many objects were written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.done.iter().filter(|one| one.action != Action::Unchanged).count()
    }

    /// What to wait for, so that all of it is ready.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        self.done
            .iter()
            .map(|one| Target {
                key: one.key.clone(),
                kind: one.kind.clone(),
                object: Some(one.object.clone()),
            })
            .collect()
    }
}

/// Everything that applying a plan needs.
#[derive(Clone, Copy)]
pub struct Applier<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The set.
    pub prepared: &'a Prepared<'a>,
    /// How it is to be applied.
    pub options: &'a Options,
    /// The order of its objects, by their place among the items.
    pub schedule: &'a Schedule,
    /// How to wait for what others depend on.
    pub waiting: &'a WaitOptions,
}

impl Applier<'_> {
    /// Applies a plan. Steps that have nothing to change send nothing. After a failure no further step begins.
    pub async fn apply(&self, plan: Plan, events: &(dyn Fn(&Event<'_>) + Sync)) -> Applied {
        let mut steps: HashMap<usize, Step> =
            plan.steps.into_iter().map(|step| (step.item, step)).collect();
        let mut done: HashMap<usize, Done> = HashMap::new();
        let mut ready: HashSet<usize> = HashSet::new();
        let mut applied = Applied::default();
        let mut made: HashSet<String> = HashSet::new();
        for (number, members) in self.schedule.steps.iter().enumerate() {
            if applied.troubles.is_empty() {
                self.wait_before(number, &done, &mut ready, &mut applied.troubles, events).await;
            }
            if !applied.troubles.is_empty() {
                let left = members.iter().map(|item| self.prepared.items[*item].key.clone());
                applied.not_begun.extend(left);
                continue;
            }
            let members: Vec<Step> = members.iter().filter_map(|item| steps.remove(item)).collect();
            let members = self.check_the_rest(members, &mut applied.troubles).await;
            if !applied.troubles.is_empty() {
                applied.not_begun.extend(members.into_iter().map(|step| step.key));
                continue;
            }
            let results: Vec<_> = stream::iter(members)
                .map(|step| async {
                    let key = step.key.clone();
                    (key, self.write(step, events).await)
                })
                .buffer_unordered(self.cluster.limits().concurrency.max(1) * 2)
                .collect()
                .await;
            for (key, result) in results {
                match result {
                    Ok((item, one)) => {
                        if one.key.group_kind.is("", "Namespace") {
                            made.insert(one.key.name.clone());
                        }
                        done.insert(item, one);
                    }
                    Err(Refusal::Problems(problems)) => {
                        applied.troubles.push(Trouble::Refused(problems));
                    }
                    Err(Refusal::Call(error)) => {
                        applied.troubles.push(Trouble::Call { key, error });
                    }
                }
            }
        }
        let mut done: Vec<(usize, Done)> = done.into_iter().collect();
        done.sort_unstable_by_key(|(item, _)| *item);
        applied.done = done.into_iter().map(|(_, one)| one).collect();
        applied
    }

    /// Waits until everything is ready that the members of a step depend on.
    async fn wait_before(
        &self,
        number: usize,
        done: &HashMap<usize, Done>,
        ready: &mut HashSet<usize>,
        troubles: &mut Vec<Trouble>,
        events: &(dyn Fn(&Event<'_>) + Sync),
    ) {
        let mut needed = self.schedule.waits_before(number);
        // What is in a new namespace may come once it is active.
        needed.retain(|item| !ready.contains(item));
        let targets: Vec<Target> = needed
            .iter()
            .filter_map(|item| done.get(item))
            .map(|one| Target {
                key: one.key.clone(),
                kind: one.kind.clone(),
                object: Some(one.object.clone()),
            })
            .collect();
        if targets.is_empty() {
            return;
        }
        let tell = |progress: &wait::Progress| events(&Event::Waiting(progress));
        let waited = wait::until(self.cluster, targets, Goal::Ready, self.waiting, &tell).await;
        if waited.is_complete() {
            ready.extend(needed);
        } else {
            troubles.push(Trouble::NotReady(waited));
        }
    }

    /// Has the server try those members of a step that it could not try before.
    async fn check_the_rest(&self, members: Vec<Step>, troubles: &mut Vec<Trouble>) -> Vec<Step> {
        let (live, mutators) = (Live::default(), Mutators::everything());
        let checking = self.looking(&live, &mutators);
        let results: Vec<(Step, Option<Refusal>)> = stream::iter(members)
            .map(|step| async move {
                if !matches!(step.checked, Checked::Later { .. }) {
                    return (step, None);
                }
                match self.check_at_last(checking, step.item).await {
                    Ok(checked) => (checked, None),
                    Err(refusal) => (step, Some(refusal)),
                }
            })
            .buffered(self.cluster.limits().concurrency.max(1) * 2)
            .collect()
            .await;
        let mut steps = Vec::with_capacity(results.len());
        for (step, refusal) in results {
            match refusal {
                None => {}
                Some(Refusal::Problems(problems)) => troubles.push(Trouble::Refused(problems)),
                Some(Refusal::Call(error)) => {
                    troubles.push(Trouble::Call { key: step.key.clone(), error });
                }
            }
            steps.push(step);
        }
        steps
    }

    /// Has the server try an object whose definition or namespace was written moments ago.
    async fn check_at_last(&self, checking: Checking<'_>, at: usize) -> Result<Step, Refusal> {
        let item = &self.prepared.items[at];
        let namespace = item.key.namespace.as_deref();
        // A definition that has changed counts a little later than it is written.
        let renewed = !item.kind.from_set && definition_of(self.prepared, item).is_some();
        let began = Instant::now();
        loop {
            let there = self.cluster.get(&item.kind, namespace, &item.key.name).await;
            let there = there.map_err(Refusal::Call)?;
            match check_now(checking, at, there, true).await {
                Err(refusal)
                    if renewed
                        && may_be_defined_yet(&refusal)
                        && began.elapsed() < DEFINITION_COUNTS =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                checked => return checked,
            }
        }
    }

    /// Does what a step says. Where the object changed since, the step is decided anew.
    async fn write(
        &self,
        mut step: Step,
        events: &(dyn Fn(&Event<'_>) + Sync),
    ) -> Result<(usize, Done), Refusal> {
        let at = step.item;
        let item = &self.prepared.items[at];
        for attempt in 1.. {
            let result = self.write_once(&step).await;
            let (object, warnings) = match result {
                Ok(written) => written,
                Err(error) if error.is_code(409) && attempt < TRIES => {
                    step = self.look_again(at).await?;
                    continue;
                }
                Err(error) => return Err(self.refusal(at, error).await),
            };
            if step.action != Action::Unchanged {
                events(&Event::Written { key: &item.key, action: step.action });
            }
            for text in warnings.iter().filter(|text| !step.notes.contains(text)) {
                events(&Event::Warned { key: &item.key, text });
            }
            let done = Done {
                key: item.key.clone(),
                action: step.action,
                kind: item.kind.clone(),
                object,
            };
            return Ok((at, done));
        }
        Err(Refusal::Problems(Vec::new()))
    }

    /// A look at single objects, with what is known beforehand.
    fn looking<'b>(&'b self, live: &'b Live, mutators: &'b Mutators) -> Checking<'b> {
        Checking {
            cluster: self.cluster,
            prepared: self.prepared,
            options: self.options,
            live,
            mutators,
        }
    }

    async fn look_again(&self, at: usize) -> Result<Step, Refusal> {
        let item = &self.prepared.items[at];
        let (live, mutators) = (Live::default(), Mutators::everything());
        let checking = self.looking(&live, &mutators);
        let namespace = item.key.namespace.as_deref();
        let there =
            self.cluster.get(&item.kind, namespace, &item.key.name).await.map_err(Refusal::Call)?;
        check_now(checking, at, there, true).await
    }

    async fn refusal(&self, at: usize, error: CallError) -> Refusal {
        refused(self.cluster, Subject { prepared: self.prepared, item: at }, error).await
    }

    async fn write_once(&self, step: &Step) -> Result<(Object, Vec<String>), CallError> {
        let item = &self.prepared.items[step.item];
        let manager = self.options.manager.as_str();
        let mut send = step.send.clone();
        let mut base = step.live.clone();
        match (step.action, &step.live) {
            (Action::Unchanged, Some(live)) => return Ok((live.clone(), Vec::new())),
            (Action::Recreate, Some(live)) => {
                self.delete_and_wait(&item.kind, live).await?;
                base = None;
            }
            (Action::Create, None) if !step.notes.is_empty() => {
                let namespace = item.key.namespace.as_deref();
                if let Some(old) = self.cluster.get(&item.kind, namespace, &item.key.name).await?
                    && old.is_being_deleted()
                {
                    wait_gone(self.cluster, &item.kind, &old, self.waiting.timeout).await?;
                }
            }
            _ => {}
        }
        if let (Some(migration), Some(live)) = (&step.migration, &base) {
            let call = PatchCall {
                words: "take over the fields of",
                manager,
                subresource: None,
                body: &migration.patch,
            };
            let after = match self.cluster.patch(&item.kind, live, &call).await {
                // The test failed: it is another version by now.
                Err(CallError::Refused { mut status }) if status.code == 422 => {
                    status.code = 409;
                    return Err(CallError::Refused { status });
                }
                other => other?,
            };
            base = Some(after);
        }
        let force = !step.forced.is_empty();
        if let (true, Some(base)) = (force, &base) {
            guard(&mut send, base);
        }
        let how = Applying { manager, force, dry_run: false, just_made: true };
        self.cluster.apply(&item.kind, &send, &how).await
    }

    async fn delete_and_wait(&self, kind: &Kind, live: &Object) -> Result<(), CallError> {
        let target = Deleting {
            kind,
            namespace: live.namespace(),
            name: live.name(),
            uid: live.uid(),
            resource_version: None,
            propagation: PropagationPolicy::Foreground,
            dry_run: false,
        };
        self.cluster.delete(&target).await?;
        wait_gone(self.cluster, kind, live, self.waiting.timeout).await
    }
}

/// Waits until an object, this very one, is gone.
pub(crate) async fn wait_gone(
    cluster: &Cluster,
    kind: &Kind,
    old: &Object,
    limit: Duration,
) -> Result<(), CallError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let now = cluster.get(kind, old.namespace(), old.name()).await?;
        let Some(now) = now.filter(|now| now.uid() == old.uid()) else { return Ok(()) };
        if began.elapsed() > limit {
            let finalizers = now.at("/metadata/finalizers").map(ToString::to_string);
            return Err(CallError::GaveUp {
                what: format!("wait until {} is gone", old.key()),
                tries: 1,
                seconds: began.elapsed().as_secs(),
                last: finalizers.map_or_else(
                    || "it is still there".to_owned(),
                    |list| format!("finalizers {list}"),
                ),
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
