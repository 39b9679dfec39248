//! Mending members: each broken one is taken out, and taken in again without its data.

use etcd::Member;
use etcd::rules::{called, quorum};
use node_bootstrap::agent::{ClusterState, EtcdHere, EtcdRequest, ManifestPlace};

use super::leave::{come_back, guard, hand_over, several};
use super::next::{
    CATCHING_UP, CHOOSING, STARTING, TAKING_IN, agreement, api_server, remove, snapshot_first,
    wavering,
};
use super::{Action, Agreed, Deeds, Host, Next, Situation};

/// What is to be mended.
pub(super) struct Mend<'a> {
    /// Which hosts.
    pub(super) hosts: &'a [String],
    /// Where a snapshot is made before.
    pub(super) snapshot: &'a str,
    /// Whether data are put away to be kept, and none are deleted in the end.
    pub(super) keep_old: bool,
}

/// How far a host is.
enum Stage<'a> {
    /// Its member is healthy, and votes.
    Well,
    /// Its member answers, and has no vote yet.
    Follows(&'a Member),
    /// This run started its member, and it does not do yet what it shall.
    Starting(&'static str),
    /// It is a member, without data, and was not started.
    Expected,
    /// Its member is of no use.
    Broken(&'a Member),
    /// It has no member.
    Out,
}

/// A host that is mended.
struct Patient<'a> {
    host: &'a Host,
    here: &'a EtcdHere,
    stage: Stage<'a>,
}

/// The next action for all these hosts to have healthy members.
pub(super) fn next(order: &Mend<'_>, situation: &Situation, deeds: &Deeds) -> Next {
    let mut found = Vec::new();
    for name in order.hosts {
        match able(situation, name) {
            Ok(pair) => found.push(pair),
            Err(why) => return Next::Refuse(why),
        }
    }
    let agreed = match agreement(situation) {
        Ok(agreed) => agreed,
        Err(next) => return next,
    };
    let mut patients = Vec::new();
    for (host, here) in found {
        match stage(&agreed, host, here, deeds) {
            Ok(stage) => patients.push(Patient { host, here, stage }),
            Err(why) => return Next::Refuse(why),
        }
    }
    if patients.iter().any(|patient| !matches!(patient.stage, Stage::Well)) {
        let theirs = |member: &Member| patients.iter().any(|patient| patient.host.owns(member));
        if let Some(next) = wavering(situation, &agreed, theirs) {
            return next;
        }
        if let Some(why) = others_in_the_way(&agreed, &patients) {
            return Next::Refuse(why);
        }
    }
    // Who is nearly there has it first: then there are more that vote.
    let found = patients
        .iter()
        .find_map(|patient| promote(&agreed, patient))
        .or_else(|| patients.iter().find_map(|patient| take_out(order, &agreed, patient, deeds)))
        .or_else(|| patients.iter().find_map(|patient| take_in(order, &agreed, patient)));
    if let Some(next) = found {
        return next;
    }
    let mut old = patients.iter().filter(|patient| patient.here.has_old_data && !order.keep_old);
    if let Some(patient) = old.next() {
        let text = "delete the data that were put away";
        return Next::Do(Action::ask(&patient.host.name, EtcdRequest::DropOldData, text));
    }
    api_server(situation, &agreed, None).unwrap_or(Next::Done)
}

/// A host that can be mended, or why it cannot.
pub(super) fn able<'a>(
    situation: &'a Situation,
    name: &str,
) -> Result<(&'a Host, &'a EtcdHere), String> {
    let host = situation
        .host(name)
        .ok_or_else(|| format!("{name} is no control plane of this cluster"))?;
    let here = host.here.as_ref().map_err(|why| {
        let help = format!(
            ". One that does not come back is to be removed: `k8s-cluster remove {name} --gone`"
        );
        format!("{name} cannot be asked: {why}{}", if host.unreachable { &help } else { "" })
    })?;
    if here.manifest == ManifestPlace::None {
        return Err(format!(
            "{name} has no manifest of etcd: remove it from the cluster, then add it again"
        ));
    }
    if here.name.is_empty() || here.peer_url.is_empty() {
        return Err(format!("the manifest of etcd on {name} has no name, or no peer URL"));
    }
    Ok((host, here))
}

fn stage<'a>(
    agreed: &'a Agreed,
    host: &'a Host,
    here: &EtcdHere,
    deeds: &Deeds,
) -> Result<Stage<'a>, String> {
    let entries: Vec<&Member> = agreed.of(host).collect();
    let twin = agreed.members.iter().find(|member| member.name == here.name && !host.owns(member));
    if let Some(twin) = twin {
        return Err(format!(
            "the member of {} is called {}, and so is another one, {}: remove that one first",
            host.name,
            here.name,
            called(twin)
        ));
    }
    let member = match entries[..] {
        [] => return Ok(Stage::Out),
        [member] => member,
        _ => return Err(several(&entries)),
    };
    let view =
        host.view().filter(|view| view.cluster == agreed.cluster && view.member == member.id);
    Ok(match view {
        Some(_) if member.learner => Stage::Follows(member),
        Some(view) if view.healthy => Stage::Well,
        Some(_) if deeds.started(&host.name) => Stage::Starting("to be healthy"),
        None if deeds.started(&host.name) => Stage::Starting("to answer"),
        None if member.learner && member.name.is_empty() && !here.has_data => Stage::Expected,
        _ => Stage::Broken(member),
    })
}

/// Why etcd would take nobody in.
fn others_in_the_way(agreed: &Agreed, patients: &[Patient<'_>]) -> Option<String> {
    let theirs = |member: &&Member| patients.iter().any(|patient| patient.host.owns(member));
    let ill: Vec<String> = agreed.ill().filter(|member| !theirs(member)).map(called).collect();
    if !ill.is_empty() {
        return Some(format!(
            "etcd takes in no member while another one that votes is not healthy. Mend all together, or remove first: {}",
            ill.join(", ")
        ));
    }
    let mut learners = agreed.members.iter().filter(|member| member.learner && !theirs(member));
    let other = learners.next()?;
    Some(format!(
        "etcd takes in one learner at a time, and there is another one: mend or remove first {}",
        called(other)
    ))
}

fn promote(agreed: &Agreed, patient: &Patient<'_>) -> Option<Next> {
    let name = &patient.host.name;
    let member = match &patient.stage {
        Stage::Follows(member) => member,
        Stage::Starting(what) => return Some(come_back(name, what, STARTING)),
        _ => return None,
    };
    let (ask, _) = agreed.to_ask(&[])?;
    let (id, decided_on) = (member.id.clone(), agreed.votes());
    let request = EtcdRequest::Promote { id, decided_on, limit: CATCHING_UP };
    Some(Next::Do(Action::ask(ask, request, format!("let {name} vote, once it has caught up"))))
}

fn take_out(
    order: &Mend<'_>,
    agreed: &Agreed,
    patient: &Patient<'_>,
    deeds: &Deeds,
) -> Option<Next> {
    let Stage::Broken(member) = patient.stage else { return None };
    if let Some(why) = guard(agreed, member, false) {
        return Some(Next::Refuse(why));
    }
    let Some((ask, to)) = agreed.to_ask(&[&member.id]) else {
        return Some(Next::Refuse("no other member of etcd is healthy".to_owned()));
    };
    if !deeds.snapshot() {
        return Some(snapshot_first(order.snapshot, ask));
    }
    if let Some(next) = hand_over(agreed, patient.host, member, to) {
        return Some(next);
    }
    // While it is one of two it has to go on, or nobody can take it out.
    let spare =
        member.learner || agreed.healthy_beside(&member.id) >= quorum(agreed.voters().count());
    if spare && patient.here.manifest == ManifestPlace::InPlace {
        return Some(park(patient.host));
    }
    Some(remove(agreed, member, ask))
}

pub(super) fn park(host: &Host) -> Next {
    Next::Do(Action::ask(&host.name, EtcdRequest::Park, "stop the member: park its manifest"))
}

/// Puts data away. Of those from before a restore it is not known that somebody else has them, too: such are kept.
pub(super) fn put_data_away(host: &Host, keep: bool) -> Next {
    let text = if keep { "put the data away, to be kept" } else { "put the data away" };
    Next::Do(Action::ask(&host.name, EtcdRequest::PutDataAway { keep }, text))
}

fn take_in(order: &Mend<'_>, agreed: &Agreed, patient: &Patient<'_>) -> Option<Next> {
    let Patient { host, here, stage } = patient;
    if !matches!(stage, Stage::Expected | Stage::Out) {
        return None;
    }
    if here.manifest == ManifestPlace::InPlace {
        return Some(park(host));
    }
    if here.has_data {
        return Some(put_data_away(host, order.keep_old));
    }
    let Some((ask, _)) = agreed.to_ask(&[]) else {
        let what = "a member to ask".to_owned();
        return Some(Next::Wait { what, limit: CHOOSING });
    };
    if matches!(stage, Stage::Out) {
        let (peer_url, decided_on) = (here.peer_url.clone(), agreed.votes());
        let request = EtcdRequest::AddLearner { peer_url, decided_on, limit: TAKING_IN };
        let text = format!("take {} in as a learner", here.peer_url);
        return Some(Next::Do(Action::ask(ask, request, text)));
    }
    // All of them: etcd compares their number.
    let others = agreed.members.iter().filter(|member| !host.owns(member));
    let mut initial_cluster: Vec<String> = others
        .filter_map(|member| Some(format!("{}={}", member.name, member.peer_urls.first()?)))
        .collect();
    initial_cluster.push(format!("{}={}", here.name, here.peer_url));
    initial_cluster.sort();
    let text = format!("start the member with {}", initial_cluster.join(","));
    let request =
        EtcdRequest::Start { initial_cluster, state: ClusterState::Existing, limit: STARTING };
    Some(Next::Do(Action::ask(&host.name, request, text)))
}
