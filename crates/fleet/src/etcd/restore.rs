//! Starting all members again from a snapshot, when too few are left to agree.

use node_bootstrap::agent::{ClusterState, EtcdHere, EtcdRequest, ManifestPlace};

use super::mend::{self, Mend, able, park, put_data_away};
use super::next::{STARTING, agreement, api_server};
use super::{Action, Deeds, Host, Next, Situation, Standing, What};

/// What is to be restored.
pub(super) struct Restore<'a> {
    /// The hosts that shall have a member.
    pub(super) hosts: &'a [String],
    /// Where the snapshot is put on each.
    pub(super) path: &'a str,
    /// What tells the new cluster from all before.
    pub(super) token: &'a str,
    /// Whether to do it although the cluster can write.
    pub(super) force: bool,
}

/// What should be known before.
pub(super) fn notes(hosts: &[String], revision: Option<i64>, situation: &Situation) -> Vec<String> {
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
        notes.push(match &host.here {
            Ok(_) => format!("{} will have no member: mend it afterwards", host.name),
            Err(why) => format!(
                "{} cannot be asked ({why}): if it comes back its member is of the old cluster; mend it then",
                host.name
            ),
        });
    }
    notes
}

/// The next action for all members to have the data of the snapshot.
pub(super) fn next(order: &Restore<'_>, situation: &Situation, deeds: &Deeds) -> Next {
    if order.hosts.is_empty() {
        return Next::Refuse("no host is named that shall have a member".to_owned());
    }
    let mut hosts = Vec::new();
    for name in order.hosts {
        match able(situation, name) {
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
    let what = if rest.is_empty() {
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
