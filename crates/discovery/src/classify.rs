//! The role of a pod.

use diagnostics::{DataPath, Problem};
use serde::Serialize;
use topology::{ClusterName, Pod, Role, RoleKey};

use crate::name::{self, Extent, Generation, Meaning};
use crate::version::is_hpcc;

/// The label that says what a pod is for: a name of [`topology::Role`], or `thor_roxie`.
pub const ROLE_LABEL: &str = "windlass.dev/hpcc-role";
/// The label that names the cluster which a pod belongs to.
pub const CLUSTER_LABEL: &str = "windlass.dev/hpcc-cluster";

/// How the role of a pod is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// By the labels [`ROLE_LABEL`] and [`CLUSTER_LABEL`].
    Labels,
    /// By the labels `app` and `cluster`.
    AppLabels,
    /// By the name contract of 2019.
    Name2019,
    /// By the prefixes of 2016.
    Name2016,
}

/// The roles of a pod. Empty if it has none; what is odd about it is added to the problems.
pub(crate) fn classify(pod: &Pod, problems: &mut Vec<Problem>) -> Option<(Vec<RoleKey>, Evidence)> {
    let named = by_name(pod);
    let labelled = match by_labels(pod) {
        Ok(Some(keys)) => Some((keys, Evidence::Labels)),
        Ok(None) => by_app(pod).map(|keys| (keys, Evidence::AppLabels)),
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    let Some((keys, evidence)) = labelled else {
        return named.map(|meaning| {
            let evidence = match meaning.generation {
                Generation::Of2016 => Evidence::Name2016,
                Generation::Of2019 => Evidence::Name2019,
            };
            (meaning.keys, evidence)
        });
    };
    if let Some(meaning) = named
        && disagree(&keys, &meaning.keys)
    {
        let list = |keys: &[RoleKey]| {
            keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
        };
        problems.push(
            Problem::warning(
                "labels-and-name",
                format!(
                    "pod {} is {} by its labels, and {} by its name",
                    pod.name,
                    list(&keys),
                    list(&meaning.keys)
                ),
            )
            .at(path(pod))
            .help("its labels count; rename it, or mend the labels"),
        );
    }
    Some((keys, evidence))
}

/// Whether two readings differ. One that knows no cluster does not contradict one that does.
fn disagree(one: &[RoleKey], other: &[RoleKey]) -> bool {
    let roles = |keys: &[RoleKey]| keys.iter().map(RoleKey::role).collect::<Vec<_>>();
    let cluster = |keys: &[RoleKey]| keys.iter().find_map(RoleKey::cluster).cloned();
    roles(one) != roles(other)
        || matches!((cluster(one), cluster(other)), (Some(a), Some(b)) if a != b)
}

/// Where a pod is, for problems about it.
pub(crate) fn path(pod: &Pod) -> DataPath {
    DataPath::from([format!("{}/{}", pod.namespace, pod.name)])
}

fn by_labels(pod: &Pod) -> Result<Option<Vec<RoleKey>>, Box<Problem>> {
    let Some(role) = pod.labels.get(ROLE_LABEL) else { return Ok(None) };
    let fault = |label: &str, fault: String| {
        let problem = Problem::error("bad-label", format!("pod {}: {fault}", pod.name))
            .at(path(pod).join("metadata").join("labels").join(label))
            .help(format!("mend the label {label}, or remove it"));
        Box::new(problem)
    };
    let roles = name::roles_of(role).ok_or_else(|| {
        let known = Role::ALL.map(Role::as_str).join(", ");
        fault(ROLE_LABEL, format!("`{role}` is no role; known are {known}"))
    })?;
    let cluster: Option<ClusterName> = match pod.labels.get(CLUSTER_LABEL) {
        None => None,
        Some(text) => Some(text.parse().map_err(|wrong| fault(CLUSTER_LABEL, format!("{wrong}")))?),
    };
    Ok(Some(name::keys(&roles, cluster.as_ref())))
}

fn by_app(pod: &Pod) -> Option<Vec<RoleKey>> {
    let cluster = pod.labels.get("cluster");
    let app = pod.labels.get("app").map(|app| app.strip_prefix("svc-").unwrap_or(app));
    // All pods of a release may be labelled so; only a pod of that name carries everything.
    if app == Some("hpcc") {
        return None;
    }
    let meaning = match (app, cluster) {
        (Some(app), _) => name::meaning(app, Extent::Whole)?,
        // The manifests of 2019 label their support pods with `cluster: support` and nothing else.
        (None, Some(cluster)) => name::meaning(cluster, Extent::Whole)
            .filter(|meaning| meaning.keys.iter().all(|key| !key.role().is_clustered()))?,
        (None, None) => return None,
    };
    let meaning = believed(pod, meaning)?;
    let roles: Vec<Role> = meaning.keys.iter().map(RoleKey::role).collect();
    match cluster.and_then(|cluster| cluster.parse().ok()) {
        Some(cluster) if app.is_some() => Some(name::keys(&roles, Some(&cluster))),
        _ => Some(meaning.keys),
    }
}

fn by_name(pod: &Pod) -> Option<Meaning> {
    let meaning = match &pod.stem {
        Some(stem) => name::meaning(stem, Extent::Whole),
        None => name::meaning(&pod.name, Extent::Field),
    };
    meaning.and_then(|meaning| believed(pod, meaning))
}

/// A common word counts only in a pod that runs an image of HPCC, as far as its images are known.
fn believed(pod: &Pod, meaning: Meaning) -> Option<Meaning> {
    let plausible = pod.images.is_empty() || pod.images.iter().any(|image| is_hpcc(image));
    (plausible || !meaning.is_common_word).then_some(meaning)
}
