//! Pods as `kubectl get pods -o json` prints them, made into pods as we know them.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod as KubePod;
use serde_json::Value;
use thiserror::Error;
use topology::{Address, Pod, PodState};

use crate::name;

/// Why a text is no list of pods.
#[derive(Debug, Error)]
pub enum PodListError {
    /// It is no JSON.
    #[error("the list of pods is no JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, and something else.
    #[error("neither a list of pods nor a pod is there, but {0}")]
    Kind(String),
    /// One of its items is of another kind.
    #[error("item {item} is a {kind}, not a Pod")]
    ItemKind {
        /// Its number in the list, from 0.
        item: usize,
        /// What it is.
        kind: String,
    },
    /// A field of an item is not what it should be.
    #[error("item {item}{}: {field}: {fault}", name.as_ref().map(|n| format!(" ({n})")).unwrap_or_default())]
    Field {
        /// Its number in the list, from 0.
        item: usize,
        /// The name of the pod, as far as it is known.
        name: Option<String>,
        /// The path of the field.
        field: String,
        /// What is wrong with it.
        fault: String,
    },
}

/// Reads a `PodList`, a `List`, an array of pods or a single pod. Fields that are not known are passed over.
///
/// `cluster_domain` ends the host names of pods with a headless service; `cluster.local` nearly everywhere.
///
/// # Errors
/// If the text is none of these; the error names item and field.
pub fn read_pods(text: &str, cluster_domain: &str) -> Result<Vec<Pod>, PodListError> {
    let value: Value = serde_json::from_str(text).map_err(PodListError::Json)?;
    let items = match value {
        Value::Array(items) => items,
        Value::Object(mut object) => {
            let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            match object.remove("items") {
                Some(Value::Array(items)) => items,
                Some(Value::Null) => Vec::new(),
                Some(_) => return Err(PodListError::Kind("an `items` that is no list".to_owned())),
                None if kind == "Pod" => vec![Value::Object(object)],
                None if kind.is_empty() => {
                    return Err(PodListError::Kind(
                        "an object without `kind` and `items`".to_owned(),
                    ));
                }
                // An empty list may come without its items.
                None if kind.ends_with("List") => Vec::new(),
                None => return Err(PodListError::Kind(format!("a {kind}"))),
            }
        }
        other => return Err(PodListError::Kind(format!("{other}").chars().take(40).collect())),
    };
    let pods = items.into_iter().enumerate();
    pods.map(|(item, value)| read_item(item, value, cluster_domain)).collect()
}

fn read_item(item: usize, value: Value, cluster_domain: &str) -> Result<Pod, PodListError> {
    if let Some(kind) = value.get("kind").and_then(Value::as_str)
        && kind != "Pod"
    {
        return Err(PodListError::ItemKind { item, kind: kind.to_owned() });
    }
    let name = value.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    let field = |(field, fault): (String, String)| PodListError::Field {
        item,
        name: name.clone(),
        field,
        fault,
    };
    let pod: KubePod = serde_path_to_error::deserialize(value)
        .map_err(|error| field((error.path().to_string(), error.inner().to_string())))?;
    from_kubernetes(&pod, cluster_domain).map_err(|(path, fault)| field((path.to_owned(), fault)))
}

/// A pod of the Kubernetes API as we know it.
///
/// # Errors
/// With the path of a field and what is wrong with it.
pub fn from_kubernetes(pod: &KubePod, cluster_domain: &str) -> Result<Pod, (&'static str, String)> {
    let metadata = &pod.metadata;
    let name = metadata.name.clone().filter(|name| !name.is_empty());
    let name = name.ok_or(("metadata.name", "it is missing".to_owned()))?;
    let namespace = metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let labels = metadata.labels.clone().unwrap_or_default();
    let owner = metadata.owner_references.iter().flatten();
    let owner = owner.clone().find(|owner| owner.controller == Some(true)).or(owner.clone().next());
    let origin = name::origin(
        &name,
        metadata.generate_name.as_deref(),
        owner.map(|owner| (owner.kind.as_str(), owner.name.as_str())),
        labels.get("pod-template-hash").map(String::as_str),
    );
    let spec = pod.spec.as_ref();
    let host_name = match spec.map(|spec| (spec.hostname.as_deref(), spec.subdomain.as_deref())) {
        Some((Some(host), Some(service))) if !host.is_empty() && !service.is_empty() => {
            let full = format!("{host}.{service}.{namespace}.svc.{cluster_domain}");
            Some(full.parse().map_err(|fault| ("spec.hostname", format!("{fault}")))?)
        }
        _ => None,
    };
    let images =
        spec.map(|spec| spec.containers.iter().filter_map(|one| one.image.clone()).collect());
    Ok(Pod {
        addresses: addresses(pod)?,
        state: state(pod),
        stem: origin.stem,
        ordinal: origin.ordinal,
        images: images.unwrap_or_default(),
        namespace,
        name,
        host_name,
        labels,
    })
}

/// Its addresses, `podIP` first. A pod on the network of its host has those of the host.
fn addresses(pod: &KubePod) -> Result<Vec<Address>, (&'static str, String)> {
    let Some(status) = &pod.status else { return Ok(Vec::new()) };
    let mut texts: Vec<(&'static str, &str)> = Vec::new();
    texts.extend(status.pod_ip.as_deref().map(|ip| ("status.podIP", ip)));
    texts.extend(status.pod_ips.iter().flatten().map(|ip| ("status.podIPs", ip.ip.as_str())));
    let on_host = pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    if on_host && texts.is_empty() {
        texts.extend(status.host_ip.as_deref().map(|ip| ("status.hostIP", ip)));
        texts.extend(status.host_ips.iter().flatten().map(|ip| ("status.hostIPs", ip.ip.as_str())));
    }
    let mut addresses: Vec<Address> = Vec::new();
    for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let ip: IpAddr = text.parse().map_err(|_| (field, format!("`{text}` is no IP address")))?;
        let address = Address::from(ip);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn state(pod: &KubePod) -> PodState {
    if pod.metadata.deletion_timestamp.is_some() {
        return PodState::Terminating;
    }
    let Some(status) = &pod.status else { return PodState::Unknown };
    match status.phase.as_deref() {
        Some("Running") => {
            let conditions = status.conditions.iter().flatten();
            let ready = conditions.clone().any(|c| c.type_ == "Ready" && c.status == "True");
            if ready { PodState::Ready } else { PodState::NotReady }
        }
        Some("Pending") => PodState::Pending,
        Some("Succeeded" | "Failed") => PodState::Finished,
        _ => PodState::Unknown,
    }
}
