//! What looks like something to be removed and is not.

use super::{Fate, Removal, foreign_resources};
use crate::cluster::{CallError, Cluster, Kinds};
use crate::object::Object;

/// Whether a controller made an object of another one, whose labels it copied, that of the set as well. It comes and
/// goes with that one.
pub(super) fn is_derived(object: &Object) -> bool {
    if object.is("", "Endpoints") {
        return object.label("endpoints.kubernetes.io/managed-by") == Some("endpoint-controller")
            || object.annotation("endpoints.kubernetes.io/last-change-trigger-time").is_some();
    }
    object.is("discovery.k8s.io", "EndpointSlice")
        && object
            .label("endpointslice.kubernetes.io/managed-by")
            .is_some_and(|by| by.ends_with("-controller.k8s.io"))
}

/// Keeps definitions with which resources would be lost that are not to be removed themselves.
///
/// # Errors
/// If resources cannot be listed, although that is allowed.
pub(crate) async fn spare_definitions(
    cluster: &Cluster,
    kinds: &Kinds,
    removals: &mut [Removal],
) -> Result<(), CallError> {
    let lost = match foreign_resources(cluster, kinds, removals).await {
        Ok(lost) => lost,
        Err(error) if error.is_code(403) => {
            let is_definition = |one: &&mut Removal| {
                one.key.group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
                    && one.fate == Fate::Delete
            };
            for one in removals.iter_mut().filter(is_definition) {
                one.fate =
                    Fate::Keep(format!("what would be lost with it cannot be seen: {error}"));
            }
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for (definition, resources) in lost {
        let Some(one) = removals.iter_mut().find(|one| one.key == definition) else { continue };
        let first = resources.first().map(ToString::to_string).unwrap_or_default();
        let more = match resources.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        one.fate = Fate::Keep(format!("{first}{more} would be lost with it, and not of the set"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn derived(api_version: &str, kind: &str, metadata: &Value) -> bool {
        let mut value = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}});
        for (name, member) in metadata.as_object().unwrap() {
            value["metadata"][name] = member.clone();
        }
        is_derived(&Object::try_from(value).unwrap())
    }

    #[test]
    fn endpoints_of_controllers_are_told_from_those_of_people() {
        let slice = |by: &str| {
            let labels = json!({"labels": {"endpointslice.kubernetes.io/managed-by": by}});
            derived("discovery.k8s.io/v1", "EndpointSlice", &labels)
        };
        assert!(slice("endpointslice-controller.k8s.io"));
        assert!(slice("endpointslicemirroring-controller.k8s.io"));
        assert!(!slice("staff"));
        let by = json!({"labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}});
        assert!(derived("v1", "Endpoints", &by));
        assert!(!derived("v1", "ConfigMap", &by));
        assert!(!derived("v1", "Endpoints", &json!({})));
    }
}
