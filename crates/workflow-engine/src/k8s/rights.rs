//! The smallest Role that a run needs.
//!
//! | who | why | what |
//! |---|---|---|
//! | engine | makes Jobs, follows them, takes them away | `jobs`: create, delete, list, watch |
//! | engine | what becomes of their pods, and the end of their logs | `pods`: list, watch; `pods/log`: get |
//! | engine | why a Job has no pods | `events`: list |
//! | engine with workers that connect | their certificates | `secrets`: create, delete |
//! | engine outside, with a relay | an address for it; get: after a restart | `services`: create, delete, get |
//! | engine outside, with a relay | a way in | `pods/portforward`: create, get |
//! | who submits | the engine's Job and the workflow's file; patch: they go with the Job | `jobs`: create, delete; `configmaps`: create, delete, patch |
//! | who submits | the engine's address | `services`: create, delete, get, patch |
//! | who submits | whether the engine's account is there | `serviceaccounts`: get |
//! | who submits | follow, `status`, `logs` | `jobs`, `pods`: list, watch; `pods/log`: get |
//! | who submits | `cancel`: what a dead engine left | `secrets`: delete |
//!
//! Secrets are never read. Pods are never made or deleted: Jobs do that. A port is forwarded with `get` (a WebSocket) and
//! `create`, which newer servers ask for in addition.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use k8s_apply::name::{DnsLabel, NameError, Subdomain};
use serde::Serialize;
use serde_json::{Value, json};

/// Where the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnginePlace {
    /// Outside the cluster.
    Here {
        /// Workers reach it through a relay.
        relay: bool,
    },
    /// In a pod.
    InCluster,
}

/// The modes that a run uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modes {
    /// Pools, or Jobs of several tasks: pods that connect to the engine.
    pub connected: bool,
}

/// A rule: these verbs on these resources of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// API groups; the core group is empty.
    pub api_groups: Vec<String>,
    /// Resources, in the order of the alphabet.
    pub resources: Vec<String>,
    /// Verbs, in the order of the alphabet.
    pub verbs: Vec<String>,
}

/// Who has a Role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The engine: a service account of its own in the cluster, or the user's own account where it is outside.
    Engine,
    /// Who submits runs, follows and cancels them.
    Submitter,
}

/// Rules for a holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Whose.
    pub holder: Holder,
    /// The rules. No right stands twice.
    pub rules: Vec<Rule>,
}

/// Who a Role is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A service account of the namespace, which is made too.
    Account,
    /// A user, as the cluster names it.
    User(String),
    /// A group of users.
    Group(String),
}

/// Resources of a group, and verbs on them.
type Rights<'a> = (&'a str, &'a str, &'a [&'a str]);

const POD_FORWARD: Rights<'static> = ("", "pods/portforward", &["create", "get"]);

impl Role {
    /// The Roles for a run: the engine's, and with `submit` that of who submits it.
    #[must_use]
    pub fn for_run(modes: Modes, engine: EnginePlace, submit: bool) -> Vec<Self> {
        let mut roles = vec![Self::of_engine(modes, engine)];
        if submit {
            roles.push(Self::of_submitter());
        }
        roles
    }

    fn of_engine(modes: Modes, engine: EnginePlace) -> Self {
        let mut rights: Vec<Rights<'_>> = vec![
            ("batch", "jobs", &["create", "delete", "list", "watch"]),
            ("", "pods", &["list", "watch"]),
            ("", "pods/log", &["get"]),
            ("", "events", &["list"]),
        ];
        if modes.connected {
            rights.push(("", "secrets", &["create", "delete"]));
            if engine == (EnginePlace::Here { relay: true }) {
                rights.push(("", "services", &["create", "delete", "get"]));
                rights.push(POD_FORWARD);
            }
        }
        Self { holder: Holder::Engine, rules: rules(&rights) }
    }

    fn of_submitter() -> Self {
        let rights: [Rights<'_>; 7] = [
            ("batch", "jobs", &["create", "delete", "list", "watch"]),
            ("", "configmaps", &["create", "delete", "patch"]),
            ("", "pods", &["list", "watch"]),
            ("", "pods/log", &["get"]),
            ("", "secrets", &["delete"]),
            ("", "serviceaccounts", &["get"]),
            ("", "services", &["create", "delete", "get", "patch"]),
        ];
        Self { holder: Holder::Submitter, rules: rules(&rights) }
    }

    /// The name that its objects have.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.holder {
            Holder::Engine => "windlass-engine",
            Holder::Submitter => "windlass-submit",
        }
    }

    /// Every single right, as (group, resource, verb).
    #[must_use]
    pub fn rights(&self) -> BTreeSet<(String, String, String)> {
        let mut rights = BTreeSet::new();
        for rule in &self.rules {
            for group in &rule.api_groups {
                for resource in &rule.resources {
                    for verb in &rule.verbs {
                        rights.insert((group.clone(), resource.clone(), verb.clone()));
                    }
                }
            }
        }
        rights
    }

    /// The objects that give it: a service account if that is the subject, a Role, its binding.
    ///
    /// # Errors
    /// If the namespace or the name of the subject is none.
    pub fn objects(&self, namespace: &str, subject: &Subject) -> Result<Vec<Value>, NameError> {
        let namespace = DnsLabel::try_new(namespace)?;
        let name = Subdomain::try_new(self.name())?;
        let metadata = json!({"name": name.as_str(), "namespace": namespace.as_str()});
        let group = "rbac.authorization.k8s.io";
        let api = format!("{group}/v1");
        let mut objects = Vec::new();
        let subject = match subject {
            Subject::Account => {
                objects.push(
                    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
                );
                json!({"kind": "ServiceAccount", "name": name.as_str(), "namespace": namespace.as_str()})
            }
            Subject::User(user) => json!({"kind": "User", "name": user, "apiGroup": group}),
            Subject::Group(users) => json!({"kind": "Group", "name": users, "apiGroup": group}),
        };
        objects.push(
            json!({"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": self.rules}),
        );
        objects.push(json!({
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name.as_str()},
            "subjects": [subject],
        }));
        Ok(objects)
    }

    /// The same as YAML, ready for `kubectl apply`.
    ///
    /// # Errors
    /// As [`Role::objects`].
    pub fn yaml(&self, namespace: &str, subject: &Subject) -> Result<String, NameError> {
        let documents = self.objects(namespace, subject)?;
        let texts = documents.iter().map(|object| {
            let mut text = String::new();
            emit(object, 0, false, &mut text);
            text
        });
        Ok(texts.collect::<Vec<_>>().join("---\n"))
    }
}

/// Rules of rights: resources of a group with the same verbs share one.
fn rules(rights: &[Rights<'_>]) -> Vec<Rule> {
    let mut by_verbs: BTreeMap<(&str, &[&str]), Vec<&str>> = BTreeMap::new();
    for (group, resource, verbs) in rights {
        by_verbs.entry((group, verbs)).or_default().push(resource);
    }
    let texts = |words: &[&str]| {
        let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        words.sort();
        words
    };
    let mut rules: Vec<Rule> = by_verbs
        .into_iter()
        .map(|((group, verbs), resources)| Rule {
            api_groups: vec![group.to_owned()],
            resources: texts(&resources),
            verbs: texts(verbs),
        })
        .collect();
    rules.sort();
    rules
}

/// Writes JSON as YAML in blocks; lists of texts in one line.
fn emit(value: &Value, depth: usize, in_list: bool, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (at, (key, value)) in ordered(map).into_iter().enumerate() {
                if !(in_list && at == 0) {
                    out.push_str(&indent);
                }
                out.push_str(&scalar(key));
                out.push(':');
                match value {
                    Value::Object(map) if !map.is_empty() => {
                        out.push('\n');
                        emit(value, depth + 1, false, out);
                    }
                    Value::Array(items) if items.iter().any(|item| !item.is_string()) => {
                        out.push('\n');
                        emit(value, depth + 1, false, out);
                    }
                    other => {
                        out.push(' ');
                        emit(other, depth + 1, false, out);
                        out.push('\n');
                    }
                }
            }
        }
        Value::Array(items) if items.iter().any(|item| !item.is_string()) => {
            for item in items {
                out.push_str(&indent);
                out.push_str("- ");
                emit(item, depth + 1, true, out);
                if !item.is_object() {
                    out.push('\n');
                }
            }
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().filter_map(Value::as_str).map(scalar).collect();
            let _ = write!(out, "[{}]", words.join(", "));
        }
        Value::String(text) => out.push_str(&scalar(text)),
        other => out.push_str(&other.to_string()),
    }
}

/// The order in which people write the fields of an object.
fn ordered(map: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    const FIRST: [&str; 4] = ["apiVersion", "kind", "name", "metadata"];
    let mut fields: Vec<_> = map.iter().collect();
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    fields.sort_by_key(|(key, _)| (rank(key), key.as_str()));
    fields
}

/// A text as it can stand in YAML: as it is where nothing else can be meant, else in quotes, as JSON writes it.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/' | '_');
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use k8s_apply::manifest::{Input, LoadOptions, load};

    use super::*;

    const POOLS: Modes = Modes { connected: true };
    const JOBS: Modes = Modes { connected: false };

    fn verbs(role: &Role) -> String {
        let lines = role.rules.iter().map(|rule| {
            let group = &rule.api_groups[0];
            format!("{group:5} {} {}", rule.resources.join(","), rule.verbs.join(","))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_way_to_run_has_its_own_smallest_role() {
        let of = |modes, place| verbs(&Role::for_run(modes, place, false)[0]);
        insta::assert_snapshot!(of(JOBS, EnginePlace::InCluster), @r"
              events list
              pods list,watch
              pods/log get
        batch jobs create,delete,list,watch
        ");
        assert_eq!(of(JOBS, EnginePlace::InCluster), of(JOBS, EnginePlace::Here { relay: true }));
        insta::assert_snapshot!(of(POOLS, EnginePlace::InCluster), @r"
              events list
              pods list,watch
              pods/log get
              secrets create,delete
        batch jobs create,delete,list,watch
        ");
        let direct = of(POOLS, EnginePlace::Here { relay: false });
        assert_eq!(of(POOLS, EnginePlace::InCluster), direct);
        insta::assert_snapshot!(of(POOLS, EnginePlace::Here { relay: true }), @r"
              events list
              pods list,watch
              pods/log get
              pods/portforward create,get
              secrets create,delete
              services create,delete,get
        batch jobs create,delete,list,watch
        ");
        let roles = Role::for_run(POOLS, EnginePlace::InCluster, true);
        insta::assert_snapshot!(verbs(&roles[1]), @r"
              configmaps create,delete,patch
              pods list,watch
              pods/log,serviceaccounts get
              secrets delete
              services create,delete,get,patch
        batch jobs create,delete,list,watch
        ");
    }

    #[test]
    fn no_role_reads_secrets_makes_pods_or_has_a_wildcard() {
        for role in Role::for_run(POOLS, EnginePlace::Here { relay: true }, true) {
            for (group, resource, verb) in role.rights() {
                assert!(![&group, &resource, &verb].iter().any(|word| word.contains('*')));
                assert!(resource != "secrets" || ["create", "delete"].contains(&verb.as_str()));
                assert!(resource != "pods" || verb != "create");
            }
        }
    }

    #[test]
    fn the_manifest_is_what_people_write() {
        let role = &Role::for_run(JOBS, EnginePlace::InCluster, false)[0];
        insta::assert_snapshot!(role.yaml("2024", &Subject::Account).unwrap(), @r#"
        apiVersion: v1
        kind: ServiceAccount
        metadata:
          name: windlass-engine
          namespace: "2024"
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata:
          name: windlass-engine
          namespace: "2024"
        rules:
          - apiGroups: [""]
            resources: [events]
            verbs: [list]
          - apiGroups: [""]
            resources: [pods]
            verbs: [list, watch]
          - apiGroups: [""]
            resources: [pods/log]
            verbs: [get]
          - apiGroups: [batch]
            resources: [jobs]
            verbs: [create, delete, list, watch]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata:
          name: windlass-engine
          namespace: "2024"
        roleRef:
          kind: Role
          name: windlass-engine
          apiGroup: rbac.authorization.k8s.io
        subjects:
          - kind: ServiceAccount
            name: windlass-engine
            namespace: "2024"
        "#);
    }

    #[test]
    fn the_yaml_reads_back_as_the_objects() {
        let subjects = [
            Subject::Account,
            Subject::User("jane: doe\n#\"x".to_owned()),
            Subject::Group("yes".to_owned()),
        ];
        for role in Role::for_run(POOLS, EnginePlace::Here { relay: true }, true) {
            for subject in &subjects {
                let text = role.yaml("flows", subject).unwrap();
                let loaded = load(&[Input::text("rbac.yaml", text)], &LoadOptions::default());
                assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
                let read: Vec<Value> = loaded
                    .manifests
                    .iter()
                    .map(|manifest| manifest.object.value().clone())
                    .collect();
                assert_eq!(read, role.objects("flows", subject).unwrap());
            }
        }
        let role = &Role::for_run(JOBS, EnginePlace::InCluster, false)[0];
        assert!(role.yaml("a b", &Subject::Account).is_err());
    }
}
