//! Which files change and which processes start, stop and restart.

use std::collections::{BTreeMap, BTreeSet};

use super::inputs::{Fact, Inputs, Key, Part, Source};
use super::{ChangedComponent, ChangedInstance, FileChange, Reason, RestartPlan, Running};
use crate::secret;
use crate::tree::canonical;

/// Fills in which generated files change, and why.
pub(super) fn configuration(plan: &mut RestartPlan, old: &Inputs, new: &Inputs) {
    let mut shared: BTreeMap<(&Key, bool, bool), Vec<Reason>> = BTreeMap::new();
    for ((key, linux), facts) in &new.shared {
        for was_linux in [true, false] {
            if let Some(former) = old.shared.get(&(key.clone(), was_linux)) {
                shared.insert((key, was_linux, *linux), reasons(former, facts));
            }
        }
    }
    let mut components: BTreeMap<Key, (Vec<Reason>, Vec<ChangedInstance>)> = BTreeMap::new();
    let pairs: BTreeSet<&(String, String)> = old.pairs.keys().chain(new.pairs.keys()).collect();
    for pair in pairs {
        let mut own = Vec::new();
        // What is shared by thousands of instances is only looked at here, and copied once.
        let mut common: Vec<&Vec<Reason>> = Vec::new();
        let (change, key) = match (old.pairs.get(pair), new.pairs.get(pair)) {
            (None, Some(now)) => (FileChange::Added, now.first()),
            (Some(then), None) => (FileChange::Removed, then.first()),
            (Some(then), Some(now)) => {
                let then: BTreeMap<&Key, &Part> = then.iter().map(|one| (&one.key, one)).collect();
                let now_by: BTreeMap<&Key, &Part> = now.iter().map(|one| (&one.key, one)).collect();
                let keys: BTreeSet<&Key> = then.keys().chain(now_by.keys()).copied().collect();
                for key in keys {
                    match (then.get(key), now_by.get(key)) {
                        (Some(then), Some(now)) => {
                            let reason = shared.get(&(key, then.linux, now.linux));
                            let reason = reason.filter(|reasons| !reasons.is_empty());
                            if then.linux == now.linux {
                                common.extend(reason);
                            } else {
                                own.extend(reason.into_iter().flatten().cloned());
                            }
                            own.extend(reasons(&then.own, &now.own));
                        }
                        (gone, _) => {
                            let (fact, name) = (key.0.clone(), Some(key.1.clone()));
                            let (old, new) =
                                if gone.is_some() { (name, None) } else { (None, name) };
                            own.push(Reason { fact, old, new });
                        }
                    }
                }
                if common.is_empty() && own.is_empty() {
                    continue;
                }
                (FileChange::Changed, now.first())
            }
            (None, None) => continue,
        };
        let Some(Part { key, .. }) = key else { continue };
        plan.changed_configuration.insert(pair.clone());
        let entry = components.entry(key.clone()).or_default();
        if entry.0.is_empty() {
            entry.0 = common.into_iter().flatten().cloned().collect();
        }
        entry.1.push(ChangedInstance { address: pair.0.clone(), change, reasons: own });
    }
    for ((process, component), (reasons, instances)) in components {
        plan.components.push(ChangedComponent { component, process, reasons, instances });
    }
}

/// What differs between two lists of facts, in words.
fn reasons(old: &[Fact], new: &[Fact]) -> Vec<Reason> {
    if old == new {
        return Vec::new();
    }
    let mut both: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for fact in old {
        both.entry(&fact.what).or_default().0.push(&fact.value);
    }
    for fact in new {
        both.entry(&fact.what).or_default().1.push(&fact.value);
    }
    let mut found = Vec::new();
    for (what, (old, new)) in both {
        if old == new {
            continue;
        }
        let attribute = what.rsplit('@').next().unwrap_or(what);
        let reason = |old: Option<&str>, new: Option<&str>| Reason {
            fact: what.to_owned(),
            old: old.map(|value| secret::shown(attribute, value).into_owned()),
            new: new.map(|value| secret::shown(attribute, value).into_owned()),
        };
        if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
            found.push(reason(Some(old), Some(new)));
            continue;
        }
        let (gone, come) = (without(&old, &new), without(&new, &old));
        if gone.is_empty() && come.is_empty() {
            found.push(reason(None, None));
        }
        found.extend(gone.into_iter().map(|value| reason(Some(value), None)));
        found.extend(come.into_iter().map(|value| reason(None, Some(value))));
    }
    // An element that comes or goes says so itself; where it ends is no news then.
    if found.iter().any(|reason| reason.fact != "end of") {
        found.retain(|reason| reason.fact != "end of");
    }
    if found.is_empty() {
        found.push(Reason { fact: "its parts".to_owned(), old: None, new: None });
    }
    found
}

/// The values of a list that another one lacks, each as often as it lacks it.
fn without<'v>(list: &[&'v str], other: &[&str]) -> Vec<&'v str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in other {
        *counts.entry(value).or_default() += 1;
    }
    let mut left = Vec::new();
    for value in list {
        match counts.get_mut(value) {
            Some(count) if *count > 0 => *count -= 1,
            _ => left.push(*value),
        }
    }
    left
}

/// Fills in which processes start, stop and restart.
pub(super) fn processes(
    plan: &mut RestartPlan,
    (old_source, old): (&Source<'_>, &Inputs),
    (new_source, new): (&Source<'_>, &Inputs),
) {
    let read_directly = changed_dafilesrv(old_source, new_source);
    for (address, key) in new.running.iter().filter(|(_, key)| is_process(&key.0)) {
        let running = running(address, key);
        if !old.running.contains(&(address.clone(), key.clone())) {
            plan.start.insert(running);
        } else if read_directly.contains(&key.1) && key.0 == "DafilesrvProcess"
            || plan.changed_configuration.contains(&(address.clone(), key.1.clone()))
        {
            plan.restart.insert(running);
        }
    }
    for (address, key) in old.running.iter().filter(|(_, key)| is_process(&key.0)) {
        if !new.running.contains(&(address.clone(), key.clone())) {
            plan.stop.insert(running(address, key));
        }
    }
}

/// Whether a component runs as a process of its own that HPCC starts and stops.
pub(super) fn is_process(tag: &str) -> bool {
    !matches!(tag, "FTSlaveProcess" | "LDAPServerProcess" | "MySQLProcess" | "SiteCertificate")
}

pub(super) fn running(address: &str, key: &Key) -> Running {
    let (process, component) = key.clone();
    Running { address: address.to_owned(), component, process }
}

/// The file servers that have other limits: they have no generated files and read the environment
/// themselves when they start.
fn changed_dafilesrv(old: &Source<'_>, new: &Source<'_>) -> BTreeSet<String> {
    let settings = |source: &Source<'_>| {
        let mut settings: BTreeMap<String, String> = BTreeMap::new();
        let groups: String =
            source.tagged("DafilesrvGroup").iter().map(|group| canonical(group)).collect();
        for server in source.tagged("DafilesrvProcess") {
            // Limits of single machines are attributes of instances; which machines there are is no limit.
            let mut own = (*server).clone();
            let mut limits = BTreeSet::new();
            for instance in own.elements_mut() {
                for name in ["name", "computer", "netAddress", "directory"] {
                    instance.remove(name);
                }
                limits.insert(canonical(instance));
            }
            for name in ["name", "description", "build", "buildSet"] {
                own.remove(name);
            }
            let mut text = groups.clone();
            let mut attributes: Vec<String> = own
                .attributes()
                .iter()
                .map(|one| format!("{}={} ", one.name(), one.value()))
                .collect();
            attributes.sort();
            text.extend(attributes);
            text.extend(limits);
            settings.insert(server.get("name").unwrap_or_default().into_owned(), text);
        }
        settings
    };
    let (old, new) = (settings(old), settings(new));
    new.into_iter()
        .filter(|(name, text)| old.get(name).is_some_and(|then| then != text))
        .map(|(name, _)| name)
        .collect()
}
