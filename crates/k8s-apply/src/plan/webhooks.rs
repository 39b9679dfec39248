//! Whether something may change objects on their way into the cluster.

use serde_json::Value;

use crate::cluster::{Cluster, Kind, Kinds};
use crate::object::Object;

const GROUP: &str = "admissionregistration.k8s.io";

/// The rules by which admission changes objects.
#[derive(Debug, Default)]
pub(crate) struct Mutators {
    /// Not known, because this account may not read them.
    hidden: bool,
    rules: Vec<Value>,
}

impl Mutators {
    /// What may change everything: for a single look that is not worth asking for the rules.
    pub(crate) fn everything() -> Self {
        Self { hidden: true, rules: Vec::new() }
    }

    /// Reads the mutating webhooks and policies. What cannot be read is taken to change everything.
    pub(super) async fn read(cluster: &Cluster, kinds: &Kinds) -> Self {
        let mut mutators = Self::default();
        for (word, rules) in [
            ("mutatingwebhookconfigurations", webhook_rules as fn(&Object) -> Vec<Value>),
            ("mutatingadmissionpolicies", policy_rules),
        ] {
            let Some(kind) = kinds.named(&format!("{word}.{GROUP}")) else { continue };
            match cluster.list(kind, None, None).await {
                Ok(found) => mutators.rules.extend(found.iter().flat_map(rules)),
                Err(_) => mutators.hidden = true,
            }
        }
        mutators
    }

    /// Whether objects of a kind may be changed.
    pub(super) fn may_change(&self, kind: &Kind) -> bool {
        self.hidden || self.rules.iter().any(|rule| covers(rule, kind))
    }
}

fn items(object: &Object, pointer: &str) -> Vec<Value> {
    object.at(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn webhook_rules(configuration: &Object) -> Vec<Value> {
    let webhooks = items(configuration, "/webhooks");
    let rules = webhooks.iter().filter_map(|webhook| webhook.get("rules")?.as_array());
    rules.flatten().cloned().collect()
}

fn policy_rules(policy: &Object) -> Vec<Value> {
    items(policy, "/spec/matchConstraints/resourceRules")
}

/// Whether a rule is about a kind, at any version, for any operation.
fn covers(rule: &Value, kind: &Kind) -> bool {
    let has = |field: &str, wanted: &str| {
        rule.get(field).and_then(Value::as_array).is_some_and(|names| {
            names.iter().any(|name| *name == wanted || *name == "*" || *name == "*/*")
        })
    };
    has("apiGroups", &kind.gvk.group) && has("resources", &kind.plural)
}
