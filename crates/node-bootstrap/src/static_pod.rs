//! Static pods of the control plane: the kubelet runs what has a manifest in its folder, and ends what has none any more.
//!
//! A manifest is parked in a folder where the kubelet does not look, and put back. At every moment it is in one of the
//! two places, or in both; so whoever dies in between has lost nothing, and [`put_back`] makes it whole.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::cluster::ADMIN;
use crate::host::{Command, Entry, Host, HostError, Kind, Meta, folder_of};
use crate::reset::{CONTAINERD, crictl, has_program};
use crate::text::manifest::Program;

/// Where the kubelet looks for manifests.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Where a manifest is for the moment in which its pod is started again. What is there was left by a run that was killed.
pub const RESTARTING: &str = "/etc/kubernetes/node-prep/restarting";
/// Where the manifest of a member of etcd is that is to be down, and with it that of an API server that knows no other member.
/// Former versions had that of the API server there while it was started again.
pub const PARKED: &str = "/etc/kubernetes/node-prep/parked";
/// The API server.
pub const API_SERVER: &str = "kube-apiserver";
/// What runs on a control plane, in the order in which it is started again.
pub const COMPONENTS: [&str; 4] = ["etcd", API_SERVER, "kube-controller-manager", "kube-scheduler"];
/// How long a component may take to end, to start, or to answer.
const LIMIT: Duration = Duration::from_mins(3);
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
        "what runs cannot be seen: start containerd, or install cri-tools where another runtime is used"
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

/// Where the manifest of a static pod is that runs, or that a run which was killed has ended.
fn place(host: &dyn Host, name: &str) -> Result<Option<String>, HostError> {
    let parked = (name == API_SERVER).then_some(PARKED);
    for folder in [MANIFESTS, RESTARTING].into_iter().chain(parked) {
        let path = format!("{folder}/{name}.yaml");
        if host.entry(&path)?.is_some() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The manifest of a static pod that runs, or that a run which was killed has ended and that is to run.
///
/// # Errors
/// If it cannot be read.
pub fn text(host: &dyn Host, name: &str) -> Result<Option<String>, HostError> {
    place(host, name)?.map_or(Ok(None), |path| host.text(&path))
}

/// Whether this host is a control plane: it has the manifest of an API server, maybe of one that is down for a while.
///
/// # Errors
/// If the host cannot be looked at.
pub fn is_control_plane(host: &dyn Host) -> Result<bool, HostError> {
    Ok(place(host, API_SERVER)?.is_some())
}

/// The static pods that a run which was killed has ended. [`mend`] starts them again.
///
/// # Errors
/// If the host cannot be looked at.
pub fn ended(host: &dyn Host) -> Result<Vec<&'static str>, HostError> {
    let mut ended = Vec::new();
    for name in COMPONENTS {
        let is_away = place(host, name)?.is_some_and(|path| path != manifest(name));
        if is_away && !(name == API_SERVER && is_down_with_its_member(host)?) {
            ended.push(name);
        }
    }
    Ok(ended)
}

/// Whether the API server is to be down, as its member is: whoever starts that one starts both.
fn is_down_with_its_member(host: &dyn Host) -> Result<bool, HostError> {
    let parked = |name: &str| host.entry(&format!("{PARKED}/{name}.yaml"));
    Ok(parked(API_SERVER)?.is_some()
        && parked("etcd")?.is_some()
        && host.entry(&manifest("etcd"))?.is_none())
}

/// Whether a run that was killed has left something of a manifest, maybe a half.
///
/// # Errors
/// If the host cannot be looked at.
pub fn is_left(host: &dyn Host) -> Result<bool, HostError> {
    let is_its = |name: &String| name.contains(API_SERVER);
    Ok(!host.list(RESTARTING)?.is_empty()
        || !is_down_with_its_member(host)? && host.list(PARKED)?.iter().any(is_its))
}

/// Puts back what a run that was killed has left. Answers what was started again.
///
/// # Errors
/// If the host refuses.
pub fn mend(host: &dyn Host) -> Result<Vec<&'static str>, HostError> {
    let mut back = Vec::new();
    for name in COMPONENTS {
        let mut is_back = put_back(host, name, RESTARTING)?;
        if name == API_SERVER && !is_down_with_its_member(host)? {
            is_back |= put_back(host, name, PARKED)?;
        }
        if is_back {
            back.push(name);
        }
    }
    Ok(back)
}

/// Ends a static pod, and starts it again: with another manifest, where a text is given. Its manifest is put back whatever
/// happens, and once that is begun nobody stops it: a pod that is down is worse than one that waits. Where it `answers`, the
/// API server is waited for until it says that it is ready.
///
/// # Errors
/// If it does not end, start or answer in time, or the host refuses.
pub fn restart(
    host: &dyn Host,
    name: &str,
    with: Option<&str>,
    answers: bool,
) -> Result<(), StaticPodError> {
    let go_on = || false;
    let Some(old) = host.text(&manifest(name))? else { return Ok(()) };
    let before = match running(host, name) {
        // Where there is no runtime that tells, its answers count.
        Err(StaticPodError::NoRuntime) if name == API_SERVER => None,
        told => Some(told?),
    };
    park(host, name, RESTARTING)?;
    let gone = || {
        let parked = format!("{RESTARTING}/{name}.yaml");
        if let (Some(text), Some(entry)) = (with, host.entry(&parked)?) {
            let kind = Kind::File(text.as_bytes().to_vec());
            host.put(&parked, &Entry { kind, ..entry })?;
        }
        if before.is_some() {
            return wait_gone(host, name, LIMIT, &go_on);
        }
        until(host, &format!("{name} did not end"), LIMIT, &go_on, &mut || {
            Ok(!is_ready(host, &old)?)
        })
    };
    let gone = gone();
    put_back(host, name, RESTARTING)?;
    gone?;
    if let Some(before) = &before {
        wait_running(host, name, before, LIMIT, &go_on)?;
    }
    if name == API_SERVER && answers {
        until(host, "the API server did not answer", LIMIT, &go_on, &mut || {
            Ok(api_server_answers(host)?)
        })?;
    }
    Ok(())
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
    let Some(command) = crictl(host, &words)? else {
        return by_containerd(host, name)?.ok_or(StaticPodError::NoRuntime);
    };
    let said = host.check(&command)?;
    let list: List = serde_json::from_str(&said)
        .map_err(|_| StaticPodError::Answer { command: command.to_string() })?;
    Ok(list.containers.into_iter().map(|container| container.id).collect())
}

/// The same, as containerd's own client tells: not every host has `crictl` any more. `None` where there is no containerd.
fn by_containerd(host: &dyn Host, name: &str) -> Result<Option<Vec<String>>, HostError> {
    if !has_program(host, "ctr")? || host.entry(CONTAINERD)?.is_none() {
        return Ok(None);
    }
    let ctr = ["ctr", "-n", "k8s.io"].into_iter();
    let of_pod = format!(
        "labels.\"io.kubernetes.container.name\"=={name},labels.\"io.kubernetes.pod.namespace\"==kube-system"
    );
    let containers = ctr.clone().chain(["containers", "ls", "-q", &of_pod]);
    let all = host.check(&Command::new(containers))?;
    let tasks = host.check(&Command::new(ctr.chain(["tasks", "ls"])))?;
    // `TASK  PID  STATUS`
    let is_running = |id: &str| {
        tasks.lines().any(|line| matches!(line.split_whitespace().collect::<Vec<_>>()[..], [task, _, "RUNNING"] if task == id))
    };
    Ok(Some(all.lines().map(str::trim).filter(|id| is_running(id)).map(str::to_owned).collect()))
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
    is_ready(host, &host.text(&manifest(API_SERVER))?.unwrap_or_default())
}

/// Whether the API server with this manifest answers that it is ready.
fn is_ready(host: &dyn Host, manifest: &str) -> Result<bool, HostError> {
    let mut argv = vec!["kubectl".to_owned(), "--kubeconfig".to_owned(), ADMIN.to_owned()];
    argv.extend(own_server(manifest).map(|server| format!("--server={server}")));
    argv.extend(["--request-timeout=5s", "get", "--raw", "/readyz"].map(str::to_owned));
    Ok(host.run(&Command::new(argv))?.is_ok())
}

/// The URL of an API server, by its manifest.
pub(crate) fn own_server(manifest: &str) -> Option<String> {
    let program = Program::read(manifest, API_SERVER).ok()?;
    let address = program.argument("advertise-address")?;
    let port = program.argument("secure-port").unwrap_or("6443");
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
        let of = |arguments: &str| {
            let command = format!("[kube-apiserver, {arguments}]");
            own_server(&format!("spec:\n  containers:\n  - command: {command}\n"))
        };
        let url = of("--advertise-address=10.0.0.2, --secure-port=7443");
        assert_eq!(url.as_deref(), Some("https://10.0.0.2:7443"));
        let url = of("--advertise-address, \"fd00::2\"");
        assert_eq!(url.as_deref(), Some("https://[fd00::2]:6443"));
        assert_eq!(of("--secure-port=7443"), None);
        assert_eq!(own_server("kind: Pod\n"), None);
    }

    #[test]
    fn containers_are_seen_where_there_is_no_crictl() {
        let host = host();
        host.set("/usr/bin/ctr", "");
        assert!(matches!(running(&host, "etcd"), Err(StaticPodError::NoRuntime)));
        host.set(CONTAINERD, "");
        host.answer(&["ctr", "-n", "k8s.io", "containers", "ls", "-q"], 0, "a1\nb2\n");
        let tasks = "TASK    PID     STATUS    \na1    10    STOPPED\nb2    11    RUNNING\nc3    12    RUNNING\n";
        host.answer(&["ctr", "-n", "k8s.io", "tasks", "ls"], 0, tasks);
        host.calls();
        assert_eq!(running(&host, "etcd").unwrap(), ["b2"]);
        insta::assert_snapshot!(host.calls().join("\n"), @r#"
        ctr -n k8s.io containers ls -q 'labels."io.kubernetes.container.name"==etcd,labels."io.kubernetes.pod.namespace"==kube-system'
        ctr -n k8s.io tasks ls
        "#);
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
