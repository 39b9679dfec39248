//! A host is looked at for a desk: once, with few programs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::serve::Work;
use super::survey::{Findings, KubernetesNode, Outlook, Standing, Survey, Versions};
use super::{EventKind, Failure, Wish};
use crate::change::ChangeError;
use crate::check::{Ignore, Purpose, Verdict, check, verify};
use crate::cluster::{ADMIN, Found, kubectl, upgrade_left};
use crate::data::leftovers;
use crate::facts::Facts;
use crate::host::{Command, Host, HostError};
use crate::kubeadm::kubeconfig::Kubeconfig;
use crate::plan::{Plan, Planning};
use crate::spec::{KubernetesVersion, Node, Role};
use crate::static_pod;
use crate::text::manifest::Program;

pub(super) fn survey(
    work: &mut Work<'_>,
    wish: Option<&Wish>,
    nodes: bool,
    findings: bool,
) -> Result<Survey, Failure> {
    let host = work.host;
    let facts = Facts::of(host)?;
    let standing = standing(host, &facts)?;
    let mut outlook = match wish {
        Some(wish) => Some(work.plan(&facts, wish).map(|plan| outlook(&plan))?),
        None => None,
    };
    if let Some(outlook) = &mut outlook {
        // Any change does it.
        let again = |name| {
            format!("static-pods: start {name} again, which a run that was cut short has ended")
        };
        outlook.changes.splice(0..0, static_pod::ended(host)?.into_iter().map(again));
    }
    if let (Some(wish), Some(outlook)) = (wish, &mut outlook)
        && matches!(standing, Standing::Node { control_plane: true, answers: true, .. })
    {
        outlook.after_init = super::member::after(work, &facts, wish)?;
    }
    let (serves, nodes) = api(work, &standing, nodes)?;
    let usual = Node::default();
    let node = wish.map_or(&usual, |wish| &wish.node);
    let findings = findings.then(|| found(host, &facts, node, &standing));
    let etcd = match work.around.etcd {
        Some(etcd) => etcd.here(host)?,
        None => None,
    };
    let addresses = addresses(host)?;
    let versions = versions(work, &facts)?;
    let upgrade_left = match (wish, &standing) {
        (Some(wish), Standing::Node { .. }) => upgrade_left(host, &wish.node, &versions)?,
        _ => None,
    };
    Ok(Survey {
        hostname: facts.hostname.clone(),
        machine_id: text(host, "/etc/machine-id")?,
        architecture: architecture(work)?,
        distribution: facts.os.pretty_name.clone(),
        addresses,
        // As late as can be: the way of the answer counts as being behind.
        clock_ms: work.around.clock_ms(),
        versions,
        outlook,
        upgrade_left,
        standing,
        serves,
        nodes,
        etcd,
        etcd_data: crate::reset::data_of_etcd(host)?,
        ended_pods: static_pod::ended(host)?.into_iter().map(str::to_owned).collect(),
        ended_certificates: super::certificates::ended(work)?,
        findings,
    })
}

fn text(host: &dyn Host, path: &str) -> Result<String, HostError> {
    Ok(host.text(path)?.unwrap_or_default().trim().to_owned())
}

/// The kernel's word for the machine. Old kernels do not show it in a file.
fn architecture(work: &Work<'_>) -> Result<String, HostError> {
    let shown = text(work.host, "/proc/sys/kernel/arch")?;
    if !shown.is_empty() {
        return Ok(shown);
    }
    let asked = work.host.run(&Command::new(["uname", "-m"]));
    Ok(asked.map(|output| output.stdout.trim().to_owned()).unwrap_or_default())
}

/// What is there of a cluster.
pub(super) fn standing(host: &dyn Host, facts: &Facts) -> Result<Standing, ChangeError> {
    let usual = Node::default();
    let planning = Planning::new(host, &usual, facts);
    Ok(match Found::of(&planning)? {
        Found::Nothing => Standing::Nothing,
        Found::Half { what, .. } => Standing::Half { what },
        Found::Doubtful { why } => Standing::Doubtful { why },
        Found::Node(node) => Standing::Node {
            server: node.server,
            authority: node.authority,
            control_plane: node.is_control_plane,
            answers: node.answers,
        },
    })
}

fn outlook(plan: &Plan) -> Outlook {
    let notes = plan
        .steps
        .iter()
        .flat_map(|step| step.notes.iter().map(|note| format!("{}: {note}", step.step)));
    Outlook {
        changes: lines(plan),
        refusals: plan.refusals().map(|refusal| refusal.to_string()).collect(),
        notes: notes.collect(),
        reboot: plan.reboot.clone(),
        after_init: Vec::new(),
    }
}

/// The changes of a plan, a line each.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    plan.changes().map(|(step, change)| format!("{step}: {change}")).collect()
}

/// A host that is a node already would fail what kubeadm asks before it begins.
fn found(host: &dyn Host, facts: &Facts, node: &Node, standing: &Standing) -> Findings {
    let purpose = match (standing, node.role) {
        (Standing::Node { .. } | Standing::Doubtful { .. }, _) | (_, Role::None) => Purpose::Host,
        (_, Role::ControlPlane) => Purpose::Join { control_plane: true },
        (_, Role::Worker) => Purpose::Join { control_plane: false },
    };
    let of_node = node.kubeadm.iter().flat_map(|kubeadm| &kubeadm.ignore_preflight_errors);
    let ignore = Ignore::parse(of_node).unwrap_or_default();
    let mut findings = Findings::default();
    let all = check(host, facts, node, purpose, &ignore).into_iter();
    for finding in all.chain(verify(host, facts, node)) {
        match finding.verdict {
            Verdict::Fail => findings.failures.push(finding.to_string()),
            Verdict::Warn => findings.warnings.push(finding.to_string()),
            Verdict::Pass | Verdict::Skip => {}
        }
    }
    findings
}

/// The versions of what is installed: packages, else what the programs themselves say.
fn versions(work: &mut Work<'_>, facts: &Facts) -> Result<Versions, HostError> {
    let host = work.host;
    let installed = facts.distribution.package_manager.installed(host)?;
    let mut version = |name: &str, argv: &[&str]| -> Result<Option<String>, HostError> {
        // Others have packages of these names with versions of their own.
        if let Some(version) = installed.get(name).filter(|version| is_kubernetes(version)) {
            return Ok(Some(upstream(version).to_owned()));
        }
        let is_there = ["/usr/local/bin", "/usr/bin"]
            .iter()
            .map(|folder| host.entry(&format!("{folder}/{name}")))
            .collect::<Result<Vec<_>, _>>()?;
        if is_there.iter().all(Option::is_none) {
            return Ok(None);
        }
        let said = match host.run(&Command::new(argv.iter().copied())) {
            Ok(output) => output.stdout,
            // The rest of the host can be told all the same.
            Err(error @ (HostError::Run { .. } | HostError::Deadline { .. })) => {
                let text = format!("the version of {name} is not known: {error}");
                work.tell(EventKind::Warning, "versions", text);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        // `Kubernetes v1.35.4`, `Client Version: v1.35.4`, `v1.35.4`.
        let number = said.split_whitespace().find_map(|part| part.strip_prefix('v'));
        Ok(number.map(|number| upstream(number).to_owned()))
    };
    Ok(Versions {
        kubeadm: version("kubeadm", &["kubeadm", "version", "-o", "short"])?,
        kubelet: version("kubelet", &["kubelet", "--version"])?,
        kubectl: version("kubectl", &["kubectl", "version", "--client"])?,
        api_server: static_pod::text(host, static_pod::API_SERVER)?
            .and_then(|text| image_version(&text, static_pod::API_SERVER)),
    })
}

/// A version without what the packager or builder adds, and without an epoch: `1.35.4` of `1.35.4-1.1`.
pub(crate) fn upstream(version: &str) -> &str {
    let plain = version.split_once(':').map_or(version, |(_, rest)| rest);
    plain.split(['-', '+', '~', ' ']).next().unwrap_or(plain)
}

fn is_kubernetes(version: &str) -> bool {
    upstream(version).parse::<KubernetesVersion>().is_ok_and(|version| version.minor.major == 1)
}

/// The version of a program in a manifest, by the tag of its image.
pub(crate) fn image_version(manifest: &str, program: &str) -> Option<String> {
    let image = Program::read(manifest, program).ok()?.image;
    let name = image.split('@').next()?;
    let (_, tag) = name.rsplit_once('/').unwrap_or(("", name)).1.split_once(':')?;
    Some(upstream(tag.strip_prefix('v').unwrap_or(tag)).to_owned())
}

/// Addresses that others may reach: those of links that are not Kubernetes' own or of containers.
fn addresses(host: &dyn Host) -> Result<Vec<IpAddr>, HostError> {
    #[derive(Deserialize)]
    struct Link {
        ifname: String,
        #[serde(default)]
        addr_info: Vec<Address>,
    }
    #[derive(Deserialize)]
    struct Address {
        local: IpAddr,
    }
    let argv = ["ip", "-j", "address", "show", "up", "scope", "global"];
    let said = match host.run(&Command::new(argv)) {
        Ok(output) => output.stdout,
        Err(HostError::Run { .. } | HostError::Deadline { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let links: Vec<Link> = serde_json::from_str(&said).unwrap_or_default();
    let is_inner = |name: &str| {
        leftovers::get().is_link(name)
            || ["docker", "br-", "veth"].iter().any(|prefix| name.starts_with(prefix))
    };
    let outer = links.into_iter().filter(|link| !is_inner(&link.ifname));
    Ok(outer.flat_map(|link| link.addr_info).map(|address| address.local).collect())
}

/// Whether the API server of this very host answers; and the nodes, as it has them, if they are asked for. One program tells
/// both where all is well.
fn api(
    work: &mut Work<'_>,
    standing: &Standing,
    wants_nodes: bool,
) -> Result<(bool, Option<Vec<KubernetesNode>>), Failure> {
    let Standing::Node { control_plane, answers, .. } = standing else { return Ok((false, None)) };
    let host = work.host;
    let manifest = host.text(&static_pod::manifest(static_pod::API_SERVER))?;
    let own = manifest.as_deref().and_then(static_pod::own_server);
    let mut serves = *control_plane && *answers && manifest.is_some();
    if *control_plane
        && let Some(own) = own
        && server_of(host, ADMIN)?.as_ref() != Some(&own)
    {
        if !wants_nodes {
            return Ok((static_pod::api_server_answers(host)?, None));
        }
        if let Ok(nodes) = kubernetes_nodes(host, Some(&own))? {
            return Ok((true, Some(nodes)));
        }
        serves = false;
    }
    if !wants_nodes || !answers {
        return Ok((serves, None));
    }
    // Another one may know them.
    let nodes = kubernetes_nodes(host, None)?;
    if let Err(why) = &nodes {
        let why = why.trim();
        work.tell(EventKind::Warning, "nodes", format!("the API does not tell its nodes: {why}"));
    }
    Ok((serves, nodes.ok()))
}

/// The URL of the API server that a kubeconfig names.
fn server_of(host: &dyn Host, path: &str) -> Result<Option<String>, HostError> {
    let text = host.text(path)?.unwrap_or_default();
    let endpoint = Kubeconfig::read(path, &text).ok().and_then(|config| config.endpoint());
    Ok(endpoint.map(|endpoint| endpoint.server))
}

/// The nodes of the cluster, as an API server has them: that with this URL, or that of the kubeconfig. The error is what it says
/// else.
fn kubernetes_nodes(
    host: &dyn Host,
    server: Option<&str>,
) -> Result<Result<Vec<KubernetesNode>, String>, HostError> {
    let server = server.map(|server| format!("--server={server}"));
    let words = ["get", "nodes", "-o", "json"];
    let words: Vec<&str> = server.as_deref().into_iter().chain(words).collect();
    match host.run(&Command::new(kubectl(&words))) {
        Ok(output) if output.is_ok() => Ok(nodes_of(&output.stdout).ok_or(output.stderr)),
        Ok(output) => Ok(Err(output.stderr)),
        Err(error @ (HostError::Run { .. } | HostError::Deadline { .. })) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// The nodes of what `kubectl get nodes -o json` says.
fn nodes_of(text: &str) -> Option<Vec<KubernetesNode>> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        metadata: Metadata,
        #[serde(default)]
        spec: Spec,
        #[serde(default)]
        status: Status,
    }
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        #[serde(default)]
        annotations: BTreeMap<String, String>,
    }
    #[derive(Default, Deserialize)]
    struct Spec {
        #[serde(default)]
        unschedulable: bool,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Status {
        conditions: Vec<Condition>,
        node_info: Info,
    }
    #[derive(Deserialize)]
    struct Condition {
        #[serde(rename = "type")]
        kind: String,
        status: String,
        #[serde(default)]
        message: String,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Info {
        kubelet_version: String,
    }
    let list: List = serde_json::from_str(text).ok()?;
    let node = |item: Item| {
        let ready = item.status.conditions.into_iter().find(|condition| condition.kind == "Ready");
        let version = item.status.node_info.kubelet_version;
        KubernetesNode {
            name: item.metadata.name,
            ready: ready.as_ref().is_some_and(|ready| ready.status == "True"),
            message: ready.map(|ready| ready.message).unwrap_or_default(),
            cordoned: item.spec.unschedulable,
            version: upstream(version.strip_prefix('v').unwrap_or(&version)).to_owned(),
            labels: item.metadata.labels,
            annotations: item.metadata.annotations,
        }
    };
    Some(list.items.into_iter().map(node).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_manifest_is_the_tag_of_its_image() {
        let of = |image: &str| {
            let other = "  - command: [other]\n    image: r/other:v9.9.9\n";
            let text =
                format!("spec:\n  containers:\n{other}  - command: [x]\n    image: {image}\n");
            image_version(&text, "x")
        };
        assert_eq!(of("registry.k8s.io/kube-apiserver:v1.35.4").as_deref(), Some("1.35.4"));
        assert_eq!(of("10.0.0.1:5000/kube-apiserver:v1.36.0-rc.1").as_deref(), Some("1.36.0"));
        assert_eq!(of("r/kube-apiserver:v1.35.4@sha256:00").as_deref(), Some("1.35.4"));
        assert_eq!(of("10.0.0.1:5000/kube-apiserver"), None);
        assert_eq!(of("\"r/kube-apiserver:v1.35.4\" # ours").as_deref(), Some("1.35.4"));
        assert_eq!(image_version("kind: Pod\n", "x"), None);
    }

    #[test]
    fn a_version_is_read_without_what_packagers_add() {
        for text in ["1.35.4", "1.35.4-1.1", "0:1.35.4-150500.1.1", "1.35.4+k3s1"] {
            assert_eq!(upstream(text), "1.35.4");
        }
    }

    #[test]
    fn nodes_are_read_as_the_api_has_them() {
        let text = r#"{"kind": "List", "items": [
            {"metadata": {"name": "n1", "labels": {"a": "b"}}, "spec": {"unschedulable": true, "podCIDR": "10.0.0.0/24"},
             "status": {"conditions": [{"type": "MemoryPressure", "status": "False"},
                                       {"type": "Ready", "status": "True", "message": "kubelet is posting"}],
                        "nodeInfo": {"kubeletVersion": "v1.35.4"}}},
            {"metadata": {"name": "n2"}, "spec": {}, "status": {}}]}"#;
        let nodes = nodes_of(text).unwrap();
        assert_eq!(nodes[0].labels["a"], "b");
        assert!(nodes[0].ready && nodes[0].cordoned);
        assert_eq!(
            (nodes[0].version.as_str(), nodes[0].message.as_str()),
            ("1.35.4", "kubelet is posting")
        );
        assert_eq!(nodes[1], KubernetesNode { name: "n2".to_owned(), ..KubernetesNode::default() });
        assert_eq!(nodes_of("refused"), None);
    }
}
