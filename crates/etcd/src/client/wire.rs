//! The documents of the JSON gateway. Its numbers of 64 bits are strings, and what is nothing is left out.

use serde::{Deserialize, Deserializer};

use crate::api::hexadecimal;
use crate::view;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) cluster_id: u64,
    #[serde(deserialize_with = "number")]
    pub(super) member_id: u64,
    #[serde(deserialize_with = "number")]
    pub(super) revision: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) header: Header,
    pub(super) version: String,
    #[serde(deserialize_with = "number")]
    pub(super) db_size: u64,
    #[serde(deserialize_with = "number")]
    pub(super) leader: u64,
    pub(super) is_learner: bool,
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Members {
    pub(super) members: Vec<Member>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Added {
    pub(super) member: Member,
}

#[derive(Debug, Deserialize)]
pub(super) struct Member {
    #[serde(rename = "ID", deserialize_with = "number")]
    pub(super) id: u64,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
    #[serde(default, rename = "isLearner")]
    is_learner: bool,
}

impl From<Member> for view::Member {
    fn from(member: Member) -> Self {
        Self {
            id: hexadecimal(member.id),
            name: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            learner: member.is_learner,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Alarms {
    #[serde(default)]
    pub(super) alarms: Vec<Alarm>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alarm {
    #[serde(default, rename = "memberID", deserialize_with = "number")]
    pub(super) member_id: u64,
    #[serde(default)]
    pub(super) alarm: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Health {
    #[serde(deserialize_with = "truth")]
    pub(super) health: bool,
    #[serde(default)]
    pub(super) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) message: String,
}

/// A number, or a string that is one.
fn number<'de, D: Deserializer<'de>, N>(deserializer: D) -> Result<N, D::Error>
where
    N: std::str::FromStr + Deserialize<'de>,
    N::Err: std::fmt::Display,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<N> {
        Text(String),
        Number(N),
    }
    match Either::deserialize(deserializer)? {
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        Either::Number(number) => Ok(number),
    }
}

/// A truth, or a string that is one.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Truth(bool),
    }
    match Either::deserialize(deserializer)? {
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        Either::Truth(truth) => Ok(truth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_64_bits_are_strings_and_what_is_nothing_is_left_out() {
        let status: Status = serde_json::from_str(
            r#"{"header":{"cluster_id":"9205333007027454903","member_id":"4687312115414415638","raft_term":"2"},
                "version":"3.4.23","dbSize":"24576","raftIndex":"9","errors":["etcdserver: no leader"]}"#,
        )
        .unwrap();
        assert_eq!(status.header.cluster_id, 9_205_333_007_027_454_903);
        assert_eq!((status.header.revision, status.leader, status.db_size), (0, 0, 24576));
        let health: Health = serde_json::from_str(r#"{"health":"false","reason":"x"}"#).unwrap();
        assert!(!health.health);
        assert!(serde_json::from_str::<Health>(r#"{"health":"maybe"}"#).is_err());
    }
}
