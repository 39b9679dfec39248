//! Starting all members again from a snapshot, when too few are left to agree.

use etcd::rules::{called, quorum};
use node_bootstrap::agent::{ClusterState, EtcdHere, EtcdRequest, ManifestPlace};

use super::mend::{self, Mend, able, park, put_data_away};
use super::next::{STARTING, agreement, api_server};
use super::situation::restore_without;
use super::{Action, Deeds, Host, Next, Situation, Standing, What};

/// What is to be restored.
pub(super) struct Restore<'a> {
    /// The hosts that shall have a member.
    pub(super) hosts: &'a [String],
    /// Where the snapshot is put on each.
    pub(super) path: &'a str,
    /// The hosts that are gone for good.
    pub(super) without: &'a [String],
    /// What tells the new cluster from all before.
    pub(super) token: &'a str,
    /// Whether to do it although the cluster can write.
    pub(super) force: bool,
}

/// What should be known before.
pub(super) fn notes(
    hosts: &[String],
    without: &[String],
    revision: Option<i64>,
    situation: &Situation,
) -> Vec<String> {
    let mut notes = Vec::new();
    match (revision, situation.revision()) {
        (Some(has), Some(known)) if has >= known => {
            notes.push(format!("nothing is lost that a member knows: the snapshot is of revision {has}, the highest known is {known}"));
        }
        (Some(has), Some(known)) => notes.push(format!(
            "lost is what was written after revision {has}, that of the snapshot: {} revisions, as the highest known is {known}",
            known - has
        )),
        (Some(has), None) => notes.push(format!(
            "lost is what was written after revision {has}, that of the snapshot; no member says how much that is"
        )),
        (None, _) => notes.push("lost is what was written after the snapshot".to_owned()),
    }
    notes.push(
        "the data that the members have now are put away, and stay on the hosts until somebody deletes them"
            .to_owned(),
    );
    for host in &situation.hosts {
        if hosts.contains(&host.name) {
            continue;
        }
        let is_gone = without.contains(&host.name);
        notes.push(match &host.here {
            Ok(_) if is_gone => format!("{} is left out: it has no member", host.name),
            Err(why) if is_gone => format!(
                "{} is left out ({why}). If it only seems gone, as beyond a network that is cut, its member may go on there as another \
                 cluster, with those that it reaches: be sure that it is switched off",
                host.name
            ),
            Ok(_) => format!("{} will have no member: mend it afterwards", host.name),
            Err(why) => format!(
                "{} cannot be asked ({why}): if it comes back its member is of the old cluster; mend it then",
                host.name
            ),
        });
    }
    notes.extend(situation.forgotten().into_iter().map(|member| {
        format!(
            "{} is a member to those that are asked, and of no host of the inventory: if it still runs it may go on as another cluster; \
             be sure that it is switched off",
            called(member)
        )
    }));
    if !without.is_empty() {
        let names = without.join(" ");
        notes.push(format!(
            "afterwards `k8s-cluster remove {names} --gone` takes away what the cluster still knows of them. With their old members they \
             must never come back: install them anew, or have `node-prep reset --with-data` clean them, then `k8s-cluster add {names}`"
        ));
    }
    notes
}

/// A host that can be restored on, or why it cannot, and how to go on without it.
fn usable<'a>(
    order: &Restore<'_>,
    situation: &'a Situation,
    name: &str,
) -> Result<(&'a Host, &'a EtcdHere), String> {
    let is_out = |host: &Host| match &host.here {
        Err(_) => host.unreachable,
        Ok(here) => here.manifest == ManifestPlace::None,
    };
    let why = match situation.host(name).map(|host| (host, &host.here)) {
        Some((host, Err(why))) if !is_out(host) => {
            return Err(format!("{name} cannot be asked: {why}"));
        }
        Some((_, Err(why))) => format!("{name} cannot be asked: {why}"),
        Some((host, Ok(_))) if is_out(host) => {
            format!("{name} has no manifest of etcd, so it can have no member")
        }
        _ => return able(situation, name),
    };
    let out: Vec<&str> = situation
        .hosts
        .iter()
        .filter(|host| is_out(host) || order.without.contains(&host.name))
        .map(|host| host.name.as_str())
        .collect();
    Err(format!("{why}. If it is gone for good, leave it out: `{}`", restore_without(&out)))
}

/// That members run which nobody reaches from here: those that answer have a quorum only with them.
fn others_vote(situation: &Situation) -> Option<String> {
    let Standing::Agreed(agreed) = situation.standing() else { return None };
    let (healthy, voters) = (agreed.healthy.len(), agreed.voters().count());
    (healthy < quorum(voters)).then(|| {
        format!(
            "{healthy} of {voters} voting members of etcd answer, and have a quorum all the same: others run where nobody reaches them from here. They \
             are not gone, and would go on as another cluster: switch their hosts off first"
        )
    })
}

/// Why a host is not to be left out.
fn is_there(situation: &Situation, name: &str) -> Option<String> {
    let Some(host) = situation.host(name) else {
        return Some(format!("{name} is no control plane of this cluster"));
    };
    match &host.here {
        Ok(here) if here.manifest == ManifestPlace::None => None,
        Ok(_) => Some(format!(
            "{name} answers, and has a member of etcd: it is not gone, and is restored with the others. Leave `--without {name}` away"
        )),
        Err(_) if host.unreachable => None,
        Err(why) => Some(format!(
            "{name} is not gone: something answers at its address ({why}). Mend that, or switch it off"
        )),
    }
}

/// The next action for all members to have the data of the snapshot.
pub(super) fn next(order: &Restore<'_>, situation: &Situation, deeds: &Deeds) -> Next {
    if order.hosts.is_empty() {
        return Next::Refuse("no host is named that shall have a member".to_owned());
    }
    if let Some(why) = order.without.iter().find_map(|name| is_there(situation, name)) {
        return Next::Refuse(why);
    }
    if !order.without.is_empty()
        && !deeds.restoring()
        && let Some(why) = others_vote(situation)
    {
        return Next::Refuse(why);
    }
    let mut hosts = Vec::new();
    for name in order.hosts {
        match usable(order, situation, name) {
            Ok(pair) => hosts.push(pair),
            Err(why) => return Next::Refuse(why),
        }
    }
    // Once this run has restored or parked one, it goes through with it.
    if !deeds.restoring()
        && !order.force
        && let Some(next) = is_needless(order, situation, deeds, &hosts)
    {
        return next;
    }
    if let Some((host, _)) = hosts.iter().find(|(host, _)| !deeds.took(&host.name)) {
        let what = What::Take { path: order.path.to_owned() };
        let text = format!("take the snapshot: {}", order.path);
        return Next::Do(Action { host: host.name.clone(), what, text });
    }
    // Nothing is ended before it is known that each can be started again.
    if let Some((host, _)) = hosts.iter().find(|(host, _)| !deeds.can_restore(&host.name)) {
        let request = EtcdRequest::CanRestore { path: order.path.to_owned() };
        return Next::Do(Action::ask(
            &host.name,
            request,
            "say whether it can restore the snapshot",
        ));
    }
    // Also those that shall have none: else they would go on as the old cluster.
    let runs = |host: &&Host| {
        let here = host.said();
        here.is_some_and(|here| here.manifest == ManifestPlace::InPlace)
            && !deeds.restored(&host.name)
    };
    // Wiped ones first: without one that knows better they would begin a new, empty cluster together.
    let running = situation.hosts.iter().filter(runs);
    if let Some(host) = running.min_by_key(|host| host.view().is_some()) {
        return park(host);
    }
    let initial_cluster: Vec<String> =
        hosts.iter().map(|(_, here)| format!("{}={}", here.name, here.peer_url)).collect();
    if let Some((host, here)) = hosts.iter().find(|(host, _)| !deeds.restored(&host.name)) {
        if here.has_data {
            return put_data_away(host, true);
        }
        let request = EtcdRequest::Restore {
            path: order.path.to_owned(),
            initial_cluster,
            token: order.token.to_owned(),
        };
        return Next::Do(Action::ask(&host.name, request, "make data of the snapshot"));
    }
    let parked = hosts.iter().filter(|(_, here)| here.manifest == ManifestPlace::Parked);
    let starts: Vec<Action> = parked
        .map(|(host, _)| {
            let initial_cluster = initial_cluster.clone();
            let state = ClusterState::New;
            let request = EtcdRequest::Start { initial_cluster, state, limit: STARTING };
            Action::ask(&host.name, request, "start the member with the restored data")
        })
        .collect();
    // None answers before there are enough of them.
    if !starts.is_empty() {
        return Next::Together(starts);
    }
    match situation.standing() {
        Standing::Agreed(agreed) if agreed.healthy.len() >= hosts.len() => {
            api_server(situation, &agreed, None).unwrap_or(Next::Done)
        }
        // It was in the snapshot.
        Standing::Alarmed { .. } => Next::Refuse(situation.alarm().unwrap_or_default()),
        _ => Next::Wait { what: "all members to be healthy".to_owned(), limit: STARTING },
    }
}

/// Refuses where the cluster can write. One that was restored by a run that ended before all members were started has the rest mended.
fn is_needless(
    order: &Restore<'_>,
    situation: &Situation,
    deeds: &Deeds,
    hosts: &[(&Host, &EtcdHere)],
) -> Option<Next> {
    if let Some(why) = situation.alarm() {
        return Some(Next::Refuse(format!(
            "{why}\nNothing has to be restored for that. --force gives up what was written after the snapshot"
        )));
    }
    let agreed = match agreement(situation) {
        Ok(agreed) => agreed,
        Err(Next::Refuse(_)) => return None,
        Err(next) => return Some(next),
    };
    let healthy: Vec<&str> = agreed.healthy.iter().map(|(host, _)| host.as_str()).collect();
    let rest: Vec<String> =
        order.hosts.iter().filter(|name| !healthy.contains(&name.as_str())).cloned().collect();
    let went_through = hosts.iter().any(|(_, here)| here.has_kept_data)
        && hosts.iter().all(|(host, here)| {
            healthy.contains(&host.name.as_str()) || here.manifest == ManifestPlace::Parked
        });
    if (went_through || deeds.any()) && !rest.is_empty() {
        let snapshot = format!("{}.before-mending", order.path);
        let order = Mend { hosts: &rest, snapshot: &snapshot, keep_old: true };
        return Some(mend::next(&order, situation, deeds));
    }
    // The last thing that a run did not come to.
    if went_through
        && rest.is_empty()
        && let Some(next) = api_server(situation, &agreed, None)
    {
        return Some(next);
    }
    let what = if rest.is_empty() && !order.without.is_empty() {
        format!("take the others out: `k8s-cluster remove {} --gone`", order.without.join(" "))
    } else if rest.is_empty() {
        "nothing has to be restored".to_owned()
    } else {
        format!("mend the others instead: {}", rest.join(", "))
    };
    Some(Next::Refuse(format!(
        "{} of {} voting members of etcd are healthy, and can write: {what}. --force gives up what was written after the snapshot",
        healthy.len(),
        agreed.voters().count()
    )))
}
