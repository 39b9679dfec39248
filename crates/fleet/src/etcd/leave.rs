//! Taking a member out for good, and making place for a new one.

use std::time::Duration;

use etcd::Member;
use etcd::rules::{called, is_of, quorum};
use node_bootstrap::agent::{EtcdHere, EtcdRequest, ManifestPlace};

use super::next::{CHOOSING, agreement, api_server, remove, snapshot_first, wavering};
use super::{Action, Agreed, Deeds, Host, Next, Situation};

/// The next action for the member of a host to be none any more.
pub(super) fn leave(
    name: &str,
    force: bool,
    snapshot: &str,
    situation: &Situation,
    deeds: &Deeds,
) -> Next {
    let Some(host) = situation.host(name) else {
        return Next::Refuse(format!("{name} is no control plane of this cluster"));
    };
    let agreed = match agreement(situation) {
        Ok(agreed) => agreed,
        Err(next) => return next,
    };
    let entries: Vec<&Member> = agreed.of(host).collect();
    let member = match entries[..] {
        [] => {
            if let Some(next) = api_server(situation, &agreed, Some(name)) {
                return next;
            }
            // What this run has taken out was the one.
            let why = strange(name, &situation.strays(&agreed)).filter(|_| !deeds.removed());
            return why.map_or(Next::Done, Next::Refuse);
        }
        [member] => member,
        _ => return Next::Refuse(several(&entries)),
    };
    if let Some(why) = guard(&agreed, member, force) {
        let next = wavering(situation, &agreed, |other| other.id == member.id);
        return next.unwrap_or(Next::Refuse(why));
    }
    let Some((ask, to)) = agreed.to_ask(&[&member.id]) else {
        return Next::Refuse(format!("{name} has the only healthy member of etcd"));
    };
    if !deeds.snapshot() {
        return snapshot_first(snapshot, ask);
    }
    // One that says nothing at all may lead for ever: then it is taken out as it is.
    if host.here.is_ok()
        && let Some(next) = hand_over(&agreed, host, member, to)
    {
        return next;
    }
    remove(&agreed, member, ask)
}

/// Why it is not known that a host has no member: there are some that are of no host.
fn strange(name: &str, strays: &[&Member]) -> Option<String> {
    let all: Vec<String> =
        strays.iter().map(|member| format!("{}, number {}", called(member), member.id)).collect();
    (!all.is_empty()).then(|| {
        format!(
            "no member of etcd has the name or the address of {name}, and these are of no host of the inventory: {}. \
             Add their hosts to it, or take them out with `etcdctl member remove NUMBER`",
            all.join("; ")
        )
    })
}

/// Why a member must not be taken out: too few healthy ones would stay.
pub(super) fn guard(agreed: &Agreed, member: &Member, force: bool) -> Option<String> {
    if member.learner {
        return None;
    }
    let voters = agreed.voters().count();
    if voters <= 1 {
        return Some(format!("{} is the last voting member of etcd", called(member)));
    }
    let healthy = agreed.healthy_beside(&member.id);
    let needed = quorum(voters - 1);
    if healthy >= needed || force && healthy > 0 {
        return None;
    }
    let ill: Vec<String> = agreed.ill().filter(|ill| ill.id != member.id).map(called).collect();
    Some(format!(
        "without {} etcd needs {needed} healthy voting members and has {healthy}: mend or remove first {}",
        called(member),
        ill.join(", ")
    ))
}

/// Has another member lead, if this one does.
pub(super) fn hand_over(agreed: &Agreed, host: &Host, member: &Member, to: &str) -> Option<Next> {
    if agreed.leader.as_ref() != Some(&member.id) {
        return None;
    }
    let answers = host.view().is_some_and(|view| view.member == member.id);
    if answers {
        let name =
            agreed.members.iter().find(|other| other.id == to).map_or(to, |other| &other.name);
        let request = EtcdRequest::HandOver { to: to.to_owned() };
        return Some(Next::Do(Action::ask(&host.name, request, format!("have {name} lead"))));
    }
    // One that its own host cannot ask leads on: it goes as it is, and the others elect.
    let is_mute = |here: &EtcdHere| here.manifest == ManifestPlace::InPlace && here.view.is_none();
    if host.said().is_some_and(is_mute) {
        return None;
    }
    let what = format!("another member than {} to lead", called(member));
    Some(Next::Wait { what, limit: CHOOSING })
}

/// A host that is about to be added.
pub(super) struct Clear<'a> {
    /// Its name.
    pub(super) host: &'a str,
    /// Its address.
    pub(super) address: &'a str,
}

/// The next action for a host to find nothing in its way when it is added.
pub(super) fn clear(order: &Clear<'_>, situation: &Situation) -> Next {
    let agreed = match agreement(situation) {
        Ok(agreed) => agreed,
        Err(next) => return next,
    };
    if let Some(next) = wavering(situation, &agreed, |_| false) {
        return next;
    }
    let host = situation.host(order.host);
    let own = |member: &Member| {
        is_of(member, order.host, order.address) || host.is_some_and(|host| host.owns(member))
    };
    let ill: Vec<String> =
        agreed.ill().filter(|member| !own(member) || !member.name.is_empty()).map(called).collect();
    let entries: Vec<&Member> = agreed.members.iter().filter(|member| own(member)).collect();
    match entries[..] {
        // A join that was killed left it. It has no vote, so nothing is lost with it.
        [member] if member.learner || member.name.is_empty() => {
            if let Some(why) = guard(&agreed, member, false) {
                return Next::Refuse(why);
            }
            return match agreed.to_ask(&[&member.id]) {
                Some((ask, _)) => remove(&agreed, member, ask),
                None => Next::Refuse("no other member of etcd is healthy".to_owned()),
            };
        }
        [member] if ill.is_empty() => {
            return Next::Refuse(format!(
                "{} is a healthy member of etcd already: nothing is to be added",
                called(member)
            ));
        }
        [] | [_] => {}
        _ => return Next::Refuse(several(&entries)),
    }
    if !ill.is_empty() {
        return Next::Refuse(format!(
            "etcd takes in no member while one that votes is not healthy. Mend or remove first: {}",
            ill.join(", ")
        ));
    }
    let mut others = agreed.members.iter().filter(|member| member.learner);
    if let Some(other) = others.next() {
        return Next::Refuse(format!(
            "etcd takes in one learner at a time, and there is one: mend or remove first {}",
            called(other)
        ));
    }
    let strays = situation.strays(&agreed);
    strange(order.host, &strays).map_or(Next::Done, Next::Refuse)
}

pub(super) fn several(members: &[&Member]) -> String {
    let members: Vec<String> = members.iter().map(|member| called(member)).collect();
    format!(
        "several members of etcd have this address: {}. Take out the wrong ones with etcdctl",
        members.join(", ")
    )
}

/// That a member comes back to its own, where this run has started it.
pub(super) fn come_back(host: &str, what: &str, limit: Duration) -> Next {
    Next::Wait { what: format!("the member of {host} {what}"), limit }
}
