//! What a kubelet has to know of a pod, and no more: reading less is quicker.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A pod.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Pod {
    pub(crate) metadata: Metadata,
    #[serde(default)]
    pub(crate) spec: PodSpec,
    #[serde(default)]
    pub(crate) status: PodStatus,
}

/// A list of pods.
#[derive(Debug, Deserialize)]
pub(crate) struct PodList {
    pub(crate) metadata: ListMetadata,
    pub(crate) items: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMetadata {
    pub(crate) resource_version: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) deletion_timestamp: Option<String>,
    pub(crate) deletion_grace_period_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    pub(crate) node_name: String,
    pub(crate) service_account_name: String,
    pub(crate) containers: Vec<Container>,
    pub(crate) init_containers: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodStatus {
    pub(crate) phase: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<Variable>,
    pub(crate) volume_mounts: Vec<Mount>,
    pub(crate) working_dir: Option<String>,
    pub(crate) termination_message_path: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) value_from: Option<ValueFrom>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ValueFrom {
    pub(crate) field_ref: Option<FieldRef>,
    pub(crate) secret_key_ref: Option<KeyRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FieldRef {
    pub(crate) field_path: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeyRef {
    pub(crate) name: String,
    pub(crate) key: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Mount {
    pub(crate) name: String,
    #[serde(rename = "mountPath")]
    pub(crate) path: String,
    pub(crate) sub_path: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) secret: Option<SecretVolume>,
    pub(crate) host_path: Option<HostPath>,
    pub(crate) empty_dir: Option<BTreeMap<String, serde_json::Value>>,
    pub(crate) persistent_volume_claim: Option<Claim>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SecretVolume {
    pub(crate) secret_name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HostPath {
    pub(crate) path: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Claim {
    pub(crate) claim_name: String,
}

/// A Secret.
#[derive(Debug, Deserialize)]
pub(crate) struct Secret {
    #[serde(default)]
    pub(crate) data: BTreeMap<String, String>,
}

impl Pod {
    /// How a pod is named in messages.
    pub(crate) fn display_name(&self) -> String {
        format!("{}/{}", self.metadata.namespace, self.metadata.name)
    }

    /// Whether it has ended for good.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// How many seconds it may take to end, once it is to be deleted.
    pub(crate) fn grace_seconds(&self) -> Option<u64> {
        self.metadata.deletion_timestamp.as_ref()?;
        Some(self.metadata.deletion_grace_period_seconds.unwrap_or(30))
    }

    /// What the downward API says for a field.
    pub(crate) fn field(&self, path: &str, ip: &str) -> Option<String> {
        let keyed = |head: &str| path.strip_prefix(head)?.strip_suffix("']");
        Some(match path {
            "metadata.name" => self.metadata.name.clone(),
            "metadata.namespace" => self.metadata.namespace.clone(),
            "metadata.uid" => self.metadata.uid.clone(),
            "spec.nodeName" => self.spec.node_name.clone(),
            "spec.serviceAccountName" => self.spec.service_account_name.clone(),
            "status.podIP" | "status.podIPs" => ip.to_owned(),
            "status.hostIP" | "status.hostIPs" => crate::nodes::ADDRESS.to_owned(),
            _ => {
                let (map, key) = match (keyed("metadata.labels['"), keyed("metadata.annotations['"))
                {
                    (Some(key), _) => (&self.metadata.labels, key),
                    (_, Some(key)) => (&self.metadata.annotations, key),
                    _ => return None,
                };
                map.get(key).cloned().unwrap_or_default()
            }
        })
    }
}
