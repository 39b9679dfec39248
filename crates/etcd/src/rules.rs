//! How many members have to run, and which one is meant. Nothing here asks anybody.
//!
//! A member with a vote is a voter. A cluster writes while a quorum of its voters runs: more than half of them. A learner has no
//! vote.

#[cfg(test)]
mod tests;

use crate::api::number;
use crate::view::{Member, Vote};

/// How many voters have to run, of so many.
#[must_use]
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
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

/// Whether these are the members that a change was decided on: the same ones, with the same votes.
#[must_use]
pub fn unchanged(members: &[Member], decided_on: &[Vote]) -> bool {
    let key = |id: &str, voting: bool| (number(id).ok(), voting);
    let mut now: Vec<_> = members.iter().map(|it| key(&it.id, !it.learner)).collect();
    let mut then: Vec<_> = decided_on.iter().map(|it| key(&it.id, it.voting)).collect();
    now.sort_unstable();
    then.sort_unstable();
    now == then
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

/// Why a member may not be lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is the last one with a vote: all data would be lost.
    #[error("{0} is the last member with a vote: without it all data are lost")]
    Last(String),
}
