//! The kinds that a cluster serves.

use std::collections::HashMap;

use http::{Request, header};
use kube::core::discovery::v2::{ACCEPT_AGGREGATED_DISCOVERY_V2, APIGroupDiscoveryList};
use serde_json::Value;

use super::{CallError, Cluster, Doing};
use crate::object::{GroupKind, GroupVersionKind, Object};

/// A kind, and where its objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// Its name in paths, such as `deployments`.
    pub plural: String,
    /// Short forms of its name, such as `deploy`.
    pub short_names: Vec<String>,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether it has a `scale` subresource.
    pub scalable: bool,
    /// What can be done with it, such as `list`. Empty if that is not known.
    pub verbs: Vec<String>,
    /// Whether it is known from a definition in the set, not from the server.
    pub from_set: bool,
}

impl Kind {
    /// A kind of which every cluster has objects, in namespaces: `Kind::of("batch/v1", "Job", "jobs")`.
    #[must_use]
    pub fn of(api_version: &str, kind: &str, plural: &str) -> Self {
        Self {
            gvk: GroupVersionKind::of(api_version, kind),
            plural: plural.to_owned(),
            short_names: Vec::new(),
            namespaced: true,
            scalable: false,
            verbs: Vec::new(),
            from_set: false,
        }
    }

    /// The path of its objects, of one namespace or of all.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let GroupVersionKind { group, version, .. } = &self.gvk;
        let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("{root}/{version}/namespaces/{namespace}/{}", self.plural)
            }
            _ => format!("{root}/{version}/{}", self.plural),
        }
    }

    /// Whether objects of this kind can be listed and deleted.
    #[must_use]
    pub fn is_collection(&self) -> bool {
        ["list", "delete"].iter().all(|verb| self.verbs.iter().any(|one| one == verb))
    }
}

/// The kinds that a cluster serves, and those that a set will add.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    by_version: HashMap<GroupVersionKind, Kind>,
    preferred: HashMap<GroupKind, String>,
    /// Versions of groups of which the server does not know at the moment what they hold.
    stale: Vec<String>,
}

impl Kinds {
    /// Asks the server, in two calls.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn discover(cluster: &Cluster) -> Result<Self, CallError> {
        let mut kinds = Self::default();
        for path in ["/api", "/apis"] {
            let doing = Doing::new(format!("ask for the kinds under {path}"));
            let broken = |fault: String| CallError::Broken { what: doing.what.clone(), fault };
            let request = Request::get(path)
                .header(header::ACCEPT, ACCEPT_AGGREGATED_DISCOVERY_V2)
                .body(Vec::new())
                .map_err(|error| broken(error.to_string()))?;
            let answer = cluster.call(&doing, &request).await?;
            if answer.value.get("kind").and_then(Value::as_str) != Some("APIGroupDiscoveryList") {
                return Err(broken(
                    "the server has no aggregated discovery (Kubernetes 1.26 or newer has it)"
                        .into(),
                ));
            }
            let list: APIGroupDiscoveryList =
                serde_json::from_value(answer.value).map_err(|error| broken(error.to_string()))?;
            kinds.add(list);
        }
        Ok(kinds)
    }

    fn add(&mut self, list: APIGroupDiscoveryList) {
        for group in list.items {
            let group_name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
            for version in group.versions {
                let version_name = version.version.unwrap_or_default();
                if version.freshness.as_deref() == Some("Stale") {
                    self.stale.push(format!("{group_name}/{version_name}"));
                }
                for resource in version.resources {
                    let (Some(plural), Some(answer)) = (resource.resource, resource.response_kind)
                    else {
                        continue;
                    };
                    let gvk = GroupVersionKind {
                        // Left out where it is the group that is being listed.
                        group: answer
                            .group
                            .filter(|group| !group.is_empty())
                            .unwrap_or_else(|| group_name.clone()),
                        version: answer
                            .version
                            .filter(|version| !version.is_empty())
                            .unwrap_or_else(|| version_name.clone()),
                        kind: answer.kind.unwrap_or_default(),
                    };
                    self.insert(Kind {
                        gvk,
                        plural,
                        short_names: resource.short_names,
                        namespaced: resource.scope.as_deref() == Some("Namespaced"),
                        scalable: resource
                            .subresources
                            .iter()
                            .any(|one| one.subresource.as_deref() == Some("scale")),
                        verbs: resource.verbs,
                        from_set: false,
                    });
                }
            }
        }
    }

    fn insert(&mut self, kind: Kind) {
        // The server lists the version that it prefers first.
        self.preferred.entry(kind.gvk.group_kind()).or_insert_with(|| kind.gvk.version.clone());
        self.by_version.entry(kind.gvk.clone()).or_insert(kind);
    }

    /// Adds what a `CustomResourceDefinition` defines, as far as the server does not serve it yet.
    pub fn add_definition(&mut self, definition: &Object) {
        let names = |field: &str| definition.text(&format!("/spec/names/{field}"));
        let (Some(group), Some(kind), Some(plural)) =
            (definition.text("/spec/group"), names("kind"), names("plural"))
        else {
            return;
        };
        let versions = definition.at("/spec/versions").and_then(Value::as_array);
        for version in versions.into_iter().flatten() {
            let served = version.get("served").and_then(Value::as_bool).unwrap_or(false);
            let Some(name) = version.get("name").and_then(Value::as_str).filter(|_| served) else {
                continue;
            };
            self.insert(Kind {
                gvk: GroupVersionKind {
                    group: group.to_owned(),
                    version: name.to_owned(),
                    kind: kind.to_owned(),
                },
                plural: plural.to_owned(),
                short_names: Vec::new(),
                namespaced: definition.text("/spec/scope") == Some("Namespaced"),
                scalable: version.pointer("/subresources/scale").is_some(),
                verbs: ["get", "list", "watch", "create", "update", "patch", "delete"]
                    .map(str::to_owned)
                    .to_vec(),
                from_set: true,
            });
        }
    }

    /// A kind at a version.
    #[must_use]
    pub fn get(&self, gvk: &GroupVersionKind) -> Option<&Kind> {
        self.by_version.get(gvk)
    }

    /// A kind at the version that the server prefers.
    #[must_use]
    pub fn preferred(&self, group_kind: &GroupKind) -> Option<&Kind> {
        let version = self.preferred.get(group_kind)?;
        self.by_version.get(&GroupVersionKind {
            group: group_kind.group.clone(),
            version: version.clone(),
            kind: group_kind.kind.clone(),
        })
    }

    /// The versions at which a kind is served, sorted.
    #[must_use]
    pub fn versions(&self, group_kind: &GroupKind) -> Vec<&str> {
        let mut versions: Vec<&str> = self
            .by_version
            .keys()
            .filter(|gvk| gvk.group == group_kind.group && gvk.kind == group_kind.kind)
            .map(|gvk| gvk.version.as_str())
            .collect();
        versions.sort_unstable();
        versions
    }

    /// All kinds, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Kind> {
        self.by_version.values()
    }

    /// The kind that people mean by a word: a kind, a plural, a singular or a short form, with or without its group
    /// (`deployment`, `Deployments.apps`). Kubernetes' own groups come first.
    #[must_use]
    pub fn named(&self, word: &str) -> Option<&Kind> {
        let word = word.to_ascii_lowercase();
        let (name, group) =
            word.split_once('.').map_or((word.as_str(), None), |(n, g)| (n, Some(g)));
        let fits = |kind: &&Kind| {
            let singular = kind.gvk.kind.to_ascii_lowercase();
            (kind.plural == name
                || singular == name
                || kind.short_names.iter().any(|one| one == name))
                && group.is_none_or(|group| kind.gvk.group == group)
                && self.preferred.get(&kind.gvk.group_kind()) == Some(&kind.gvk.version)
        };
        self.all().filter(fits).min_by_key(|kind| (kind.gvk.group.contains('.'), kind.gvk.clone()))
    }

    /// Versions of groups whose kinds the server could not tell, such as those of an extension that is down.
    #[must_use]
    pub fn stale(&self) -> &[String] {
        &self.stale
    }
}
