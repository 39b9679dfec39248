//! What a member says of itself and of all members.

use serde::{Deserialize, Serialize};

/// What a member says of itself and of all members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Its version, such as `3.6.6`.
    pub version: String,
    /// The number of the cluster, in hexadecimal.
    pub cluster: String,
    /// Its own number, in hexadecimal.
    pub member: String,
    /// The number of the member that leads, in hexadecimal; `None` where there is none.
    pub leader: Option<String>,
    /// Whether it is a learner: it follows, and has no vote.
    pub learner: bool,
    /// Whether it takes part in a cluster that can write: `/health`.
    pub healthy: bool,
    /// What it complains of: the reason of its bad health.
    #[serde(default)]
    pub complaints: Vec<String>,
    /// Alarms of all members, which keep every one of them from being healthy though they agree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// The revision of its store.
    pub revision: i64,
    /// The size of its data.
    pub db_bytes: u64,
    /// The members that it knows. Where there is no quorum these may be old.
    pub members: Vec<Member>,
}

/// A member and whether it votes: what a change of the members is decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// The number of the member, in hexadecimal.
    pub id: String,
    /// Whether it votes: it is no learner.
    pub voting: bool,
}

impl From<&Member> for Vote {
    fn from(member: &Member) -> Self {
        Self { id: member.id.clone(), voting: !member.learner }
    }
}

/// An alarm: it stays until somebody disarms it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alarm {
    /// What it is, as etcd has it: `NOSPACE` or `CORRUPT`.
    pub kind: String,
    /// The number of the member that has it, in hexadecimal; `0` where etcd does not know which.
    pub member: String,
}

/// A member, as one of them knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its number, in hexadecimal.
    pub id: String,
    /// Its name; empty where it never started.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; none where it never started.
    pub client_urls: Vec<String>,
    /// Whether it is a learner.
    pub learner: bool,
}
