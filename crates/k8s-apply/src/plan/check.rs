//! What is to be done about one object.

use diagnostics::Problem;
use kube::core::Status;
use serde_json::Value;

use super::defined::{is_renewed, look, may_be_defined_yet};
use super::live::Live;
use super::refusal::{Subject, conflict_problems, immutable_fields, is_misfit, problems_of};
use super::webhooks::Mutators;
use super::{Action, Checked, Item, Options, Prepared, Step};
use crate::apply_set::PART_OF;
use crate::change::{HIDDEN, HIDDEN_CHANGED, changes};
use crate::cluster::{Applying, CallError, Cluster};
use crate::fields::{
    Conflict, Entry, FieldManager, FieldPath, PathElement, conflicts, entries, is_settled,
    left_behind, migration,
};
use crate::object::Object;

/// How often an object that changes while it is looked at is looked at anew.
const LOOKS: usize = 5;

/// What a check needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Checking<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) prepared: &'a Prepared<'a>,
    pub(crate) options: &'a Options,
    pub(crate) live: &'a Live,
    pub(crate) mutators: &'a Mutators,
}

/// Why an object cannot be applied.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// For reasons that the user can mend.
    Problems(Vec<Problem>),
    /// The server does not answer.
    Call(CallError),
}

/// Finds out what is to be done about an item.
pub(crate) async fn check(on: Checking<'_>, at: usize) -> Result<Step, Refusal> {
    let item = &on.prepared.items[at];
    if let Some(waits_for) = waits_for(on, item) {
        return later(on, at, waits_for).await;
    }
    let renewed = is_renewed(on, item);
    if renewed {
        look(on, at)?;
    }
    let live = on.live.get(&item.key).cloned();
    match check_now(on, at, live, false).await {
        // The server looks at it by the definition that it has yet.
        Err(refusal) if renewed && may_be_defined_yet(&refusal) => {
            let waits_for = format!("the new definition of {}", item.kind.gvk.group_kind());
            later(on, at, waits_for).await
        }
        checked => checked,
    }
}

/// What is missing for the server to try an item, if that is in the set.
fn waits_for(on: Checking<'_>, item: &Item) -> Option<String> {
    if item.kind.from_set {
        return Some(format!("the definition of {}", item.kind.gvk.group_kind()));
    }
    let namespace = item.key.namespace.as_deref()?;
    (on.prepared.namespaces.contains_key(namespace) && !on.live.has_namespace(namespace))
        .then(|| format!("Namespace {namespace}"))
}

/// An object that cannot be tried yet. One of a kind that is served is shown to the server in another namespace.
async fn later(on: Checking<'_>, at: usize, waits_for: String) -> Result<Step, Refusal> {
    let item = &on.prepared.items[at];
    let subject = Subject { prepared: on.prepared, item: at };
    let mut looked_at = "its form";
    if item.kind.from_set || is_renewed(on, item) {
        if look(on, at)? {
            looked_at = "the schema of its definition";
        }
    } else {
        let mut rehearsed = item.object.clone();
        rehearsed.set_namespace("default");
        match on.cluster.rehearse(&item.kind, &rehearsed).await {
            Ok(()) => looked_at = "a dry run in the namespace default",
            Err(error) => match error.status() {
                // It is looked at before its name is found to be taken.
                Some(status) if status.code == 409 && status.reason == "AlreadyExists" => {
                    looked_at = "a dry run in the namespace default";
                }
                // A policy may deny in that namespace what it allows elsewhere.
                Some(status)
                    if (status.code == 422 || status.code == 400)
                        && !status.message.contains("denied") =>
                {
                    return Err(Refusal::Problems(problems_of(subject, status)));
                }
                // What that namespace does not allow says nothing about another one.
                Some(_) => {}
                None => return Err(Refusal::Call(error)),
            },
        }
    }
    // What is in a namespace that is being deleted goes with it.
    let stays = |name: &str| on.live.has_namespace(name);
    let live = on.live.get(&item.key);
    let live = live.filter(|_| item.key.namespace.as_deref().is_none_or(stays));
    let action = if live.is_some() { Action::Update } else { Action::Create };
    let mut step = step(on, at, action, Checked::Later { waits_for, looked_at });
    step.changes = changes(live, Some(&item.object));
    // What the manifest does not say is mostly what others have said.
    step.changes.retain(|change| change.after.is_some());
    Ok(step)
}

fn step(on: Checking<'_>, at: usize, action: Action, checked: Checked) -> Step {
    let item = &on.prepared.items[at];
    Step {
        key: item.key.clone(),
        place: on.prepared.manifests[item.manifest].origin.place(),
        action,
        checked,
        changes: Vec::new(),
        forced: Vec::new(),
        left: Vec::new(),
        taken_over: Vec::new(),
        immutable: Vec::new(),
        notes: Vec::new(),
        item: at,
        send: item.object.clone(),
        live: None,
        migration: None,
    }
}

/// Has the server try an item whose namespace and kind are there. `just_made` says that they were made moments ago.
pub(crate) async fn check_now(
    on: Checking<'_>,
    at: usize,
    mut live: Option<Object>,
    just_made: bool,
) -> Result<Step, Refusal> {
    let item = &on.prepared.items[at];
    for _ in 0..LOOKS {
        if let Some(step) = try_once(on, at, live, just_made).await? {
            return Ok(step);
        }
        // Someone changed it meanwhile.
        let namespace = item.key.namespace.as_deref();
        live =
            on.cluster.get(&item.kind, namespace, &item.key.name).await.map_err(Refusal::Call)?;
    }
    let subject = Subject { prepared: on.prepared, item: at };
    let words = format!("it changed {LOOKS} times while it was looked at");
    Err(Refusal::Problems(vec![subject.problem(&FieldPath::default(), "restless", &words)]))
}

/// One look. None if the object changed meanwhile.
async fn try_once(
    on: Checking<'_>,
    at: usize,
    live: Option<Object>,
    just_made: bool,
) -> Result<Option<Step>, Refusal> {
    let item = &on.prepared.items[at];
    let subject = Subject { prepared: on.prepared, item: at };
    let manager = on.options.manager.as_str();
    let mut step = step(on, at, Action::Create, Checked::DryRun);
    let Some(live) = live.filter(|live| {
        live.at("/metadata/deletionTimestamp").is_none() || {
            step.notes
                .push("the one that is there is being deleted; it is made anew afterwards".into());
            false
        }
    }) else {
        if !step.notes.is_empty() {
            step.changes = changes(None, Some(&item.object));
            return Ok(Some(step));
        }
        let how = Applying { manager, force: false, dry_run: true, just_made };
        let (made, warnings) = match on.cluster.apply(&item.kind, &step.send, &how).await {
            Ok(answer) => answer,
            Err(error) if !just_made && lacks_what_the_set_makes(on, &error) => {
                let waits_for = "what it names in the set".to_owned();
                step.checked = Checked::Later { waits_for, looked_at: "its form" };
                step.changes = changes(None, Some(&item.object));
                return Ok(Some(step));
            }
            Err(error) => return Err(refused(on.cluster, subject, error).await),
        };
        step.notes.extend(warnings);
        step.changes = changes(None, Some(&item.object));
        if made.resource_version().is_some_and(|version| !version.is_empty())
            && made.uid().is_some()
        {
            // It came into being between the two looks.
            if entries(&made).any(|entry| !entry.is_applier(manager)) {
                return Ok(None);
            }
        }
        return Ok(Some(step));
    };
    if let Some(problem) = of_another_set(on.options, subject, &live) {
        return Err(Refusal::Problems(vec![problem]));
    }
    if let (None, Some(set)) = (&on.options.label, live.label(PART_OF)) {
        // Who applies an object by itself does not mean to take it out of its set.
        let is_ours = |entry: Entry<'_>| {
            entry.is_applier(manager) && entry.owns(&["metadata", "labels", PART_OF])
        };
        if entries(&live).any(is_ours) {
            step.send.set_label(PART_OF, set);
        }
    }
    leave_scaled(on.options, &live, &mut step);
    step.migration = migration(&live, manager, &on.options.renamed);
    if step.migration.is_none()
        && !on.mutators.may_change(&item.kind)
        && is_settled(&step.send, &live, manager)
    {
        step.action = Action::Unchanged;
        step.checked = Checked::Settled;
        step.live = Some(live);
        return Ok(Some(step));
    }
    if let Some(migration) = &step.migration {
        step.taken_over.clone_from(&migration.from);
    }
    let mut force = false;
    let tried = loop {
        let mut send = step.send.clone();
        if force {
            guard(&mut send, &live);
        }
        let how = Applying { manager, force, dry_run: true, just_made };
        let error = match on.cluster.apply(&item.kind, &send, &how).await {
            Ok(answer) => break answer,
            Err(error) => error,
        };
        let Some(status) = error.status() else { return Err(Refusal::Call(error)) };
        let met = conflicts(status, &step.send, &live);
        if met.is_empty() {
            let immutable = immutable_fields(status, &step.send, &live);
            if !immutable.is_empty() {
                return recreate(on, step, live, immutable).await.map(Some);
            }
            if status.code == 409 {
                return Ok(None);
            }
            return Err(refused(on.cluster, subject, error).await);
        }
        if force {
            return Ok(None);
        }
        force = settle_conflicts(on, subject, &mut step, met)?;
    };
    let (mut after, warnings) = tried;
    step.notes.extend(warnings);
    if let Some(migration) = &step.migration {
        let left = left_behind(&live, &after, manager, &migration.fields, &migration.from);
        // Other tools own the defaults of what they made. These go, and come back as defaults.
        let anew = if left.is_empty() {
            None
        } else {
            on.cluster.as_new(&item.kind, &item.object).await.ok()
        };
        for path in left {
            let default = anew.as_ref().and_then(|object| path.find(object.value()));
            if default.is_some() && default == path.find(live.value()) {
                continue;
            }
            let _ = after.edit(|value| {
                path.remove(value);
            });
        }
    }
    step.changes = changes(Some(&live), Some(&after));
    let own = |object: &Object| {
        entries(object)
            .find(|entry| entry.is_applier(manager))
            .and_then(|entry| entry.fields().cloned())
    };
    step.action = if !step.changes.is_empty() {
        Action::Update
    } else if step.migration.is_some() || own(&live) != own(&after) {
        Action::Adopt
    } else {
        Action::Unchanged
    };
    step.live = Some(live);
    Ok(Some(step))
}

/// That an object belongs to another set, which would fight for it, and prune it one day.
fn of_another_set(options: &Options, subject: Subject<'_>, live: &Object) -> Option<Problem> {
    let (key, id) = options.label.as_ref()?;
    let other = live.label(key).filter(|other| other != id)?;
    if options.on_conflict.force_all {
        return None;
    }
    let message = format!("it is a member of another set, {other}");
    let problem = subject.problem(&FieldPath::default(), "another-set", &message);
    Some(problem.help(format!(
        "remove it from one of the two, or take it with --force-conflicts; that set is kept in what has the label \
         applyset.kubernetes.io/id={other}"
    )))
}

/// The refusal of an object, in words.
pub(crate) async fn refused(cluster: &Cluster, subject: Subject<'_>, error: CallError) -> Refusal {
    let Some(status) = error.status() else { return Refusal::Call(error) };
    if is_misfit(status) {
        // Server-side apply names only one of the fields that do not fit. Strict decoding names all unknown ones.
        let item = &subject.prepared.items[subject.item];
        if let Err(decoded) = cluster.rehearse(&item.kind, &item.object).await
            && let Some(status) = decoded.status().filter(|status| status.code == 400)
        {
            let problems = problems_of(subject, status);
            if problems.iter().all(|problem| problem.code == "unknown-field") {
                return Refusal::Problems(problems);
            }
        }
    }
    Refusal::Problems(problems_of(subject, status))
}

/// Whether an object was refused for lack of an account or a class that the same set makes.
fn lacks_what_the_set_makes(on: Checking<'_>, error: &CallError) -> bool {
    let Some(status) = error.status().filter(|status| status.code == 403) else { return false };
    let kinds = [
        ("error looking up service account", "", "ServiceAccount"),
        ("no PriorityClass", "scheduling.k8s.io", "PriorityClass"),
        ("RuntimeClass", "node.k8s.io", "RuntimeClass"),
    ];
    kinds.iter().any(|(words, group, kind)| {
        let is_new = |item: &Item| {
            item.key.group_kind.is(group, kind)
                && on.live.get(&item.key).is_none()
                && status.message.contains(&item.key.name)
        };
        status.message.contains(words) && on.prepared.items.iter().any(is_new)
    })
}

/// Binds what is sent to the version that was looked at, so that nothing else is forced than what was seen.
pub(crate) fn guard(send: &mut Object, live: &Object) {
    if let Some(version) = live.resource_version() {
        send.metadata_mut().insert("resourceVersion".into(), version.into());
    }
}

/// Takes `spec.replicas` out of what is sent if someone scales the object.
fn leave_scaled(options: &Options, live: &Object, step: &mut Step) {
    let path = FieldPath::new(vec![
        PathElement::Field("spec".into()),
        PathElement::Field("replicas".into()),
    ]);
    let Some(ours) = path.find(step.send.value()).cloned() else { return };
    let scaler = entries(live)
        .find(|entry| entry.subresource() == "scale" && entry.owns(&["spec", "replicas"]));
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    if options.keep_scaled && scaler.is_none() && number(path.find(live.value())) == Some(0) {
        // Who scales to zero owns nothing afterwards: the API server leaves zeros out of what it keeps of a scale. A
        // zero that nobody owns is no default, and so can be nothing else.
        let owned = entries(live).any(|entry| entry.owns(&["spec", "replicas"]));
        if !owned && number(Some(&ours)) != Some(0) {
            let _ = step.send.edit(|value| {
                path.remove(value);
            });
            step.left.push(Conflict {
                theirs: path.find(live.value()).cloned(),
                field: path,
                manager: FieldManager {
                    name: "somebody".to_owned(),
                    operation: "Update".to_owned(),
                    subresource: "scale".to_owned(),
                    time: String::new(),
                },
                ours: Some(ours),
            });
        }
        return;
    }
    let Some(scaler) = scaler.filter(|_| options.keep_scaled) else { return };
    let theirs = path.find(live.value()).cloned();
    let _ = step.send.edit(|value| {
        path.remove(value);
    });
    if theirs.as_ref() != Some(&ours) {
        step.left.push(Conflict {
            field: path,
            manager: FieldManager {
                name: scaler.manager().to_owned(),
                operation: scaler.operation().to_owned(),
                subresource: scaler.subresource().to_owned(),
                time: scaler.time().to_owned(),
            },
            ours: Some(ours),
            theirs,
        });
    }
}

/// Decides about conflicts as the options say. Answers whether fields are to be taken.
fn settle_conflicts(
    on: Checking<'_>,
    subject: Subject<'_>,
    step: &mut Step,
    met: Vec<Conflict>,
) -> Result<bool, Refusal> {
    let policy = &on.options.on_conflict;
    let is_secret = step.send.is("", "Secret");
    let mut force = false;
    let mut open = Vec::new();
    for mut conflict in met {
        if is_secret {
            conflict.ours = conflict.ours.map(|_| HIDDEN_CHANGED.into());
            conflict.theirs = conflict.theirs.map(|_| HIDDEN.into());
        }
        let name = &conflict.manager.name;
        let taken_over = step.taken_over.contains(name) && conflict.manager.subresource.is_empty();
        let scaled = conflict.manager.subresource == "scale" && !on.options.keep_scaled;
        if taken_over {
            force = true;
        } else if scaled || policy.force_all || policy.force_from.contains(name) {
            force = true;
            step.forced.push(conflict);
        } else if policy.leave {
            let _ = step.send.edit(|value| {
                conflict.field.remove(value);
            });
            step.left.push(conflict);
        } else {
            open.push(conflict);
        }
    }
    if open.is_empty() {
        Ok(force)
    } else {
        Err(Refusal::Problems(conflict_problems(subject, &open)))
    }
}

/// An object with fields that cannot be changed: made anew if that was asked for, else refused.
async fn recreate(
    on: Checking<'_>,
    mut step: Step,
    live: Object,
    immutable: Vec<String>,
) -> Result<Step, Refusal> {
    let subject = Subject { prepared: on.prepared, item: step.item };
    if on.options.recreate.iter().any(|one| one.selects(&step.key)) {
        step.action = Action::Recreate;
        step.changes = changes(Some(&live), Some(&step.send))
            .into_iter()
            .filter(|change| change.after.as_ref().is_some_and(|value| *value != Value::Null))
            .collect();
        step.immutable = immutable;
        step.migration = None;
        // The new one begins with the replicas that the old one was scaled to.
        step.send = on.prepared.items[step.item].object.clone();
        if let Some(replicas) = step.left.iter().find(|one| one.manager.subresource == "scale")
            && let Some(number) = replicas.theirs.clone()
        {
            let _ = step.send.edit(|value| value["spec"]["replicas"] = number);
        }
        step.live = Some(live);
        // What is deleted must not be refused afterwards. That its name is taken is found out last.
        let kind = &on.prepared.items[step.item].kind;
        if let Err(error) = on.cluster.rehearse(kind, &step.send).await {
            let is_taken = |status: &Status| {
                (status.code == 409 && status.reason == "AlreadyExists")
                    || status.message.contains("already allocated")
            };
            if !error.status().is_some_and(is_taken) {
                return Err(refused(on.cluster, subject, error).await);
            }
        }
        return Ok(step);
    }
    let group_kind = &step.key.group_kind;
    let namespace = step.key.namespace.as_ref().map_or(String::new(), |one| format!("{one}/"));
    let problems = immutable.iter().map(|field| {
        let path = FieldPath::read_along(&format!(".{field}"), step.send.value());
        subject
            .problem(&path, "immutable", &format!("{field} cannot be changed in the object that is there"))
            .help(format!(
                "put it back, or have the object deleted and made anew with --recreate {group_kind}/{namespace}{}",
                step.key.name
            ))
    });
    Err(Refusal::Problems(problems.collect()))
}
