//! Which kinds there are.

use serde_json::{Value, json};

use crate::Kind;

/// The media type of the discovery that has all kinds in one document.
pub(crate) const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The groups with their versions, in the order of the table.
fn groups(kinds: &[Kind], is_core: bool) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.group.is_empty() == is_core) {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, versions)) if versions.contains(&kind.version) => {}
            Some((_, versions)) => versions.push(kind.version),
            None => groups.push((kind.group, vec![kind.version])),
        }
    }
    groups
}

/// All kinds of `/api` or of `/apis`.
pub(crate) fn aggregated(kinds: &[Kind], is_core: bool) -> Value {
    let resource = |kind: &Kind| {
        let response = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let mut resource = json!({
            "resource": kind.plural, "responseKind": response, "verbs": VERBS,
            "scope": if kind.is_namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": kind.kind.to_lowercase(),
        });
        if !kind.short.is_empty() {
            resource["shortNames"] = json!([kind.short]);
        }
        if kind.status.is_some() {
            resource["subresources"] =
                json!([{"subresource": "status", "responseKind": response, "verbs": STATUS_VERBS}]);
        }
        resource
    };
    let version = |group: &str, version: &str| {
        let of = kinds.iter().filter(|kind| kind.group == group && kind.version == version);
        json!({"version": version, "resources": of.map(resource).collect::<Vec<_>>(), "freshness": "Current"})
    };
    let items = groups(kinds, is_core).into_iter().map(|(group, versions)| {
        let versions: Vec<Value> = versions.iter().map(|one| version(group, one)).collect();
        let meta = if is_core { json!({}) } else { json!({"name": group}) };
        json!({"metadata": meta, "versions": versions})
    });
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items.collect::<Vec<_>>(),
    })
}

/// What `/api` says to those who do not know better.
pub(crate) fn versions(kinds: &[Kind]) -> Value {
    let versions: Vec<_> =
        groups(kinds, true).into_iter().flat_map(|(_, versions)| versions).collect();
    json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []})
}

/// What `/apis` says to those who do not know better.
pub(crate) fn group_list(kinds: &[Kind]) -> Value {
    let groups = groups(kinds, false).into_iter().map(|(group, versions)| {
        let version = |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
        let versions: Vec<Value> = versions.iter().map(version).collect();
        json!({"name": group, "preferredVersion": versions[0], "versions": versions})
    });
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()})
}

/// The kinds of one version of one group, if there are any.
pub(crate) fn resources(kinds: &[Kind], group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    let mut group_version = None;
    for kind in kinds.iter().filter(|kind| kind.group == group && kind.version == version) {
        group_version = Some(kind.api_version());
        let base = json!({"namespaced": kind.is_namespaced, "kind": kind.kind});
        let mut resource = base.clone();
        resource["name"] = kind.plural.into();
        resource["singularName"] = kind.kind.to_lowercase().into();
        resource["verbs"] = json!(VERBS);
        resource["shortNames"] = json!([kind.short]);
        resources.push(resource);
        if kind.status.is_some() {
            let mut status = base;
            status["name"] = format!("{}/status", kind.plural).into();
            status["singularName"] = "".into();
            status["verbs"] = json!(STATUS_VERBS);
            resources.push(status);
        }
    }
    let group_version = group_version?;
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version, "resources": resources,
    }))
}
