//! Asks a real member, through the JSON gateway that every etcd since 3.4 has on its client port.

mod snapshot;
mod wire;

use std::fmt;
use std::io::Write;
use std::time::Duration;

use reqwest::{Certificate, Identity, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::api::{Api, Endpoint, EtcdError, Tls, Written, hexadecimal, number};
use crate::view::{Alarm, Member, View};
use wire::{Alarms, Fault, Health, Members, Status};

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a member may take to tell of itself. It does not ask others for that.
const LOOK: Duration = Duration::from_secs(8);
/// How long the members may take to agree. etcd itself gives up after seven seconds, or not at all.
const AGREE: Duration = Duration::from_secs(15);
/// How long nothing of a snapshot may come.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a snapshot may take in all.
const SNAPSHOT: Duration = Duration::from_mins(10);
/// Answers, but for snapshots, are not longer, in bytes.
const LONGEST: usize = 4 << 20;

/// One member.
pub struct Client {
    url: String,
    http: reqwest::Client,
    runtime: Runtime,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Client {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// If certificate, key or URL cannot be used.
    pub fn try_new(endpoint: &Endpoint) -> Result<Self, EtcdError> {
        // An earlier one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unusable = |what: &str, error: reqwest::Error| {
            EtcdError::Unusable(format!("{what} cannot be used: {}", words(error)))
        };
        // What the environment says of proxies is not for members of a cluster.
        let mut builder = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT);
        if let Some(Tls { authority, identity }) = &endpoint.tls {
            let authority = Certificate::from_pem_bundle(authority.as_bytes())
                .map_err(|error| unusable("the certificate of etcd's authority", error))?;
            if authority.is_empty() {
                return Err(EtcdError::Unusable(
                    "the file of etcd's authority has no certificate in it".to_owned(),
                ));
            }
            builder = builder.tls_certs_only(authority);
            if let Some((certificate, key)) = identity {
                let pem = secret::Secret::new(format!("{certificate}\n{}\n", key.expose()));
                let identity = Identity::from_pem(pem.expose().as_bytes()).map_err(|error| {
                    unusable("the certificate that etcd is asked with, or its key,", error)
                })?;
                builder = builder.identity(identity);
            }
        } else {
            // No system's authorities are read where nothing is encrypted.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| unusable("a certificate", error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| EtcdError::Unusable(format!("cannot make requests: {error}")))?;
        Ok(Self { url: endpoint.url.trim_end_matches('/').to_owned(), http, runtime })
    }

    /// Sends a request, and waits for the beginning of its answer.
    async fn send(&self, path: &str, body: Option<&Value>) -> Result<Response, EtcdError> {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        request.send().await.map_err(|error| {
            if error.is_builder() {
                EtcdError::Unusable(format!("{:?} is no URL of a member", self.url))
            } else if error.is_connect() {
                EtcdError::Unreachable { url: self.url.clone(), why: words(error) }
            } else {
                EtcdError::Broken(format!("the member at {} broke off: {}", self.url, words(error)))
            }
        })
    }

    /// Asks within a time, and gives the status and the text of the answer.
    fn ask(
        &self,
        what: &str,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<(bool, Vec<u8>), EtcdError> {
        let asked = async {
            let mut answer = self.send(path, body).await?;
            let is_ok = answer.status().is_success();
            let mut text = Vec::new();
            while let Some(part) = answer.chunk().await.map_err(|error| self.broken(error))? {
                text.extend_from_slice(&part);
                if text.len() > LONGEST {
                    return Err(EtcdError::Broken(format!("the answer to {path} has no end")));
                }
            }
            Ok((is_ok, text))
        };
        let deadline = EtcdError::Deadline { what: what.to_owned(), limit };
        self.runtime
            .block_on(async { tokio::time::timeout(limit, asked).await.unwrap_or(Err(deadline)) })
    }

    fn broken(&self, error: reqwest::Error) -> EtcdError {
        EtcdError::Broken(format!("the member at {} broke off: {}", self.url, words(error)))
    }

    /// Asks the gateway.
    fn call<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<T, EtcdError> {
        let (is_ok, text) = self.ask(what, path, Some(body), limit)?;
        if is_ok {
            serde_json::from_slice(&text).map_err(|error| {
                EtcdError::Broken(format!("the answer to {path} cannot be understood: {error}"))
            })
        } else {
            Err(fault(path, &text))
        }
    }

    fn status(&self) -> Result<Status, EtcdError> {
        self.call("tell its state", "/v3/maintenance/status", &json!({}), LOOK)
    }

    fn list(&self, agreed: bool) -> Result<Vec<Member>, EtcdError> {
        let body = json!({ "linearizable": agreed });
        let limit = if agreed { AGREE } else { LOOK };
        let list: Members = self.call("list members", "/v3/cluster/member/list", &body, limit)?;
        Ok(list.members.into_iter().map(Member::from).collect())
    }

    fn health(&self) -> Result<Health, EtcdError> {
        // A member that is not healthy says so with 503.
        let (_, text) = self.ask("tell its health", "/health", None, LOOK)?;
        serde_json::from_slice(&text).map_err(|_| fault("/health", &text))
    }
}

impl Api for Client {
    fn view(&self) -> Result<View, EtcdError> {
        let status = self.status()?;
        let health = match self.health() {
            Ok(health) => health,
            // It takes long where there is no quorum.
            Err(error @ (EtcdError::Deadline { .. } | EtcdError::Refused(_))) => {
                Health { health: false, reason: error.to_string() }
            }
            Err(error) => return Err(error),
        };
        // A learner does not tell.
        let members = if status.is_learner { Vec::new() } else { self.list(false)? };
        let mut complaints = status.errors;
        if !health.reason.is_empty() {
            complaints.push(health.reason);
        }
        // To ask for alarms takes a quorum.
        let is_ill = !health.health && status.leader != 0 && !status.is_learner;
        let alarms = if is_ill { self.alarms().unwrap_or_default() } else { Vec::new() };
        if !alarms.is_empty() {
            complaints.retain(|complaint| !complaint.to_ascii_lowercase().contains("alarm"));
        }
        Ok(View {
            version: status.version,
            cluster: hexadecimal(status.header.cluster_id),
            member: hexadecimal(status.header.member_id),
            leader: (status.leader != 0).then(|| hexadecimal(status.leader)),
            learner: status.is_learner,
            healthy: health.health,
            complaints,
            alarms,
            revision: status.header.revision,
            db_bytes: status.db_size,
            members,
        })
    }

    fn members(&self) -> Result<Vec<Member>, EtcdError> {
        self.list(true)
    }

    fn member_add_learner(&self, peer_url: &str) -> Result<String, EtcdError> {
        let body = json!({ "peerURLs": [peer_url], "isLearner": true });
        let added: wire::Added =
            self.call("add a learner", "/v3/cluster/member/add", &body, AGREE)?;
        Ok(hexadecimal(added.member.id))
    }

    fn member_promote(&self, id: &str) -> Result<(), EtcdError> {
        let body = json!({ "ID": number(id)?.to_string() });
        let path = "/v3/cluster/member/promote";
        self.call::<Value>("promote a learner", path, &body, AGREE).map(drop)
    }

    fn member_remove(&self, id: &str) -> Result<(), EtcdError> {
        let body = json!({ "ID": number(id)?.to_string() });
        let path = "/v3/cluster/member/remove";
        self.call::<Value>("remove a member", path, &body, AGREE).map(drop)
    }

    fn move_leader(&self, to: &str) -> Result<(), EtcdError> {
        let body = json!({ "targetID": number(to)?.to_string() });
        let path = "/v3/maintenance/transfer-leadership";
        self.call::<Value>("hand its lead over", path, &body, AGREE).map(drop)
    }

    fn snapshot(&self, to: &mut dyn Write) -> Result<Written, EtcdError> {
        let revision = self.status()?.header.revision;
        let path = "/v3/maintenance/snapshot";
        let deadline = |limit| EtcdError::Deadline { what: "give a snapshot".to_owned(), limit };
        let empty = json!({});
        let asked = async {
            let mut answer = self.send(path, Some(&empty)).await?;
            let is_ok = answer.status().is_success();
            let mut blobs = snapshot::Blobs::new(to);
            loop {
                let part = tokio::time::timeout(SILENCE, answer.chunk()).await;
                match part.map_err(|_| deadline(SILENCE))?.map_err(|error| self.broken(error))? {
                    Some(part) if is_ok => blobs.take(&part)?,
                    Some(part) => return Err(fault(path, &part)),
                    None => return blobs.end(),
                }
            }
        };
        let (bytes, sha256) = self.runtime.block_on(async {
            tokio::time::timeout(SNAPSHOT, asked).await.unwrap_or(Err(deadline(SNAPSHOT)))
        })?;
        Ok(Written { bytes, sha256, revision })
    }

    fn alarms(&self) -> Result<Vec<Alarm>, EtcdError> {
        let body = json!({ "action": "GET" });
        let alarms: Alarms = self.call("tell alarms", "/v3/maintenance/alarm", &body, LOOK)?;
        let plain =
            |alarm: wire::Alarm| Alarm { kind: alarm.alarm, member: hexadecimal(alarm.member_id) };
        let mut alarms: Vec<Alarm> = alarms.alarms.into_iter().map(plain).collect();
        alarms.sort();
        Ok(alarms)
    }
}

/// What an answer means that is no success.
fn fault(path: &str, text: &[u8]) -> EtcdError {
    match serde_json::from_slice::<Fault>(text) {
        Ok(fault) if !fault.message.is_empty() => EtcdError::of_message(&fault.message),
        _ => {
            let text = String::from_utf8_lossy(&text[..text.len().min(200)]).trim().to_owned();
            EtcdError::Refused(format!("the answer to {path} is {text:?}"))
        }
    }
}

/// An error with its causes.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
