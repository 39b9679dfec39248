//! Static pods of the control plane: the kubelet runs what has a manifest in its folder, and ends what has none any more.
//!
//! A manifest is parked in a folder where the kubelet does not look, and put back. At every moment it is in one of the
//! two places, or in both; so whoever dies in between has lost nothing, and [`put_back`] makes it whole.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::cluster::ADMIN;
use crate::host::{Command, Entry, Host, HostError, Kind, Meta, folder_of};
use crate::reset::crictl;

/// Where the kubelet looks for manifests.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// How long is paused before it is looked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a static pod is not what it shall be.
#[derive(Debug, thiserror::Error)]
pub enum StaticPodError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Nobody can say what runs.
    #[error(
        "what runs cannot be seen: crictl or the socket of the runtime is missing; install cri-tools, and start containerd"
    )]
    NoRuntime,
    /// The runtime says something else than is expected.
    #[error("`{command}` gave no list of containers")]
    Answer {
        /// What was asked.
        command: String,
    },
    /// It took too long.
    #[error("{what} within {} s; look at `journalctl -u kubelet` and `crictl ps -a`", limit.as_secs())]
    Deadline {
        /// What did not happen.
        what: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// Somebody asked to stop.
    #[error("stopped while it was waited for")]
    Stopped,
}

/// The manifest of a static pod, such as `kube-apiserver`, where the kubelet looks.
#[must_use]
pub fn manifest(name: &str) -> String {
    format!("{MANIFESTS}/{name}.yaml")
}

/// Takes the manifest of a static pod from where the kubelet looks to a folder. Answers whether it was there.
///
/// # Errors
/// If the host refuses.
pub fn park(host: &dyn Host, name: &str, folder: &str) -> Result<bool, HostError> {
    let from = manifest(name);
    let Some(entry) = host.entry(&from)? else { return Ok(false) };
    for path in [folder_of(folder), folder] {
        if host.entry(path)?.is_none() {
            host.put(path, &Entry { kind: Kind::Folder, meta: Meta::root(0o700) })?;
        }
    }
    host.put(&format!("{folder}/{name}.yaml"), &entry)?;
    host.remove(&from)?;
    Ok(true)
}

/// Puts a parked manifest back where the kubelet looks. Answers whether it was put there: one that stands there already
/// counts, and the parked one goes.
///
/// # Errors
/// If the host refuses.
pub fn put_back(host: &dyn Host, name: &str, folder: &str) -> Result<bool, HostError> {
    let (from, to) = (format!("{folder}/{name}.yaml"), manifest(name));
    host.tidy(&from)?;
    host.tidy(&to)?;
    let Some(entry) = host.entry(&from)? else { return Ok(false) };
    let is_away = host.entry(&to)?.is_none();
    if is_away {
        host.put(&to, &entry)?;
    }
    host.remove(&from)?;
    Ok(is_away)
}

/// The names of what is parked in a folder.
///
/// # Errors
/// If it cannot be read.
pub fn parked(host: &dyn Host, folder: &str) -> Result<Vec<String>, HostError> {
    let names = host.list(folder)?.into_iter();
    Ok(names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect())
}

/// The numbers of the containers of a static pod that run: one, or two for a moment, or none.
///
/// # Errors
/// If the runtime does not tell.
pub fn running(host: &dyn Host, name: &str) -> Result<Vec<String>, StaticPodError> {
    #[derive(Deserialize)]
    struct List {
        containers: Vec<Container>,
    }
    #[derive(Deserialize)]
    struct Container {
        id: String,
    }
    let container = format!("io.kubernetes.container.name={name}");
    let namespace = "io.kubernetes.pod.namespace=kube-system";
    let words =
        ["ps", "--state", "Running", "--label", &container, "--label", namespace, "-o", "json"];
    let command = crictl(host, &words)?.ok_or(StaticPodError::NoRuntime)?;
    let said = host.check(&command)?;
    let list: List = serde_json::from_str(&said)
        .map_err(|_| StaticPodError::Answer { command: command.to_string() })?;
    Ok(list.containers.into_iter().map(|container| container.id).collect())
}

/// Waits until no container of a static pod runs.
///
/// # Errors
/// If one still runs after `limit`, or somebody asks to stop.
pub fn wait_gone(
    host: &dyn Host,
    name: &str,
    limit: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<(), StaticPodError> {
    until(host, &format!("{name} did not end"), limit, stop, &mut || {
        Ok(running(host, name)?.is_empty())
    })
}

/// Waits until a container of a static pod runs that is none of these.
///
/// # Errors
/// If none runs after `limit`, or somebody asks to stop.
pub fn wait_running(
    host: &dyn Host,
    name: &str,
    other_than: &[String],
    limit: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<(), StaticPodError> {
    until(host, &format!("{name} did not start"), limit, stop, &mut || {
        Ok(running(host, name)?.iter().any(|id| !other_than.contains(id)))
    })
}

/// Whether the API server of this host itself answers that it is ready, and not another one behind a shared address.
/// Its own address and port are those of its manifest.
///
/// # Errors
/// If the host cannot be looked at.
pub fn api_server_answers(host: &dyn Host) -> Result<bool, HostError> {
    let text = host.text(&manifest("kube-apiserver"))?.unwrap_or_default();
    let mut argv = vec!["kubectl".to_owned(), "--kubeconfig".to_owned(), ADMIN.to_owned()];
    argv.extend(own_server(&text).map(|server| format!("--server={server}")));
    argv.extend(["--request-timeout=5s", "get", "--raw", "/readyz"].map(str::to_owned));
    Ok(host.run(&Command::new(argv))?.is_ok())
}

/// The URL of an API server, by its manifest.
fn own_server(manifest: &str) -> Option<String> {
    let flag = |name: &str| {
        let lines = manifest.lines().map(|line| line.trim().trim_start_matches("- "));
        lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).next_back()
    };
    let address = flag("--advertise-address")?;
    let port = flag("--secure-port").unwrap_or("6443");
    let is_v6 = address.contains(':');
    Some(if is_v6 {
        format!("https://[{address}]:{port}")
    } else {
        format!("https://{address}:{port}")
    })
}

/// Looks again and again, until it is so. `what` is told where it is not so in time: `etcd did not start`.
///
/// # Errors
/// If it is not so after `limit`, somebody asks to stop, or looking fails.
pub fn until(
    host: &dyn Host,
    what: &str,
    limit: Duration,
    stop: &dyn Fn() -> bool,
    is: &mut dyn FnMut() -> Result<bool, StaticPodError>,
) -> Result<(), StaticPodError> {
    let mut left = limit;
    loop {
        let begin = Instant::now();
        if is()? {
            return Ok(());
        }
        if stop() {
            return Err(StaticPodError::Stopped);
        }
        left = left.saturating_sub(begin.elapsed() + PAUSE);
        if left.is_zero() {
            return Err(StaticPodError::Deadline { what: what.to_owned(), limit });
        }
        host.check(&Command::new(["sleep".to_owned(), PAUSE.as_secs().to_string()]))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Death, FakeHost};

    const FOLDER: &str = "/etc/kubernetes/node-prep/parked";

    fn host() -> FakeHost {
        let host = FakeHost::new();
        host.set("/etc/kubernetes/manifests/etcd.yaml", "kind: Pod\n");
        host.set_folder("/etc/kubernetes/node-prep");
        host
    }

    #[test]
    fn a_manifest_is_parked_and_put_back_as_it_was() {
        let host = host();
        let before = host.entry(&manifest("etcd")).unwrap();
        assert!(park(&host, "etcd", FOLDER).unwrap());
        assert!(!park(&host, "etcd", FOLDER).unwrap());
        assert_eq!(host.entry(&manifest("etcd")).unwrap(), None);
        assert_eq!(parked(&host, FOLDER).unwrap(), ["etcd"]);
        assert!(put_back(&host, "etcd", FOLDER).unwrap());
        assert!(!put_back(&host, "etcd", FOLDER).unwrap());
        assert_eq!(host.entry(&manifest("etcd")).unwrap(), before);
        assert_eq!(parked(&host, FOLDER).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_manifest_is_never_lost_whenever_one_dies() {
        let whole = {
            let host = host();
            park(&host, "etcd", FOLDER).unwrap();
            put_back(&host, "etcd", FOLDER).unwrap();
            host.snapshot()
        };
        let mut deaths = 0;
        for death in [Death::Before, Death::Within, Death::After] {
            for at in 0.. {
                let host = host();
                host.kill_at(at, death);
                let _ = park(&host, "etcd", FOLDER).and_then(|_| put_back(&host, "etcd", FOLDER));
                if !host.revive() {
                    break;
                }
                deaths += 1;
                park(&host, "etcd", FOLDER).unwrap();
                put_back(&host, "etcd", FOLDER).unwrap();
                assert_eq!(host.snapshot(), whole, "{death:?} at {at}");
            }
        }
        assert!(deaths > 10, "only {deaths}");
    }

    #[test]
    fn the_address_of_an_api_server_is_its_own() {
        let text = "  - command:\n    - kube-apiserver\n    - --advertise-address=10.0.0.2\n    - --secure-port=7443\n";
        assert_eq!(own_server(text).as_deref(), Some("https://10.0.0.2:7443"));
        let text = "    - --advertise-address=fd00::2\n";
        assert_eq!(own_server(text).as_deref(), Some("https://[fd00::2]:6443"));
        assert_eq!(own_server("kind: Pod\n"), None);
    }

    #[test]
    fn what_does_not_happen_in_time_is_told() {
        let host = host();
        let mut looked = 0;
        let error =
            until(&host, "etcd did not start", Duration::from_secs(3), &|| false, &mut || {
                looked += 1;
                Ok(false)
            });
        assert_eq!(
            error.unwrap_err().to_string(),
            "etcd did not start within 3 s; look at `journalctl -u kubelet` and `crictl ps -a`"
        );
        assert_eq!(looked, 3);
        let stopped = until(&host, "x", Duration::from_secs(3), &|| true, &mut || Ok(false));
        assert!(matches!(stopped, Err(StaticPodError::Stopped)));
        assert!(matches!(running(&host, "etcd"), Err(StaticPodError::NoRuntime)));
    }
}
