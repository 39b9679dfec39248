//! Members come and go, asked of the member of this host.

use std::time::Duration;

use ::etcd::{Api, EtcdError, Member, Vote, rules};

use super::{Awaited, Trouble, Work};
use crate::agent::{Answer, EventKind};

/// How long members may take to agree after their leader has gone: an election takes about five seconds.
const AGREEMENT: Duration = Duration::from_secs(15);
/// How long a removal is tried where etcd says that it may pass.
const REMOVAL: Duration = Duration::from_secs(30);

/// What is waited for where etcd says that it may pass.
fn patiently<T>(asked: Result<T, EtcdError>) -> Awaited<T> {
    match asked {
        Ok(done) => Ok(Ok(done)),
        Err(error) if error.may_pass() => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Whether it is not known if a change was made.
fn is_open(error: &EtcdError) -> bool {
    matches!(
        error,
        EtcdError::Deadline { .. }
            | EtcdError::NoQuorum(_)
            | EtcdError::Broken(_)
            | EtcdError::Unreachable { .. }
    )
}

impl Work<'_> {
    /// All members, as all agree on. After their leader has gone it takes a while until they do.
    fn agreed(&mut self, api: &dyn Api) -> Result<Vec<Member>, Trouble> {
        let mut last = None;
        let agreed = self.wait("the members agree", AGREEMENT, |_| match api.members() {
            Ok(members) => Ok(Ok(members)),
            Err(error @ (EtcdError::NoQuorum(_) | EtcdError::Deadline { .. })) => {
                let why = error.to_string();
                last = Some(error);
                Ok(Err(why))
            }
            Err(error) => Err(error.into()),
        });
        match (agreed, last) {
            (Err(Trouble::Failed(_)), Some(error)) => Err(error.into()),
            (agreed, _) => agreed,
        }
    }

    pub(super) fn remove(&mut self, id: &str, decided_on: &[Vote]) -> Result<(), Trouble> {
        let api = self.api()?;
        let members = self.agreed(&*api)?;
        let Some(member) = rules::by_id(&members, id) else { return Ok(()) };
        let voters = members.iter().filter(|member| !member.learner).count();
        if !member.learner && voters == 1 {
            return Err(Trouble::Refused(rules::Refusal::Last(rules::called(member)).to_string()));
        }
        same(&members, decided_on)?;
        let name = rules::called(member);
        self.tell(
            EventKind::Begun,
            format!("taking member {name}, number {id}, out of the cluster"),
        );
        let what = format!("etcd takes member {name} out");
        let mut tries = 0;
        let removed = self.wait(&what, REMOVAL, |_| {
            if still(&*api, &mut tries, decided_on, |now| rules::by_id(now, id).is_none())? {
                return Ok(Ok(()));
            }
            match api.member_remove(id) {
                Err(EtcdError::NotFound) => Ok(Ok(())),
                other => patiently(other),
            }
        });
        match removed {
            // It may have been done all the same; and one that removes itself may not come to its answer.
            Err(Trouble::Etcd(error)) if is_open(&error) => {
                let now = self.agreed(&*api);
                if !now.is_ok_and(|members| rules::by_id(&members, id).is_none()) {
                    return Err(error.into());
                }
            }
            other => other?,
        }
        self.changed(format!("member {name}, number {id}, is out of the cluster"));
        Ok(())
    }

    pub(super) fn add_learner(
        &mut self,
        peer_url: &str,
        decided_on: &[Vote],
        limit: Duration,
    ) -> Result<Answer, Trouble> {
        let api = self.api()?;
        let members = self.agreed(&*api)?;
        if let Some(id) = waiting(&members, peer_url)? {
            return Ok(Answer::Member(id));
        }
        same(&members, decided_on)?;
        self.tell(EventKind::Begun, format!("taking a learner at {peer_url} into the cluster"));
        let what = format!("etcd takes a learner at {peer_url} in");
        let mut tries = 0;
        let added = self.wait(&what, limit, |_| {
            still(&*api, &mut tries, decided_on, |_| false)?;
            patiently(api.member_add_learner(peer_url))
        });
        let id = match added {
            Ok(id) => id,
            Err(Trouble::Etcd(error)) if is_open(&error) => {
                // It may have been done all the same.
                let now = self.agreed(&*api).and_then(|members| waiting(&members, peer_url));
                match now {
                    Ok(Some(id)) => id,
                    _ => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        };
        self.changed(format!("a learner at {peer_url} is in the cluster, as member {id}"));
        Ok(Answer::Member(id))
    }

    pub(super) fn promote(
        &mut self,
        id: &str,
        decided_on: &[Vote],
        limit: Duration,
    ) -> Result<(), Trouble> {
        let api = self.api()?;
        let is_voter = |members: &[Member]| match rules::by_id(members, id) {
            Some(member) => Ok(!member.learner),
            None => Err(Trouble::Refused(format!("the cluster has no member {id}"))),
        };
        let members = self.agreed(&*api)?;
        if is_voter(&members)? {
            return Ok(());
        }
        same(&members, decided_on)?;
        let what = format!("learner {id} has caught up and has a vote");
        let mut tries = 0;
        self.wait(&what, limit, |_| {
            if still(&*api, &mut tries, decided_on, |now| is_voter(now).unwrap_or(false))? {
                return Ok(Ok(()));
            }
            match api.member_promote(id) {
                // It may have been done all the same: then it is a voter when the members agree again.
                Err(error) if is_open(&error) => match api.members() {
                    Ok(members) if is_voter(&members)? => Ok(Ok(())),
                    _ => Ok(Err(error.to_string())),
                },
                other => patiently(other),
            }
        })?;
        self.changed(format!("member {id} has a vote"));
        Ok(())
    }

    pub(super) fn hand_over(&mut self, to: &str) -> Result<(), Trouble> {
        let api = self.api()?;
        let view = api.view()?;
        if view.leader.as_ref() != Some(&view.member) {
            return Ok(());
        }
        let Some(next) = rules::by_id(&view.members, to) else {
            return Err(Trouble::Refused(format!("the cluster has no member {to}")));
        };
        if next.id == view.member {
            return Err(Trouble::Refused(format!("member {to} is the one that leads now")));
        }
        let name = rules::called(next);
        match api.move_leader(to) {
            Ok(()) => {}
            // It may have lost its lead on its own.
            Err(error) => {
                let now = api.view()?;
                if now.leader.is_none() || now.leader.as_ref() == Some(&now.member) {
                    return Err(error.into());
                }
            }
        }
        self.changed(format!("member {name}, number {to}, leads"));
        Ok(())
    }
}

/// Refuses where the members are others than those that a change was decided on: another desk may be at work.
fn same(members: &[Member], decided_on: &[Vote]) -> Result<(), Trouble> {
    if rules::unchanged(members, decided_on) {
        return Ok(());
    }
    let now: Vec<String> = members
        .iter()
        .map(|it| format!("{}{}", rules::called(it), if it.learner { ", a learner" } else { "" }))
        .collect();
    Err(Trouble::Refused(format!(
        "the members of etcd have changed since this was decided; now they are {}: run it again",
        now.join("; ")
    )))
}

/// The same before each further try, where the members agree. Whether it is done already.
fn still(
    api: &dyn Api,
    tries: &mut usize,
    decided_on: &[Vote],
    is_done: impl Fn(&[Member]) -> bool,
) -> Result<bool, Trouble> {
    *tries += 1;
    if *tries == 1 {
        return Ok(false);
    }
    let Ok(now) = api.members() else { return Ok(false) };
    if is_done(&now) {
        return Ok(true);
    }
    same(&now, decided_on).map(|()| false)
}

/// The member that has exactly this URL, if it never started.
fn waiting(members: &[Member], peer_url: &str) -> Result<Option<String>, Trouble> {
    match rules::by_peer_url(members, peer_url) {
        Some(member) if member.name.is_empty() => Ok(Some(member.id.clone())),
        Some(member) => Err(Trouble::Refused(format!(
            "{peer_url} is member {} already, number {}, and it has started before; take it out of the cluster first",
            rules::called(member),
            member.id
        ))),
        None => Ok(None),
    }
}
