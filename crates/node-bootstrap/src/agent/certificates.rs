//! The certificates of a control plane: until when they are valid, and new ones.

use serde::Deserialize;

use super::serve::Work;
use super::{Certificate, EventKind, Failure};
use crate::host::{ACT, Command, HostError};
use crate::kubeadm::ca_hash::end_of_pem;
use crate::static_pod::{
    self, API_SERVER, COMPONENTS, StaticPodError, api_server_answers, manifest, running,
};

/// Without these neither the API server nor the member of etcd of a control plane answers.
const SERVING: [&str; 4] = ["apiserver", "apiserver-etcd-client", "etcd/server", "etcd/peer"];

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

/// What a killed run has left parked is put back.
pub(super) fn mend(work: &mut Work<'_>) -> Result<(), Failure> {
    if !static_pod::is_left(work.host)? {
        return Ok(());
    }
    let _lock = work.host.lock()?;
    for name in static_pod::mend(work.host)? {
        let text = format!("a run that was cut short had ended {name}; it is started again");
        work.tell(EventKind::Note, "static-pods", text);
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

/// Those that have ended, of those without which neither the API server nor the member of etcd of this host answers.
pub(super) fn ended(work: &Work<'_>) -> Result<Vec<String>, HostError> {
    let now = work.around.clock_ms();
    let mut ended = Vec::new();
    for name in SERVING {
        let text = work.host.text(&format!("/etc/kubernetes/pki/{name}.crt"))?;
        let end = text.and_then(|text| end_of_pem(&text).ok());
        if end.is_some_and(|end| end.as_millisecond() <= now) {
            ended.push(name.to_owned());
        }
    }
    Ok(ended)
}

/// How much is done about certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// New ones, and everything that has read the old ones is started again.
    Both,
    /// New ones.
    Files,
    /// What has read the old ones is started again.
    Read,
}

/// New certificates, and everything that has read the old ones is started again, one after another.
pub(super) fn renew(work: &mut Work<'_>, part: Part) -> Result<(), Failure> {
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
    // Where certificates have ended on other control planes too, it answers only once theirs are new.
    let answers = part == Part::Files || api_server_answers(host)?;
    if part != Part::Read {
        host.check(&Command::new(["kubeadm", "certs", "renew", "all"]).within(ACT))?;
        work.done.changes += 1;
        work.tell(EventKind::Done, "certificates", "renewed");
    }
    if part != Part::Files {
        read_by(work, &names, answers)?;
    }
    if !answers {
        work.tell(
            EventKind::Warning,
            "certificates",
            format!(
                "{API_SERVER} did not answer before, and is not waited for: renew those of the other control planes too"
            ),
        );
    }
    work.tell(
        EventKind::Note,
        "certificates",
        "kubeconfigs of users have the former certificate of the administrator until they are merged again",
    );
    Ok(())
}

/// Components are started again, one after another.
fn read_by(work: &mut Work<'_>, names: &[&str], answers: bool) -> Result<(), Failure> {
    for name in names {
        if (work.around.stop)() {
            return Err(Failure::stopped(0));
        }
        work.tell(EventKind::Waiting, "certificates", format!("{name} is started again"));
        static_pod::restart(work.host, name, None, answers)?;
        work.done.changes += 1;
        work.tell(EventKind::Done, "certificates", format!("{name} has read its certificates"));
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
