//! `certs check`: until when the certificates of control planes are valid.

use std::collections::BTreeMap;
use std::io::Write as _;

use ::cli::{Exit, OutputFormat, counted, say};
use anyhow::{Result, bail};
use fleet::ask;
use jiff::{Span, Timestamp};
use node_bootstrap::agent::{Answer, Certificate, Request};
use topology::inventory::HostRole;

use crate::cli;
use crate::desk::Desk;

/// What ends sooner is to be renewed, in hours: 30 days.
const SOON: i64 = 30 * 24;

pub(crate) fn check(asked: &cli::Desk, output: OutputFormat) -> Result<Exit> {
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let mut found: BTreeMap<&str, Vec<Certificate>> = BTreeMap::new();
    let mut exit = Exit::Ok;
    for host in desk.inventory.with_role(HostRole::ControlPlane) {
        match ask(&*desk.contact, &host.name, &Request::Certificates, &desk.teller) {
            Ok(Answer::Certificates(certificates)) => {
                found.insert(&host.name, certificates);
            }
            Ok(_) => bail!("{} answered something else than its certificates", host.name),
            Err(error) => {
                say(&format!("{}: {error}", host.name));
                exit = Exit::Partial;
            }
        }
    }
    let soon = Timestamp::now() + Span::new().hours(SOON);
    let ends_soon = |certificate: &Certificate| {
        certificate.expires.parse::<Timestamp>().map_or(true, |end| end < soon)
    };
    let count = found.values().flatten().filter(|certificate| ends_soon(certificate)).count();
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
        OutputFormat::Text => {
            for (host, certificates) in &found {
                for certificate in certificates {
                    let Certificate { name, expires, expired, .. } = certificate;
                    let state = match (expired, ends_soon(certificate)) {
                        (true, _) => "EXPIRED",
                        (false, true) => "ends soon",
                        (false, false) => "",
                    };
                    let line = format!("{host:<14} {name:<28} {expires}  {state}");
                    writeln!(out, "{}", ::cli::printable(line.trim_end()))?;
                }
            }
        }
    }
    out.flush()?;
    if found.is_empty() {
        return Ok(Exit::Failed);
    }
    if count > 0 {
        say(&format!("{} to renew: `k8s-cluster certs renew`", counted(count, "certificate")));
    }
    Ok(if exit == Exit::Ok && count > 0 { Exit::Differences } else { exit })
}
