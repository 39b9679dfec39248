//! `node-prep token`, and how other hosts join.

use std::io::{Read as _, Write as _};

use ::cli::{Exit, OutputFormat, invalid};
use anyhow::{Context, Result};
use node_bootstrap::cluster;
use node_bootstrap::kubeadm::CertificateKey;
use serde::Serialize;

use crate::cli::TokenVerb;
use crate::session::Session;

pub(crate) fn token(session: &Session, kubeconfig: &str, verb: &TokenVerb) -> Result<Exit> {
    session.needs_root("token")?;
    match verb {
        TokenVerb::Create { ttl, description, upload_certs } => {
            if !ttl.is_positive() {
                return Err(invalid(
                    "--ttl: give a time such as 2h; a token that never ends is for everybody",
                ));
            }
            let ttl = format!("{}s", ttl.as_secs().max(1));
            invite(session, kubeconfig, Some(&ttl), description.as_deref(), *upload_certs)?;
        }
        TokenVerb::List => list(session, kubeconfig)?,
        TokenVerb::Delete { id } => {
            if id.len() != 6
                || !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            {
                return Err(invalid(
                    "give the public part of the token: its 6 characters before the dot",
                ));
            }
            cluster::delete(&session.host, kubeconfig, id)?;
        }
    }
    Ok(Exit::Ok)
}

/// What a host needs to join, with its secrets: for standard output, because somebody has asked for it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    endpoint: &'a str,
    ca_cert_hash: &'a str,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_key: Option<&'a str>,
}

/// Makes a token, and prints how other hosts join.
pub(super) fn invite(
    session: &Session,
    kubeconfig: &str,
    lifetime: Option<&str>,
    description: Option<&str>,
    upload_certs: bool,
) -> Result<()> {
    let key = if upload_certs { Some(CertificateKey::from_bytes(&random()?)) } else { None };
    let invitation = cluster::invite(&session.host, kubeconfig, lifetime, description, key)?;
    let mut out = std::io::stdout().lock();
    let token = invitation.token.expose();
    match session.output {
        OutputFormat::Text => out.write_all(invitation.commands().as_bytes())?,
        OutputFormat::Json => {
            let shown = Shown {
                endpoint: &invitation.endpoint,
                ca_cert_hash: &invitation.ca_cert_hash,
                token: token.expose(),
                certificate_key: invitation.certificate_key.as_ref().map(CertificateKey::expose),
            };
            writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        }
    }
    Ok(out.flush()?)
}

fn list(session: &Session, kubeconfig: &str) -> Result<()> {
    let tokens = cluster::list(&session.host, kubeconfig)?;
    let mut out = std::io::stdout().lock();
    match session.output {
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&tokens)?)?,
        OutputFormat::Text => {
            for token in tokens {
                let expires = token.expires.as_deref().unwrap_or("never");
                let description = token.description.as_deref().unwrap_or_default();
                let line = format!(
                    "{}  ends {expires}  {}  {description}",
                    token.id,
                    token.usages.join(",")
                );
                writeln!(out, "{}", ::cli::printable(line.trim_end()))?;
            }
        }
    }
    Ok(out.flush()?)
}

/// Bytes from the system's source of them.
pub(super) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("failed to read /dev/urandom")?;
    Ok(bytes)
}
