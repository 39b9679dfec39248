//! The certificates of a control plane: until when they are valid, and new ones.

use std::time::Duration;

use serde::Deserialize;

use super::serve::Work;
use super::{Certificate, EventKind, Failure};
use crate::host::{ACT, Command};
use crate::static_pod::{
    StaticPodError, api_server_answers, manifest, park, parked, put_back, running, until,
    wait_gone, wait_running,
};

/// Where a manifest is for the moment in which its pod ends.
const RESTARTING: &str = "/etc/kubernetes/node-prep/restarting";
/// What reads certificates, in the order in which it is started again.
const COMPONENTS: [&str; 4] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
/// How long a component may take to end, to start, or to answer.
const LIMIT: Duration = Duration::from_mins(3);

impl From<StaticPodError> for Failure {
    fn from(error: StaticPodError) -> Self {
        match error {
            StaticPodError::Host(error) => error.into(),
            StaticPodError::Stopped => Self::stopped(0),
            StaticPodError::NoRuntime => Self::refused(error.to_string()),
            other => Self::failed(other.to_string()),
        }
    }
}

/// Whether a run that was killed has left a manifest parked that the kubelet should see.
pub(super) fn is_parked(work: &Work<'_>, name: &str) -> Result<bool, Failure> {
    Ok(parked(work.host, RESTARTING)?.iter().any(|parked| parked == name))
}

/// What a killed run has left parked is put back.
pub(super) fn mend(work: &mut Work<'_>) -> Result<(), Failure> {
    // A half of a manifest may be there as well.
    if work.host.list(RESTARTING)?.is_empty() {
        return Ok(());
    }
    let _lock = work.host.lock()?;
    for name in COMPONENTS {
        if put_back(work.host, name, RESTARTING)? {
            let text = format!("a run that was cut short had ended {name}; it is started again");
            work.tell(EventKind::Note, "certificates", text);
        }
    }
    Ok(())
}

/// Until when they are valid, as kubeadm says.
pub(super) fn certificates(work: &Work<'_>) -> Result<Vec<Certificate>, Failure> {
    work.needs_admin()?;
    let command = Command::new(["kubeadm", "certs", "check-expiration", "-o", "json"]);
    let said = work.host.check(&command.within(ACT))?;
    read(&said).ok_or_else(|| {
        Failure::failed("`kubeadm certs check-expiration -o json` gave no list of certificates")
    })
}

/// Reads what kubeadm says: `output.kubeadm.k8s.io`.
fn read(said: &str) -> Option<Vec<Certificate>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct List {
        certificates: Vec<One>,
        #[serde(default)]
        certificate_authorities: Vec<One>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct One {
        name: String,
        expiration_date: Option<String>,
        #[serde(default)]
        residual_time: i64,
        #[serde(default)]
        externally_managed: bool,
        #[serde(default)]
        missing: bool,
    }
    // Some versions tell before where they read their configuration.
    let list: List = serde_json::from_str(said.get(said.find('{')?..)?).ok()?;
    let of = |is_authority: bool| {
        move |one: One| {
            (!one.missing).then_some(Certificate {
                name: one.name,
                expires: one.expiration_date?,
                expired: one.residual_time <= 0,
                kept_elsewhere: is_authority || one.externally_managed,
            })
        }
    };
    let own = list.certificates.into_iter().filter_map(of(false));
    Some(own.chain(list.certificate_authorities.into_iter().filter_map(of(true))).collect())
}

/// New certificates, and everything that has read the old ones is started again, one after another.
pub(super) fn renew(work: &mut Work<'_>) -> Result<(), Failure> {
    work.needs_admin()?;
    let host = work.host;
    let _lock = host.lock()?;
    let mut names = Vec::new();
    for name in COMPONENTS {
        if host.entry(&manifest(name))?.is_some() {
            // Nothing is renewed where it could not be seen what becomes of it.
            running(host, name)?;
            names.push(name);
        }
    }
    if (work.around.stop)() {
        return Err(Failure::stopped(0));
    }
    host.check(&Command::new(["kubeadm", "certs", "renew", "all"]).within(ACT))?;
    work.done.changes += 1;
    work.tell(EventKind::Done, "certificates", "renewed");
    for name in names {
        if (work.around.stop)() {
            return Err(Failure::stopped(0));
        }
        work.tell(EventKind::Waiting, "certificates", format!("{name} is started again"));
        restart(work, name)?;
        work.done.changes += 1;
        work.tell(EventKind::Done, "certificates", format!("{name} has read its certificates"));
    }
    work.tell(
        EventKind::Note,
        "certificates",
        "kubeconfigs of users have the former certificate of the administrator until they are merged again",
    );
    Ok(())
}

/// Ends a component, and starts it again. Its manifest is put back whatever happens; once that is begun it is not stopped.
fn restart(work: &Work<'_>, name: &str) -> Result<(), Failure> {
    let host = work.host;
    let go_on = || false;
    let before = running(host, name)?;
    park(host, name, RESTARTING)?;
    let gone = wait_gone(host, name, LIMIT, &go_on);
    put_back(host, name, RESTARTING)?;
    gone?;
    wait_running(host, name, &before, LIMIT, &go_on)?;
    if name == "kube-apiserver" {
        until(host, "the API server did not answer", LIMIT, &go_on, &mut || {
            Ok(api_server_answers(host)?)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubeadm_says_of_certificates_is_read() {
        let said = r#"[check-expiration] Reading configuration from the cluster...
            {"kind": "CertificateExpirationInfo", "apiVersion": "output.kubeadm.k8s.io/v1alpha3", "certificates": [
            {"name": "admin.conf", "expirationDate": "2027-01-02T03:04:05Z", "residualTime": 31535999, "externallyManaged": false, "caName": "ca"},
            {"name": "apiserver", "expirationDate": "2026-01-02T03:04:05Z", "residualTime": -5, "externallyManaged": true},
            {"name": "super-admin.conf", "expirationDate": null, "residualTime": 0, "externallyManaged": false, "missing": true}],
            "certificateAuthorities": [{"name": "ca", "expirationDate": "2036-01-02T03:04:05Z", "residualTime": 315359990, "externallyManaged": false}]}"#;
        let read = read(said).unwrap();
        let shown: Vec<String> = read
            .iter()
            .map(|one| {
                format!("{} {} {} {}", one.name, one.expires, one.expired, one.kept_elsewhere)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "admin.conf 2027-01-02T03:04:05Z false false",
                "apiserver 2026-01-02T03:04:05Z true true",
                "ca 2036-01-02T03:04:05Z false true",
            ]
        );
        assert_eq!(super::read("no such command"), None);
    }
}
