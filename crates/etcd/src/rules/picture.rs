//! What several members say together.

use std::collections::{BTreeMap, BTreeSet};

use super::{by_id, called, listed, quorum, same};
use crate::view::{Member, View};

/// A cluster, as its members see it together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// The number of the cluster, in hexadecimal; empty where nobody answers.
    pub cluster: String,
    /// The number of the member that leads.
    pub leader: Option<String>,
    /// Its members, as the one says that is believed most: the leader, or else who is healthy and has the newest data.
    pub members: Vec<Member>,
    /// Numbers of members that are of this cluster, and healthy.
    pub healthy: BTreeSet<String>,
    /// Whether a quorum of the voters is healthy.
    pub has_quorum: bool,
    /// What does not fit together, and what members complain of.
    pub problems: Vec<String>,
}

/// Puts together what members say, each by the name of its host.
#[must_use]
pub fn picture(views: &[(String, View)]) -> Picture {
    let mut problems = Vec::new();
    let clusters = clusters(views);
    // A cluster that can write is believed; then the one that most speak of.
    let cluster = clusters.iter().max_by_key(|(_, hosts)| {
        let healthy = hosts.iter().any(|at| views[*at].1.healthy && !views[*at].1.learner);
        (healthy, hosts.len())
    });
    let Some((cluster, own)) = cluster else { return Picture::default() };
    let hosts =
        |at: &[usize]| listed(&at.iter().map(|at| views[*at].0.clone()).collect::<Vec<_>>());
    if clusters.len() > 1 {
        let each = clusters.iter().map(|(cluster, at)| format!("{cluster} on {}", hosts(at)));
        problems.push(format!(
            "there are several clusters: {}; members of another one have to be wiped and taken in anew",
            each.collect::<Vec<_>>().join(", ")
        ));
    }
    let own: Vec<&(String, View)> = own.iter().map(|at| &views[*at]).collect();
    let believed = own.iter().filter(|(_, view)| !view.learner).max_by_key(|(_, view)| {
        let leads = view.leader.as_ref() == Some(&view.member);
        (view.healthy, leads, view.revision)
    });
    let members = believed.map(|(_, view)| view.members.clone()).unwrap_or_default();
    if let Some((believed, _)) = believed {
        for (host, view) in &own {
            if !view.learner && ids(&view.members) != ids(&members) {
                problems.push(format!(
                    "{host} knows other members ({}) than {believed} ({})",
                    shown(&view.members),
                    shown(&members)
                ));
            }
        }
    }
    for (host, view) in &own {
        if !members.is_empty() && by_id(&members, &view.member).is_none() {
            problems.push(format!("{host} runs a member that is in the cluster no more"));
        }
        let complaints = view.complaints.iter();
        problems.extend(complaints.map(|complaint| format!("{host}: {complaint}")));
    }
    let healthy: BTreeSet<String> = own
        .iter()
        .filter(|(_, view)| view.healthy && by_id(&members, &view.member).is_some())
        .map(|(_, view)| view.member.clone())
        .collect();
    let voters: Vec<&Member> = members.iter().filter(|member| !member.learner).collect();
    let well = voters.iter().filter(|member| healthy.iter().any(|id| same(id, &member.id)));
    Picture {
        cluster: cluster.clone(),
        leader: leader(&own, &members),
        has_quorum: !voters.is_empty() && well.count() >= quorum(voters.len()),
        members,
        healthy,
        problems,
    }
}

/// Where in the views each cluster is.
fn clusters(views: &[(String, View)]) -> BTreeMap<String, Vec<usize>> {
    let mut clusters: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, (_, view)) in views.iter().enumerate() {
        clusters.entry(view.cluster.clone()).or_default().push(at);
    }
    clusters
}

/// Who leads, by most of the healthy ones.
fn leader(views: &[&(String, View)], members: &[Member]) -> Option<String> {
    let mut votes: BTreeMap<&String, usize> = BTreeMap::new();
    for (_, view) in views.iter().filter(|(_, view)| view.healthy) {
        if let Some(leader) = &view.leader {
            *votes.entry(leader).or_default() += 1;
        }
    }
    let (leader, _) = votes.into_iter().max_by_key(|(_, count)| *count)?;
    by_id(members, leader).map(|member| member.id.clone())
}

/// What is compared of lists: who is in, and who has a vote.
fn ids(members: &[Member]) -> BTreeSet<(&String, bool)> {
    members.iter().map(|member| (&member.id, member.learner)).collect()
}

fn shown(members: &[Member]) -> String {
    let name = |member: &Member| {
        let learner = if member.learner { ", a learner" } else { "" };
        format!("{}{learner}", called(member))
    };
    listed(&members.iter().map(name).collect::<Vec<_>>())
}
