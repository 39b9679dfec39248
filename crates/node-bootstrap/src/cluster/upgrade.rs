//! A node goes to another version of Kubernetes, one minor at a time.

use super::documents;
use super::found::{API_SERVER, KUBELET};
use super::init::version;
use super::{PATCHES, document_error};
use crate::agent::{UpgradeLeft, UpgradePart, Versions, image_version, upstream};
use crate::change::kubeadm::{UPGRADE, Upgraded, Verb};
use crate::change::{Change, ChangeError, Poke, Wanted};
use crate::data::kubernetes as minors;
use crate::host::{Host, HostError};
use crate::journal::Journal;
use crate::kubeadm::{
    Document, Patches, UpgradeApply, UpgradeConfiguration, UpgradeNode, render_redacted,
};
use crate::plan::{Planning, Step};
use crate::spec::{Kubernetes, KubernetesVersion, Minor, Node};
use crate::static_pod::{self, manifest};
use crate::steps::pattern;

/// One part of an upgrade to the Kubernetes of `node.yaml`. The repository of its minor is a step of its own.
#[derive(Debug, Clone, Copy)]
pub struct Upgrade {
    /// Which part.
    pub part: UpgradePart,
}

/// The components whose manifests have the version of a control plane.
const COMPONENTS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

impl Step for Upgrade {
    fn id(&self) -> &'static str {
        "upgrade"
    }

    fn why(&self) -> &'static str {
        "A cluster goes to the next minor of Kubernetes part by part: kubeadm, the first control plane, the others, and the kubelet of \
         each node, once it is drained."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = planning.node.kubernetes.clone() else {
            planning.refuse("node.yaml has no `kubernetes: {version: ...}` to go to");
            return Ok(());
        };
        if !planning.is_live() || !planning.exists(KUBELET)? {
            planning.refuse(
                "this host is no node of a cluster; `node-prep apply` installs what it lacks",
            );
            return Ok(());
        }
        let is_control_plane = planning.is_control_plane()?;
        let from = if is_control_plane { api_server(planning)? } else { kubelet(planning)? };
        if let Some(why) = from.and_then(|from| forbidden(from, wish.version, is_control_plane)) {
            planning.refuse(why);
            return Ok(());
        }
        match self.part {
            UpgradePart::Kubeadm => packages(planning, &wish, wish.version, &["kubeadm"]),
            UpgradePart::First if !is_control_plane => {
                planning.refuse("this host is no control plane; an upgrade begins with one");
                Ok(())
            }
            UpgradePart::First => kubeadm(planning, Verb::UpgradeApply, true),
            UpgradePart::Node => kubeadm(planning, Verb::UpgradeNode, is_control_plane),
            UpgradePart::Kubelet => node_agent(planning, &wish, is_control_plane),
        }
    }
}

/// Why a control plane, or a kubelet, does not go from one version to another; `None` if it may.
fn forbidden(
    from: KubernetesVersion,
    to: KubernetesVersion,
    is_control_plane: bool,
) -> Option<String> {
    let is_back = to.minor < from.minor
        || to.minor == from.minor
            && to.patch.is_some_and(|to| from.patch.is_some_and(|from| to < from));
    if is_back {
        return Some(format!(
            "Kubernetes is {from} here, and {to} is older: it never goes back; what etcd has stored cannot"
        ));
    }
    let step = minors::skew().step(is_control_plane);
    if to.minor.major == from.minor.major && to.minor.minor - from.minor.minor <= step {
        return None;
    }
    let next = Minor { minor: from.minor.minor + step, ..from.minor };
    let what = if is_control_plane { "a control plane" } else { "a kubelet" };
    Some(format!(
        "Kubernetes is {from} here, and {to} is too far away: {what} goes {step} minors at once at most, to {next} first"
    ))
}

fn parsed(text: &str) -> Option<KubernetesVersion> {
    upstream(text.strip_prefix('v').unwrap_or(text)).parse().ok()
}

/// The version of this host's API server, by its manifest.
fn api_server(planning: &Planning<'_>) -> Result<Option<KubernetesVersion>, HostError> {
    let text = planning.text(API_SERVER)?.unwrap_or_default();
    Ok(image_version(&text, static_pod::API_SERVER).and_then(|version| parsed(&version)))
}

fn kubelet(planning: &Planning<'_>) -> Result<Option<KubernetesVersion>, HostError> {
    Ok(planning.installed("kubelet")?.and_then(parsed))
}

/// These packages have a version; all others keep theirs, and all that shall be held are.
fn packages(
    planning: &mut Planning<'_>,
    wish: &Kubernetes,
    version: KubernetesVersion,
    names: &[&str],
) -> Result<(), ChangeError> {
    let version = pattern(version);
    let wanted: Vec<Wanted> = names
        .iter()
        .map(|name| Wanted { name: (*name).to_owned(), version: Some(version.clone()) })
        .collect();
    planning.want_packages(&wanted, &["kubernetes"])?;
    if wish.hold {
        let held: Vec<&str> = wish.packages.iter().map(String::as_str).collect();
        planning.want_held(&held)?;
    }
    Ok(())
}

/// How far `kubeadm upgrade` came on a host.
struct Mark {
    upgraded: Option<Upgraded>,
    /// The versions of the components of a control plane, by their manifests.
    components: Option<Vec<Option<String>>>,
}

impl Mark {
    fn read(
        upgraded: Option<String>,
        is_control_plane: bool,
        text: impl Fn(&str) -> Result<Option<String>, HostError>,
    ) -> Result<Self, HostError> {
        let upgraded = upgraded.and_then(|text| Upgraded::parse(&text));
        let version = |name: &str| Ok(text(name)?.and_then(|text| image_version(&text, name)));
        let components = is_control_plane
            .then(|| COMPONENTS.into_iter().map(version).collect::<Result<_, HostError>>())
            .transpose()?;
        Ok(Self { upgraded, components })
    }

    /// Whether it came to its end, at this version; `None` where nothing tells.
    fn is_done(&self, is_wanted: impl Fn(&str) -> bool) -> Option<bool> {
        match (&self.upgraded, &self.components) {
            (Some(Upgraded::Begun(_)), _) => Some(false),
            (_, Some(components)) => {
                Some(components.iter().all(|version| version.as_deref().is_some_and(&is_wanted)))
            }
            (Some(Upgraded::Done(version)), None) => {
                Some(is_wanted(version.trim_start_matches('v')))
            }
            (None, None) => None,
        }
    }
}

/// What is left of the upgrade of a node to the version of its wish. Runs no program.
pub(crate) fn upgrade_left(
    host: &dyn Host,
    wish: &Node,
    versions: &Versions,
) -> Result<Option<UpgradeLeft>, ChangeError> {
    let Some(to) = wish.kubernetes.as_ref().map(|wish| wish.version) else { return Ok(None) };
    let of = |version: &Option<String>| version.as_deref().and_then(parsed);
    let (kubeadm, kubelet, api_server) =
        (of(&versions.kubeadm), of(&versions.kubelet), of(&versions.api_server));
    let fits = |from: Option<KubernetesVersion>| {
        from.is_some_and(|from| {
            from.minor == to.minor && to.patch.is_none_or(|patch| from.patch == Some(patch))
        })
    };
    let is_control_plane = api_server.is_some();
    let mark =
        Mark::read(host.text(UPGRADE)?, is_control_plane, |name| static_pod::text(host, name))?;
    // Where no patch is named, kubeadm's own counts.
    let target = if to.patch.is_none() && fits(kubeadm) { kubeadm } else { None };
    let is_wanted = |version: &str| {
        let version = parsed(version);
        if target.is_some() { version == target } else { fits(version) }
    };
    let restart = Poke::Restart("kubelet.service".to_owned());
    let is_owed =
        Journal::read(host).is_ok_and(|journal| journal.owed().any(|poke| *poke == restart));
    let forbidden = |from: Option<KubernetesVersion>, is_control_plane| {
        from.and_then(|from| forbidden(from, to, is_control_plane))
    };
    Ok(Some(UpgradeLeft {
        kubeadm: !fits(kubeadm),
        // A node that came with this version was never upgraded.
        node: !mark.is_done(is_wanted).unwrap_or_else(|| fits(kubelet)),
        kubelet: !fits(kubelet) || is_owed,
        refusal: forbidden(api_server, true).or_else(|| forbidden(kubelet, false)),
    }))
}

/// `kubeadm upgrade`, where it was not done, or not to its end.
fn kubeadm(
    planning: &mut Planning<'_>,
    verb: Verb,
    is_control_plane: bool,
) -> Result<(), ChangeError> {
    let Some(target) = version(planning)? else { return Ok(()) };
    let upgraded = planning.text(UPGRADE)?;
    let mark = Mark::read(upgraded, is_control_plane, |name| planning.text(&manifest(name)))?;
    let is_there = |version: &str| format!("v{version}") == target;
    if mark.is_done(is_there).unwrap_or(false) {
        return Ok(());
    }
    let wish = planning.node.kubeadm.clone().unwrap_or_default();
    // What is true of this host's kubelet alone was written there when it became a node.
    let patches = (!planning.list(PATCHES)?.is_empty())
        .then(|| Patches { directory: Some(PATCHES.to_owned()) });
    let ignore_preflight_errors = wish.ignore_preflight_errors.clone();
    let mut configuration = UpgradeConfiguration {
        timeouts: documents::timeouts(&wish),
        ..UpgradeConfiguration::default()
    };
    if verb == Verb::UpgradeApply {
        let kubernetes_version = Some(target.clone());
        configuration.apply =
            Some(UpgradeApply { kubernetes_version, ignore_preflight_errors, patches });
    } else {
        configuration.node = Some(UpgradeNode { ignore_preflight_errors, patches });
    }
    let text = render_redacted(&[Document::Upgrade(&configuration)]).map_err(document_error)?;
    let shown = format!("{}{text}", Upgraded::head(&target));
    planning.live_shown(Change::Kubeadm { verb, document: shown.clone().into() }, shown);
    Ok(())
}

/// The kubelet and kubectl. A kubelet is never newer than the API servers that it talks to.
fn node_agent(
    planning: &mut Planning<'_>,
    wish: &Kubernetes,
    is_control_plane: bool,
) -> Result<(), ChangeError> {
    let Some(target) = version(planning)?.and_then(|version| parsed(&version)) else {
        return Ok(());
    };
    if let Some(why) = kubelet(planning)?.and_then(|from| forbidden(from, target, false)) {
        planning.refuse(why);
        return Ok(());
    }
    let served = if is_control_plane { api_server(planning)? } else { asked(planning)? };
    if let Some(served) = served
        && (served.minor, served.patch.unwrap_or_default())
            < (target.minor, target.patch.unwrap_or_default())
    {
        planning.refuse(format!(
            "the API server is {served}, and a kubelet of {target} would be newer: the control planes go first"
        ));
        return Ok(());
    }
    packages(planning, wish, target, &["kubelet", "kubectl"])?;
    if planning.has_changes() {
        planning.poke(Poke::DaemonReload);
        planning.poke(Poke::Restart("kubelet.service".to_owned()));
    }
    Ok(())
}

/// The version of the API server that the kubelet of this host talks to. Where it does not tell, that is refused.
fn asked(planning: &mut Planning<'_>) -> Result<Option<KubernetesVersion>, HostError> {
    let argv =
        ["kubectl", "--kubeconfig", KUBELET, "--request-timeout=10s", "get", "--raw", "/version"];
    let output = planning.look(&argv)?;
    let told: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let version = told["gitVersion"].as_str().and_then(parsed);
    if version.is_none() {
        planning.refuse(format!(
            "the API server does not tell its version, and a kubelet must not be newer: {}",
            output.stderr.trim()
        ));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_one_minor_forth_and_never_back() {
        let version = |text: &str| text.parse::<KubernetesVersion>().unwrap();
        let may = |from: &str, to: &str| forbidden(version(from), version(to), true);
        for (from, to) in
            [("1.35.4", "1.36"), ("1.35.4", "1.35"), ("1.35.4", "1.35.9"), ("1.35.4", "1.36.1")]
        {
            assert_eq!(may(from, to), None, "{from} {to}");
        }
        for (from, to) in [("1.35.4", "1.34"), ("1.35.4", "1.35.3"), ("1.35.4", "1.34.9")] {
            assert!(may(from, to).unwrap().contains("never goes back"), "{from} {to}");
        }
        assert!(may("1.35.4", "1.37").unwrap().contains("to 1.36 first"));
        let kubelet = |from: &str, to: &str| forbidden(version(from), version(to), false);
        assert_eq!(kubelet("1.33.2", "1.36"), None);
        assert!(kubelet("1.33.2", "1.37").unwrap().contains("to 1.36 first"));
    }

    #[test]
    fn kubeadm_is_told_where_to_go_and_what_is_true_of_this_host() {
        let host = crate::fake::FakeHost::new();
        host.set(KUBELET, "kind: Config\n");
        host.set(API_SERVER, "    image: registry.k8s.io/kube-apiserver:v1.34.9\n");
        host.set(&format!("{PATCHES}/kubeletconfiguration+merge.yaml"), "resolvConf: /x\n");
        let text = "kubernetes: {version: '1.35'}\nkubeadm: {ignorePreflightErrors: [NumCPU], timeouts: {upgradeManifests: 9m}}\n";
        let node = crate::spec::Node::read("node.yaml", text).unwrap();
        let plan =
            crate::steps::testing::plan_of(&host, &node, &Upgrade { part: UpgradePart::First });
        let (_, change) = plan.changes().next().unwrap();
        assert_eq!(
            change.to_string(),
            "run kubeadm upgrade apply --config /run/node-prep-kubeadm.yaml"
        );
        insta::assert_snapshot!(plan.steps[0].changes[0].diff.as_deref().unwrap(), @r"
        # Kubernetes v1.35.4
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: UpgradeConfiguration
        apply:
          kubernetesVersion: v1.35.4
          ignorePreflightErrors:
          - NumCPU
          patches:
            directory: /etc/kubernetes/node-prep/patches
        timeouts:
          upgradeManifests: 9m
        ");
    }
}
