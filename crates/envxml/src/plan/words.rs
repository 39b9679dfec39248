//! A plan in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{
    Action, ChangedComponent, DataLoss, FileChange, GroupChange, GroupCheck, GroupKind, Reason,
    RestartPlan, Running, Step,
};

/// How many items of a list are shown.
const SHOWN: usize = 8;

pub(super) fn text(plan: &RestartPlan) -> String {
    if plan.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let mut out = String::new();
    section(&mut out, "data at risk", plan.data_loss.iter().map(loss).collect());
    section(&mut out, "groups", plan.group_changes.iter().map(group).collect());
    section(
        &mut out,
        "changed configuration",
        plan.components.iter().flat_map(component).collect(),
    );
    let steps = plan.steps.iter().enumerate();
    section(&mut out, "steps", steps.flat_map(|(index, one)| step(index + 1, one)).collect());
    out
}

fn section(out: &mut String, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        let _ = writeln!(out, "{title}");
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
}

fn list<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<&str> = items.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let more = items.len().saturating_sub(SHOWN);
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn loss(loss: &DataLoss) -> String {
    match loss {
        DataLoss::ThorShrinks { cluster, old, new, leaving } => {
            let from =
                if leaving.is_empty() { String::new() } else { format!(" on {}", list(leaving)) };
            format!(
                "thor {cluster} shrinks from {old} to {new} parts: what published files have{from} is lost to it"
            )
        }
        DataLoss::PartsMisplaced { cluster, change } => {
            let why = match change {
                GroupKind::Swapped => "machines were swapped",
                GroupKind::Reordered => "its slaves have another order",
                GroupKind::Repartitioned => "its slaves have another number of parts",
                _ => "its group is built anew",
            };
            format!(
                "thor {cluster}: {why}, so parts of published files are looked for where they are not"
            )
        }
        DataLoss::ClusterDropped { cluster, process } => {
            format!("{process} {cluster} is dropped: its files have no machines any more")
        }
        DataLoss::AddressLost { address, computer, now, holders } => {
            let now = match now {
                Some(now) => format!(" ({computer} has {now} now)"),
                None => String::new(),
            };
            format!("address {address} is lost{now}: it held data of {}", list(holders))
        }
        DataLoss::DaliMoves { component, old, new } => {
            format!(
                "dali {component} moves from {} to {}: its metadata must be taken along",
                list(old),
                if new.is_empty() { "nowhere".to_owned() } else { list(new) }
            )
        }
        DataLoss::FilesStayBehind { component, process, old } => {
            format!("{process} {component} leaves {}: its files stay behind", list(old))
        }
        DataLoss::DirectoryMoves { category, old, new } => {
            format!(
                "directory {category} moves from {old:?} to {new:?}: what is in the old one is not found"
            )
        }
    }
}

fn group(change: &GroupChange) -> String {
    let GroupChange { cluster, process, old, new, kind, .. } = change;
    let count = |members: &[String], each: usize| match each {
        1 => members.len().to_string(),
        each => format!("{} x {each}", members.len()),
    };
    let (then, now) =
        (count(old, change.old_parts_per_member), count(new, change.parts_per_member));
    let what = match kind {
        GroupKind::Created => format!("new: {}", list(new)),
        GroupKind::Dropped => format!("dropped: {}", list(old)),
        GroupKind::Grown => format!("{then} -> {now} members, new: {}", list(&new[old.len()..])),
        GroupKind::Shrunk => format!("{then} -> {now} members, gone: {}", list(&old[new.len()..])),
        GroupKind::Swapped => {
            let swaps: Vec<String> = change
                .replaced
                .iter()
                .map(|one| format!("{} -> {} at place {}", one.old, one.new, one.place))
                .collect();
            format!("swapped {}", list(&swaps))
        }
        GroupKind::Reordered => format!("another order: {}", list(new)),
        GroupKind::Repartitioned => format!("{then} -> {now} parts"),
        GroupKind::Rebuilt => format!("{then} -> {now} members, now {}", list(new)),
    };
    format!("{process} {cluster}: {what}")
}

fn reasons(reasons: &[Reason]) -> String {
    let words: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    list(&words)
}

fn component(change: &ChangedComponent) -> Vec<String> {
    let mut groups: BTreeMap<(FileChange, String), Vec<&str>> = BTreeMap::new();
    for instance in &change.instances {
        let common: &[Reason] =
            if instance.change == FileChange::Changed { &change.reasons } else { &[] };
        let mut why = reasons(common);
        // Layout is only worth a word when there is nothing else.
        let own: Vec<Reason> = instance
            .reasons
            .iter()
            .filter(|reason| !reason.is_layout() || common.is_empty())
            .cloned()
            .collect();
        if !own.is_empty() {
            let own = reasons(&own);
            why = if why.is_empty() { own } else { format!("{why}, {own}") };
        }
        groups.entry((instance.change, why)).or_default().push(&instance.address);
    }
    groups
        .into_iter()
        .map(|((kind, why), addresses)| {
            let (sign, why) = match kind {
                FileChange::Added => ('+', String::new()),
                FileChange::Removed => ('-', String::new()),
                FileChange::Changed => ('~', format!(": {why}")),
            };
            format!("{sign} {} {} on {}{why}", change.process, change.component, list(&addresses))
        })
        .collect()
}

fn step(number: usize, step: &Step) -> Vec<String> {
    let title = match step.action {
        Action::StopAllButDali => "stop",
        Action::StopDali => "stop dali",
        Action::Push => "push environment.xml",
        Action::StartDali => "start dali",
        Action::CheckGroups => "check groups",
        Action::StartRest => "start",
    };
    if step.action == Action::CheckGroups {
        let mut lines = vec![format!("{number}. {title}")];
        lines.extend(step.checks.iter().map(|check| format!("   {}", check_words(check))));
        return lines;
    }
    if step.processes.is_empty() {
        return vec![format!("{number}. {title} to {}", list(&step.machines))];
    }
    let mut by_component: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Running { address, component, process } in &step.processes {
        by_component.entry((process, component)).or_default().push(address);
    }
    let mut lines = vec![format!("{number}. {title}")];
    lines.extend(by_component.into_iter().map(|((process, component), addresses)| {
        format!("   {process} {component} on {}", list(&addresses))
    }));
    lines
}

fn check_words(check: &GroupCheck) -> String {
    let GroupCheck { group, members, dali, parts_per_member, .. } = check;
    if check.update {
        return format!(
            "updtdalienv environment.xml -i {dali}: dali goes on running with its old copy"
        );
    }
    let times =
        if *parts_per_member > 1 { format!(", {parts_per_member} times") } else { String::new() };
    format!(
        "{group} must be {}{times}; if dali has another list: updtdalienv environment.xml -i {dali} -f",
        list(members)
    )
}
