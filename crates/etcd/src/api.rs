//! The port to one member of a cluster.

use std::io::Write;
use std::time::Duration;

use secret::Secret;

use crate::view::{Alarm, Member, View};

/// Where a member is asked, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its client URL: `https://127.0.0.1:2379`.
    pub url: String,
    /// What both sides prove who they are with; `None` where the member has no TLS.
    pub tls: Option<Tls>,
}

/// What both sides prove who they are with, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificates of the authority that the member's certificate is from.
    pub authority: String,
    /// Our certificate, and its key; `None` where the member asks for none.
    pub identity: Option<(String, Secret)>,
}

/// Why a member did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// Nobody listens there: nothing was done.
    #[error("the member at {url} cannot be reached: {why}")]
    Unreachable {
        /// Its client URL.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The cluster is not sound enough to be changed, which may pass: after a change it takes about five seconds.
    #[error("{0}")]
    Unhealthy(String),
    /// There is a learner already, and etcd allows one.
    #[error("the cluster has a learner already, and etcd allows one: promote or remove it first")]
    TooManyLearners,
    /// The learner has not caught up yet, which may pass.
    #[error("the learner has not caught up with its leader yet")]
    NotInSync,
    /// The members cannot agree: too few of them run. Whether it will be done when they run again is not known.
    #[error("the members of the cluster cannot agree, too few of them run: {0}")]
    NoQuorum(String),
    /// It took too long. Whether it was done, or will be, is not known.
    #[error("the member did not {what} within {} s", limit.as_secs())]
    Deadline {
        /// What was asked.
        what: String,
        /// How long it was given.
        limit: Duration,
    },
    /// There is no such member.
    #[error("the cluster has no such member")]
    NotFound,
    /// The member refuses.
    #[error("etcd refuses: {0}")]
    Refused(String),
    /// The connection broke, or the answer cannot be understood. Whether it was done is not known.
    #[error("{0}")]
    Broken(String),
    /// What is needed to ask, such as a certificate, is wrong.
    #[error("{0}")]
    Unusable(String),
    /// A snapshot is not what etcd wrote.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
    /// A snapshot could not be written here.
    #[error("the snapshot could not be written: {0}")]
    Write(#[from] std::io::Error),
}

impl EtcdError {
    /// Whether the same may work a few seconds later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unhealthy(_) | Self::NotInSync)
    }

    /// What a member means by a message of its own.
    #[must_use]
    pub fn of_message(message: &str) -> Self {
        let says = |text: &str| message.contains(text);
        if says("unhealthy cluster") || says("not enough started members") {
            Self::Unhealthy(message.to_owned())
        } else if says("too many learner members") {
            Self::TooManyLearners
        } else if says("can only promote a learner member which is in sync") {
            Self::NotInSync
        } else if says("member not found") {
            Self::NotFound
        } else if says("no leader") || says("timed out") || says("context deadline exceeded") {
            Self::NoQuorum(message.to_owned())
        } else {
            Self::Refused(message.to_owned())
        }
    }
}

/// A snapshot that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal: of all of it.
    pub sha256: String,
    /// The revision of the store that it has at least.
    pub revision: i64,
}

/// One member of a cluster. Every call has a deadline.
pub trait Api {
    /// What it says of itself and of all members. Works without a quorum; then the members may be old. A learner does not
    /// tell of members: there are none in its view.
    ///
    /// # Errors
    /// If it does not answer.
    fn view(&self) -> Result<View, EtcdError>;

    /// All members, as all agree on now. For what a change depends on. etcd before 3.5 does not ask the others.
    ///
    /// # Errors
    /// If there is no quorum.
    fn members(&self) -> Result<Vec<Member>, EtcdError>;

    /// Takes a member in that has no vote yet. Answers its number, in hexadecimal.
    ///
    /// # Errors
    /// If the cluster is not sound, has a learner already, or has a member with this URL.
    fn member_add_learner(&self, peer_url: &str) -> Result<String, EtcdError>;

    /// Gives a learner a vote.
    ///
    /// # Errors
    /// If it has not caught up, or there is none.
    fn member_promote(&self, id: &str) -> Result<(), EtcdError>;

    /// Takes a member out.
    ///
    /// # Errors
    /// If the cluster would have no quorum of those that run, or has none, or has no such member.
    fn member_remove(&self, id: &str) -> Result<(), EtcdError>;

    /// Has another member lead. Only the leader does that.
    ///
    /// # Errors
    /// If this one does not lead, or the other cannot.
    fn move_leader(&self, to: &str) -> Result<(), EtcdError>;

    /// Writes all data, as `etcdctl snapshot save` has them: with a checksum at the end, which is checked.
    ///
    /// # Errors
    /// If it does not come whole, or cannot be written.
    fn snapshot(&self, to: &mut dyn Write) -> Result<Written, EtcdError>;

    /// The alarms of all members.
    ///
    /// # Errors
    /// If there is no quorum, or it is a learner.
    fn alarms(&self) -> Result<Vec<Alarm>, EtcdError>;
}

/// A member's number as people and `etcdctl` write it.
#[must_use]
pub fn hexadecimal(number: u64) -> String {
    format!("{number:x}")
}

/// A member's number of what people write.
///
/// # Errors
/// If it is none.
pub fn number(id: &str) -> Result<u64, EtcdError> {
    u64::from_str_radix(id, 16).map_err(|_| {
        EtcdError::Unusable(format!(
            "{id:?} is no number of a member: up to 16 hexadecimal digits are expected, such as 8e9e05c52164694d"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_says_is_understood() {
        let words = |message: &str| format!("{:?}", EtcdError::of_message(message));
        let said = [
            "etcdserver: unhealthy cluster",
            "etcdserver: re-configuration failed due to not enough started members",
            "etcdserver: too many learner members in cluster",
            "etcdserver: can only promote a learner member which is in sync with leader",
            "etcdserver: can only promote a learner member",
            "etcdserver: member not found",
            "etcdserver: request timed out, possibly due to connection lost",
            "context deadline exceeded",
            "etcdserver: no leader",
            "etcdserver: bad leader transferee",
        ];
        insta::assert_snapshot!(said.map(words).join("\n"), @r#"
        Unhealthy("etcdserver: unhealthy cluster")
        Unhealthy("etcdserver: re-configuration failed due to not enough started members")
        TooManyLearners
        NotInSync
        Refused("etcdserver: can only promote a learner member")
        NotFound
        NoQuorum("etcdserver: request timed out, possibly due to connection lost")
        NoQuorum("context deadline exceeded")
        NoQuorum("etcdserver: no leader")
        Refused("etcdserver: bad leader transferee")
        "#);
    }

    #[test]
    fn numbers_are_hexadecimal_for_people() {
        assert_eq!(hexadecimal(10_276_657_743_932_975_437), "8e9e05c52164694d");
        assert_eq!(number("8e9e05c52164694d").unwrap(), 10_276_657_743_932_975_437);
        for wrong in ["", "g", "8e9e05c52164694d0", "-1"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
