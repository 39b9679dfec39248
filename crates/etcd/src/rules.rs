//! What may be done to the members of a cluster, and why not. Nothing here asks anybody.
//!
//! A member with a vote is a voter. A cluster writes while a quorum of its voters runs: more than half of them. A learner has no
//! vote.

mod picture;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use picture::{Picture, picture};

use crate::api::number;
use crate::view::Member;

/// How many voters have to run, of so many.
#[must_use]
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// How many voters may be lost, of so many.
#[must_use]
pub fn spare(voters: usize) -> usize {
    voters.saturating_sub(quorum(voters))
}

/// What a person should know of so many voters; `None` where it is a good number.
#[must_use]
pub fn advice(voters: usize) -> Option<String> {
    match voters {
        0 => Some("no member has a vote: nothing can be written".to_owned()),
        1 => Some("there is one member with a vote: if it is lost, its data are".to_owned()),
        2 => Some(
            "of 2 members with a vote none may be lost, which is less safe than 1: make it 3"
                .to_owned(),
        ),
        even if even % 2 == 0 => Some(format!(
            "{even} members with a vote stand the loss of {}, as {} do: an odd number is better",
            spare(even),
            even - 1
        )),
        many if many > 7 => Some(format!(
            "{many} members with a vote make every write slow: more than 7 are not advised"
        )),
        _ => None,
    }
}

/// The member with this number. `0a` is `a`.
#[must_use]
pub fn by_id<'a>(members: &'a [Member], id: &str) -> Option<&'a Member> {
    let wanted = number(id).ok()?;
    members.iter().find(|member| number(&member.id).ok() == Some(wanted))
}

/// The member with exactly this peer URL: `http://10.10.0.1:2380` is not `http://10.10.0.11:2380`.
#[must_use]
pub fn by_peer_url<'a>(members: &'a [Member], url: &str) -> Option<&'a Member> {
    members.iter().find(|member| member.peer_urls.iter().any(|known| known == url))
}

/// What a person calls a member: its name, or its peer URL while it has none.
#[must_use]
pub fn called(member: &Member) -> &str {
    match member.peer_urls.first() {
        Some(url) if member.name.is_empty() => url,
        None if member.name.is_empty() => &member.id,
        _ => &member.name,
    }
}

/// What is to be done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is taken out of the cluster.
    Remove,
    /// It stays in the cluster, and does not run for a while.
    Park,
}

/// Why a member may not be lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such member.
    #[error("the cluster has no member {0}: its members are {1}")]
    NoSuchMember(String, String),
    /// It is the last one with a vote: all data would be lost.
    #[error("{0} is the last member with a vote: without it all data are lost")]
    Last(String),
    /// There is no quorum as it is.
    #[error(
        "{healthy} of {voters} members with a vote are healthy ({names}), and {needed} are needed to change anything: \
         mend {sick}, or restore a snapshot"
    )]
    NoQuorum {
        /// How many are healthy.
        healthy: usize,
        /// How many there are.
        voters: usize,
        /// Who is healthy.
        names: String,
        /// How many have to be.
        needed: usize,
        /// Who is not.
        sick: String,
    },
    /// There would be none.
    #[error(
        "without {member} {left} of {voters} members with a vote would be healthy ({names}), and {needed} are needed: first {mend}"
    )]
    LosesQuorum {
        /// Who would be lost.
        member: String,
        /// How many would be healthy.
        left: usize,
        /// How many there would be.
        voters: usize,
        /// Who would be healthy.
        names: String,
        /// How many have to be.
        needed: usize,
        /// What has to be done first.
        mend: String,
    },
}

/// Whether a member may be lost: a quorum of healthy voters is there before and after. `healthy` are numbers of members.
///
/// # Errors
/// If it may not; the error says why, with names.
pub fn may_lose(
    members: &[Member],
    healthy: &BTreeSet<String>,
    id: &str,
    loss: Loss,
) -> Result<(), Refusal> {
    let Some(target) = by_id(members, id) else {
        let all = names(members.iter().collect::<Vec<_>>().as_slice());
        return Err(Refusal::NoSuchMember(id.to_owned(), all));
    };
    let well = |member: &&Member| healthy.iter().any(|id| same(id, &member.id));
    let voters: Vec<&Member> = members.iter().filter(|member| !member.learner).collect();
    if !target.learner && voters.len() == 1 && loss == Loss::Remove {
        return Err(Refusal::Last(called(target).to_owned()));
    }
    let of = |voters: &[&Member], is_well: bool| -> Vec<String> {
        let fit = voters.iter().filter(|member| well(member) == is_well);
        fit.map(|member| called(member).to_owned()).collect()
    };
    let (now, needed) = (of(&voters, true), quorum(voters.len()));
    // Members have to agree that one goes. One that is only parked asks nobody.
    if loss == Loss::Remove && now.len() < needed {
        return Err(Refusal::NoQuorum {
            healthy: now.len(),
            voters: voters.len(),
            names: listed(&now),
            needed,
            sick: listed(&of(&voters, false)),
        });
    }
    if target.learner {
        return Ok(());
    }
    let others: Vec<&Member> =
        voters.iter().copied().filter(|member| !same(&member.id, &target.id)).collect();
    let left = of(&others, true);
    let count = if loss == Loss::Remove { others.len() } else { voters.len() };
    // A sick one that is parked makes nothing worse.
    if left.len() < quorum(count) && (loss == Loss::Remove || well(&target)) {
        let sick = of(&others, false);
        let mend = match sick.as_slice() {
            [] => "add a member".to_owned(),
            sick => format!("mend {}", listed(sick)),
        };
        return Err(Refusal::LosesQuorum {
            member: called(target).to_owned(),
            left: left.len(),
            voters: count,
            names: listed(&left),
            needed: quorum(count),
            mend,
        });
    }
    Ok(())
}

fn same(one: &str, other: &str) -> bool {
    one == other || number(one).is_ok_and(|it| number(other).is_ok_and(|other| it == other))
}

fn names(members: &[&Member]) -> String {
    listed(&members.iter().map(|member| called(member).to_owned()).collect::<Vec<_>>())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
