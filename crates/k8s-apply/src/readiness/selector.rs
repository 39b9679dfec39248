//! How the pods of a workload are found.

use serde_json::{Map, Value};

use crate::object::Object;

/// How to ask the API for the pods of a workload, in its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodQuery {
    /// By labels: the text of `labelSelector`, such as `app=web,tier in (a,b)`.
    Labels(String),
    /// The pod of this name.
    Name(String),
}

/// How the pods of a workload are found. None for kinds that have none, and for a selector that selects nothing.
///
/// A Job is known by the selector that the API server gave it, else by the label
/// `batch.kubernetes.io/job-name` (Kubernetes 1.27).
#[must_use]
pub fn pods_of(workload: &Object) -> Option<PodQuery> {
    let gvk = workload.gvk();
    let labels = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => return Some(PodQuery::Name(workload.name().to_owned())),
        ("", "ReplicationController" | "Service") => equalities(workload.at("/spec/selector")?),
        ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
        | ("policy", "PodDisruptionBudget") => expressions(workload.at("/spec/selector")?),
        ("batch", "Job") => match workload.at("/spec/selector").map(expressions) {
            Some(found) if !found.is_empty() => found,
            _ => vec![format!("batch.kubernetes.io/job-name={}", workload.name())],
        },
        _ => return None,
    };
    (!labels.is_empty()).then(|| PodQuery::Labels(labels.join(",")))
}

/// A mapping of labels.
fn equalities(labels: &Value) -> Vec<String> {
    let all = labels.as_object().map(Map::iter).into_iter().flatten();
    all.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect()
}

/// A selector with `matchLabels` and `matchExpressions`.
fn expressions(selector: &Value) -> Vec<String> {
    let mut all = selector.get("matchLabels").map(equalities).unwrap_or_default();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    all.extend(expressions.into_iter().flatten().filter_map(expression));
    all
}

fn expression(expression: &Value) -> Option<String> {
    let key = expression.get("key")?.as_str()?;
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let values = || values.clone().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
    match expression.get("operator")?.as_str()? {
        "In" => Some(format!("{key} in ({})", values())),
        "NotIn" => Some(format!("{key} notin ({})", values())),
        "Exists" => Some(key.to_owned()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(api: &str, kind: &str, spec: &Value) -> Option<String> {
        let object = Object::try_from(json!({
            "apiVersion": api, "kind": kind, "metadata": {"name": "one"}, "spec": spec,
        }));
        pods_of(&object.unwrap()).map(|query| match query {
            PodQuery::Labels(labels) => labels,
            PodQuery::Name(name) => format!("name {name}"),
        })
    }

    #[test]
    fn selectors_become_the_text_that_the_api_takes() {
        let labels = json!({"selector": {"b": "2", "a": "1"}});
        assert_eq!(query("v1", "ReplicationController", &labels).as_deref(), Some("a=1,b=2"));
        let both = json!({"selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "zone", "operator": "NotIn", "values": ["c"]},
                {"key": "new", "operator": "Exists"},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }});
        assert_eq!(
            query("apps/v1", "Deployment", &both).as_deref(),
            Some("app=web,tier in (a,b),zone notin (c),new,!old")
        );
        assert_eq!(
            query("batch/v1", "Job", &json!({})).as_deref(),
            Some("batch.kubernetes.io/job-name=one")
        );
        let with_uid =
            json!({"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}});
        assert_eq!(
            query("batch/v1", "Job", &with_uid).as_deref(),
            Some("batch.kubernetes.io/controller-uid=u")
        );
        assert_eq!(query("v1", "Pod", &json!({})).as_deref(), Some("name one"));
        assert_eq!(query("v1", "Service", &json!({})), None);
        assert_eq!(query("v1", "Service", &json!({"selector": {}})), None);
        assert_eq!(query("v1", "ConfigMap", &json!({})), None);
    }
}
