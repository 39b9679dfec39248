//! How many members have to run, and which one is meant. Nothing here asks anybody.
//!
//! A member with a vote is a voter. A cluster writes while a quorum of its voters runs: more than half of them. A learner has no
//! vote.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

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

/// The member with this peer URL: `http://10.10.0.1:2380` is not `http://10.10.0.11:2380`.
#[must_use]
pub fn by_peer_url<'a>(members: &'a [Member], url: &str) -> Option<&'a Member> {
    members.iter().find(|member| member.peer_urls.iter().any(|known| same_url(known, url)))
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

/// Host and port of a URL: an address in its shortest form, a name in lower case.
fn place(url: &str) -> Option<(String, Option<u16>)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok()?),
        None => None,
    };
    (!host.is_empty()).then(|| (plain(host), port))
}

/// An address in its shortest form, or a name in lower case.
fn plain(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.to_lowercase(),
    }
}

/// Whether two URLs are of the same host and port.
#[must_use]
pub fn same_url(one: &str, other: &str) -> bool {
    matches!((place(one), place(other)), (Some(one), Some(other)) if one == other)
}

/// Whether a URL is of this host: an address or a name. `10.10.0.1` is not `10.10.0.11`.
#[must_use]
pub fn same_address(url: &str, address: &str) -> bool {
    let address = address.trim_start_matches('[').trim_end_matches(']');
    place(url).is_some_and(|(host, _)| host == plain(address))
}

/// Whether a member has this name, or is at this address.
#[must_use]
pub fn is_of(member: &Member, name: &str, address: &str) -> bool {
    let named = !name.is_empty() && member.name == name;
    named || member.peer_urls.iter().any(|url| same_address(url, address))
}

/// A member for a sentence.
#[must_use]
pub fn called(member: &Member) -> String {
    let url = member.peer_urls.first().map_or("no URL", String::as_str);
    if member.name.is_empty() {
        format!("{url}, that never started")
    } else {
        format!("{} ({url})", member.name)
    }
}

/// Why a member may not be lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is the last one with a vote: all data would be lost.
    #[error("{0} is the last member with a vote: without it all data are lost")]
    Last(String),
}
