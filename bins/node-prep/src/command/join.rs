//! `node-prep join`.

use std::io::Read as _;
use std::path::Path;

use ::cli::{Exit, invalid};
use anyhow::Result;
use node_bootstrap::check::Purpose;
use node_bootstrap::cluster::{self, Join};
use node_bootstrap::fetch::Fetched;
use node_bootstrap::kubeadm::CertificateKey;
use node_bootstrap::secret::Secret;
use node_bootstrap::spec::Node;

use crate::cli::{Invitation, Kubeadm, MaybeWish, Wish};
use crate::session::{Session, stop};

/// No secret is longer, in bytes.
const LONGEST: u64 = 4096;

pub(crate) fn join(
    session: &Session,
    wish: &MaybeWish,
    asked: &Kubeadm,
    invitation: &Invitation,
) -> Result<Exit> {
    session.needs_root("join")?;
    let node = match wish {
        MaybeWish { file: None, profile: None } => Node::default(),
        MaybeWish { file, profile } => Session::node(&Wish {
            file: file.clone(),
            profile: profile.clone(),
            environment: None,
        })?,
    };
    let wanted = Join {
        invitation: read(invitation)?,
        ignore_preflight_errors: asked.ignore_preflight_errors.clone(),
    };
    let plan = session.plan_of(&node, &[&wanted], &Fetched::new())?;
    super::plan::print(session, &plan)?;
    if invitation.token_stdin && !asked.yes && !asked.dry_run && !plan.is_empty() {
        return Err(invalid("--token-stdin leaves nobody to ask: say --yes"));
    }
    let purpose = Purpose::Join { control_plane: invitation.control_plane };
    if cluster::is_fresh(&plan) && !super::init::checked(session, &node, asked, purpose)? {
        return Ok(Exit::Failed);
    }
    let stop = stop()?;
    if let Some(exit) = super::init::may(&plan, asked, "join")? {
        return Ok(exit);
    }
    match super::apply::make(session, &plan, &stop)? {
        Exit::Ok => {}
        other => return Ok(other),
    }
    // The plugin comes with the cluster.
    let is_ready = super::init::ready(session, cluster::KUBELET, asked.wait, true);
    Ok(if is_ready { Exit::Ok } else { Exit::Partial })
}

fn read(asked: &Invitation) -> Result<cluster::Invitation> {
    let hash = asked.ca_cert_hash.to_ascii_lowercase();
    let digits = hash.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("--ca-cert-hash: give sha256: and 64 hexadecimal digits"));
    }
    if !asked.endpoint.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    }) {
        return Err(invalid("--endpoint: give HOST:PORT, such as 10.0.0.1:6443"));
    }
    let text = match &asked.token_file {
        Some(path) => file(path)?,
        None => text(&mut std::io::stdin().lock(), "standard input")?,
    };
    let mut lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty());
    let token = lines.next().unwrap_or_default();
    let token = token.parse().map_err(|error| invalid(format!("the token: {error}")))?;
    let key = match &asked.certificate_key_file {
        Some(path) => file(path)?.expose().trim().to_owned().into(),
        None => Secret::new(lines.next().unwrap_or_default()),
    };
    let certificate_key = if asked.control_plane {
        if key.expose().is_empty() {
            return Err(invalid(
                "--control-plane needs a certificate key: in --certificate-key-file, or in a second line after the token",
            ));
        }
        let key = key.expose().parse::<CertificateKey>();
        Some(key.map_err(|error| invalid(format!("the certificate key: {error}")))?)
    } else {
        None
    };
    Ok(cluster::Invitation {
        endpoint: asked.endpoint.clone(),
        token,
        ca_cert_hash: hash,
        certificate_key,
    })
}

fn file(path: &Path) -> Result<Secret> {
    let shown = path.display().to_string();
    let mut file = std::fs::File::open(path)
        .map_err(|error| invalid(format!("failed to read {shown}: {error}")))?;
    text(&mut file, &shown)
}

fn text(from: &mut dyn std::io::Read, shown: &str) -> Result<Secret> {
    let mut text = String::new();
    from.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| invalid(format!("failed to read {shown}: {error}")))?;
    Ok(Secret::new(text))
}
