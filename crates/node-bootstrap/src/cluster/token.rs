//! Tokens that hosts join with, and certificates for other control planes.
//!
//! None of this is in the journal: tokens end by themselves after a day, uploaded certificates after two hours.

use serde::{Deserialize, Serialize};

use super::documents::Invitation;
use crate::change::kubeadm::DOCUMENT;
use crate::host::{ACT, Command, Entry, Host, HostError, Kind, Meta};
use crate::kubeadm::ca_hash::{self, InvalidCertificate};
use crate::kubeadm::kubeconfig::{Kubeconfig, KubeconfigError};
use crate::kubeadm::{CertificateKey, Document, InitConfiguration, Token, render};

const AUTHORITY: &str = "/etc/kubernetes/pki/ca.crt";

/// Why a cluster invites nobody.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A file is missing.
    #[error(
        "there is no {path}; run this on a control plane of the cluster, after `node-prep init`"
    )]
    NoCluster {
        /// The file.
        path: String,
    },
    /// The kubeconfig cannot be used.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The kubeconfig leads nowhere.
    #[error("{path} names no API server")]
    NoEndpoint {
        /// The file.
        path: String,
    },
    /// The authority's certificate cannot be read.
    #[error("{AUTHORITY}: {0}")]
    Authority(#[from] InvalidCertificate),
    /// kubeadm answers something else than is expected.
    #[error("`{command}` gave no {wanted}")]
    Answer {
        /// What was asked.
        command: String,
        /// What was expected.
        wanted: &'static str,
    },
    /// A cluster without an address of its own never gets a second control plane.
    #[error(
        "the cluster was made without `controlPlaneEndpoint`, and gets no other control plane; that cannot be added, make the cluster anew \
         with it"
    )]
    NoSharedEndpoint,
    /// The document cannot be written.
    #[error(transparent)]
    Document(#[from] diagnostics::yaml::Unwritable),
}

/// Makes a token, and says what else a host needs to join. `lifetime` is a duration such as `2h`; kubeadm's own is a day.
///
/// # Errors
/// If this is no control plane, or kubeadm refuses.
pub fn create(
    host: &dyn Host,
    kubeconfig: &str,
    lifetime: Option<&str>,
    description: Option<&str>,
) -> Result<Invitation, TokenError> {
    let missing = |path: &str| TokenError::NoCluster { path: path.to_owned() };
    let text = host.text(kubeconfig)?.ok_or_else(|| missing(kubeconfig))?;
    let endpoint = Kubeconfig::read(kubeconfig, &text)?
        .endpoint()
        .and_then(|endpoint| Some(endpoint.server.strip_prefix("https://")?.to_owned()))
        .ok_or_else(|| TokenError::NoEndpoint { path: kubeconfig.to_owned() })?;
    let authority = host.text(AUTHORITY)?.ok_or_else(|| missing(AUTHORITY))?;
    let ca_cert_hash = ca_hash::of_pem(&authority)?;
    let mut argv = kubeadm(&["token", "create"], kubeconfig);
    argv.extend(lifetime.map(|lifetime| format!("--ttl={lifetime}")));
    argv.extend(description.map(|description| format!("--description={description}")));
    let command = Command::new(argv).within(ACT);
    let said = host.check(&command)?;
    let token: Option<Token> = said.lines().rev().find_map(|line| line.trim().parse().ok());
    let token = token
        .ok_or_else(|| TokenError::Answer { command: command.to_string(), wanted: "token" })?;
    Ok(Invitation { endpoint, token, ca_cert_hash, certificate_key: None })
}

/// Uploads the certificates that another control plane needs, encrypted with this key, for two hours.
///
/// # Errors
/// If this is no control plane of a cluster that can get another one, or kubeadm refuses.
pub fn upload_certificates(
    host: &dyn Host,
    kubeconfig: &str,
    key: &CertificateKey,
) -> Result<(), TokenError> {
    if host.entry(kubeconfig)?.is_none() {
        return Err(TokenError::NoCluster { path: kubeconfig.to_owned() });
    }
    // kubeadm itself remembers how the cluster was made. Asking for it also keeps it from asking the Internet for a version.
    let path = "-o=jsonpath={.data.ClusterConfiguration}";
    let command = of_kubeadm(kubeconfig, "configmap", "kubeadm-config", path);
    let cluster = host.check(&command)?;
    if !cluster.contains("kind: ClusterConfiguration") {
        return Err(TokenError::Answer {
            command: command.to_string(),
            wanted: "configuration of the cluster",
        });
    }
    if !cluster.lines().any(|line| line.starts_with("controlPlaneEndpoint: ")) {
        return Err(TokenError::NoSharedEndpoint);
    }
    let init =
        InitConfiguration { certificate_key: Some(key.clone()), ..InitConfiguration::default() };
    let document = format!("{}---\n{cluster}", render(&[Document::Init(&init)])?.expose());
    let _lock = host.lock()?;
    let file = Entry { kind: Kind::File(document.into_bytes()), meta: Meta::root(0o600) };
    host.put(DOCUMENT, &file)?;
    let mut argv = kubeadm(&["init", "phase", "upload-certs"], kubeconfig);
    argv.extend(
        ["--upload-certs", "--skip-certificate-key-print", "--config", DOCUMENT].map(str::to_owned),
    );
    let uploaded = host.check(&Command::new(argv).within(ACT));
    host.remove(DOCUMENT)?;
    uploaded?;
    Ok(())
}

/// Reads a part of what kubeadm keeps in the cluster.
fn of_kubeadm(kubeconfig: &str, kind: &str, name: &str, path: &str) -> Command {
    let at = ["kubectl", "--kubeconfig", kubeconfig, "--request-timeout=10s", "-n", "kube-system"];
    Command::new(at.into_iter().chain(["get", kind, name, path]))
}

/// Makes a token, as [`create`] does. With a key it also [uploads certificates](upload_certificates), so that a control
/// plane can join: first, because that may be refused.
///
/// # Errors
/// If this is no control plane, kubeadm refuses, or the cluster cannot get another control plane.
pub fn invite(
    host: &dyn Host,
    kubeconfig: &str,
    lifetime: Option<&str>,
    description: Option<&str>,
    key: Option<CertificateKey>,
) -> Result<Invitation, TokenError> {
    if let Some(key) = &key {
        upload_certificates(host, kubeconfig, key)?;
    }
    let invitation = create(host, kubeconfig, lifetime, description)?;
    Ok(Invitation { certificate_key: key, ..invitation })
}

/// The public part of the token that the uploaded certificates end with: kubeadm makes one for just that, and has them belong to
/// it. `None` where none were uploaded, or nobody tells.
///
/// # Errors
/// If the host cannot be asked.
pub fn certificates_token(host: &dyn Host, kubeconfig: &str) -> Result<Option<String>, HostError> {
    let path = "-o=jsonpath={.metadata.ownerReferences[*].name}";
    let command = of_kubeadm(kubeconfig, "secret", "kubeadm-certs", path);
    let output = host.run(&command)?;
    let id = output.stdout.trim().strip_prefix("bootstrap-token-");
    Ok(id.filter(|_| output.is_ok()).map(str::to_owned))
}

/// A token that is valid, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedToken {
    /// Its public part.
    pub id: String,
    /// When it ends, as RFC 3339 has it; `None` if it does not.
    pub expires: Option<String>,
    /// What it is for, for people.
    pub description: Option<String>,
    /// What it is good for: `signing`, `authentication`.
    pub usages: Vec<String>,
}

/// All tokens that are valid.
///
/// # Errors
/// If kubeadm refuses, or its answer cannot be understood.
pub fn list(host: &dyn Host, kubeconfig: &str) -> Result<Vec<ListedToken>, TokenError> {
    #[derive(Deserialize)]
    struct Line {
        token: String,
        expires: Option<String>,
        description: Option<String>,
        #[serde(default)]
        usages: Vec<String>,
    }
    let mut argv = kubeadm(&["token", "list"], kubeconfig);
    argv.push("--output=json".to_owned());
    let command = Command::new(argv);
    let said = host.check(&command)?;
    let wrong = || TokenError::Answer { command: command.to_string(), wanted: "list of tokens" };
    let lines = serde_json::Deserializer::from_str(&said).into_iter::<Line>();
    lines
        .map(|line| {
            // What serde says of a line may have a part of it.
            let line = line.map_err(|_| wrong())?;
            let token: Token = line.token.parse().map_err(|_| wrong())?;
            Ok(ListedToken {
                id: token.id().to_owned(),
                expires: line.expires,
                description: line.description,
                usages: line.usages,
            })
        })
        .collect()
}

/// Takes a token away, by its public part.
///
/// # Errors
/// If kubeadm refuses.
pub fn delete(host: &dyn Host, kubeconfig: &str, id: &str) -> Result<(), TokenError> {
    host.check(&Command::new(kubeadm(&["token", "delete", id], kubeconfig)).within(ACT))?;
    Ok(())
}

fn kubeadm(verb: &[&str], kubeconfig: &str) -> Vec<String> {
    [&["kubeadm"], verb, &["--kubeconfig", kubeconfig]]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
}
