//! The members that the API server of this host knows.

use super::local::Local;
use super::{Trouble, Work};
use crate::agent::EventKind;
use crate::host::{Host, HostError};
use crate::static_pod::{self, API_SERVER, StaticPodError};
use crate::text::manifest::{self, Program};

/// The argument.
const SERVERS: &str = "etcd-servers";

/// The members that the API server of this host knows; none where there is no API server.
pub(super) fn servers(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let text = static_pod::text(host, API_SERVER)?.unwrap_or_default();
    Ok(Program::read(&text, API_SERVER).map(|program| program.list(SERVERS)).unwrap_or_default())
}

fn is_loopback(url: &str) -> bool {
    ["//127.", "//localhost:", "//[::1]:"].iter().any(|host| url.contains(host))
}

/// Whether the API server of this host knows the member of this host and no other.
pub(super) fn has_no_other(host: &dyn Host, local: &Local) -> Result<bool, HostError> {
    let own = local.program.list("advertise-client-urls");
    Ok(matches!(&servers(host)?[..], [one] if is_loopback(one) || own.contains(one)))
}

/// What it shall know; `None` where that is what it knows. One that knows only the member on its own host keeps that.
fn wanted(now: &[String], servers: &[String]) -> Option<String> {
    let is_own = matches!(now, [one] if is_loopback(one) || servers.contains(one));
    let mut both = [now.to_vec(), servers.to_vec()];
    for list in &mut both {
        list.sort();
    }
    (!is_own && both[0] != both[1]).then(|| servers.join(","))
}

impl Work<'_> {
    pub(super) fn api_server(&mut self, servers: &[String]) -> Result<(), Trouble> {
        for name in static_pod::mend(self.host)? {
            self.changed(format!("a run that was cut short had ended {name}; it is started again"));
        }
        let at = static_pod::manifest(API_SERVER);
        let Some(text) = self.host.text(&at)? else { return Ok(()) };
        let of = |error: &_| Trouble::manifest(&at, error);
        let program = Program::read(&text, API_SERVER).map_err(|error| of(&error))?;
        if servers.is_empty() {
            return Err(Trouble::Refused("an API server needs a member of etcd".to_owned()));
        }
        let Some(list) = wanted(&program.list(SERVERS), servers) else { return Ok(()) };
        let text =
            manifest::set(&text, API_SERVER, &[(SERVERS, &list)]).map_err(|error| of(&error))?;
        if (self.stop)() {
            return Err(Trouble::Stopped);
        }
        self.tell(
            EventKind::Begun,
            format!("the API server of this host gets --{SERVERS}={list}, and is started again"),
        );
        self.done.changes += 1;
        static_pod::restart(self.host, API_SERVER, Some(&text), true)?;
        self.changed(format!(
            "{at}: --{SERVERS} is what members there are; the API server answers"
        ));
        Ok(())
    }
}

impl From<StaticPodError> for Trouble {
    fn from(error: StaticPodError) -> Self {
        match error {
            StaticPodError::Host(error) => error.into(),
            StaticPodError::Stopped => Self::Stopped,
            StaticPodError::NoRuntime => Self::Refused(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ::etcd::{Api, Endpoint, EtcdError};

    use super::*;
    use crate::agent::{EtcdRequest, serve_etcd};
    use crate::fake::{Death, FakeHost};

    const AT: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

    fn connect(_: &Endpoint) -> Result<Box<dyn Api>, EtcdError> {
        Err(EtcdError::NotFound)
    }

    /// A host whose API server knows a member that is no more.
    fn host(runtime: bool) -> FakeHost {
        let host = FakeHost::new();
        host.set(AT, "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --advertise-address=10.10.0.1\n    - --etcd-servers=https://a:2379,https://z:2379\n    name: kube-apiserver\n");
        host.set("/etc/kubernetes/admin.conf", "");
        if runtime {
            host.set("/usr/bin/crictl", "");
            host.set("/run/containerd/containerd.sock", "");
        }
        host.with(|world| {
            let cluster = crate::fake::FakeCluster { answers: true, ..Default::default() };
            world.cluster = Some(cluster);
        });
        host
    }

    fn request() -> EtcdRequest {
        EtcdRequest::ApiServer {
            servers: vec!["https://a:2379".to_owned(), "https://b:2379".to_owned()],
        }
    }

    #[test]
    fn a_desk_that_is_gone_does_not_leave_the_api_server_down() {
        for runtime in [false, true] {
            let host = host(runtime);
            let is_gone = || matches!(host.entry(AT), Ok(None));
            serve_etcd(&host, &request(), &connect, &is_gone, &mut |_| {}).unwrap();
            let text = host.text(AT).unwrap().unwrap();
            assert!(text.contains("--etcd-servers=https://a:2379,https://b:2379\n"), "{text}");
            assert_eq!(static_pod::ended(&host).unwrap(), [""; 0]);
        }
    }

    #[test]
    fn an_api_server_that_a_killed_run_has_ended_is_known_and_started_again() {
        let mut ended = 0;
        for death in [Death::Before, Death::Within, Death::After] {
            for at in 0.. {
                let host = host(true);
                host.kill_at(at, death);
                let _ = serve_etcd(&host, &request(), &connect, &|| false, &mut |_| {});
                if !host.revive() {
                    break;
                }
                let when = format!("{death:?} at {at}");
                assert!(!servers(&host).unwrap().is_empty(), "{when}");
                let is_away = host.entry(AT).unwrap().is_none();
                assert_eq!(!static_pod::ended(&host).unwrap().is_empty(), is_away, "{when}");
                ended += usize::from(is_away);
                serve_etcd(&host, &request(), &connect, &|| false, &mut |_| {}).unwrap();
                let text = host.text(AT).unwrap().unwrap();
                assert!(text.contains("=https://a:2379,https://b:2379\n"), "{when}: {text}");
                assert!(!static_pod::is_left(&host).unwrap(), "{when}");
            }
        }
        assert!(ended > 4, "only {ended}");
    }

    #[test]
    fn op_b6_04_a_list_of_members_follows_them_and_kubeadms_own_stays() {
        let urls = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("https://{name}:2379")).collect()
        };
        let members = urls(&["10.10.0.1", "10.10.0.11"]);
        let list = members.join(",");
        assert_eq!(wanted(&urls(&["127.0.0.1"]), &members), None);
        assert_eq!(wanted(&urls(&["10.10.0.1"]), &members), None);
        assert_eq!(wanted(&urls(&["10.10.0.11", "10.10.0.1"]), &members), None);
        assert_eq!(wanted(&urls(&["10.10.0.1", "10.10.0.2"]), &members), Some(list.clone()));
        assert_eq!(wanted(&urls(&["10.10.0.2"]), &members), Some(list));
    }
}
