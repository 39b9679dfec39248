//! What a cluster has, so that it can be compared.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::set::Names;

/// The API server without anything before it.
pub(super) struct Server {
    client: Client,
    runtime: Runtime,
}

impl Server {
    pub(super) fn new(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).unwrap();
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
            Client::try_from(config).unwrap()
        });
        Self { client, runtime }
    }

    /// What is at a path; none if nothing is.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        self.send("GET", path, "application/json", Vec::new()).ok()
    }

    /// Makes an object, as this field manager.
    pub(super) fn create(&self, path: &str, manager: &str, object: &Value) {
        let path = format!("{path}?fieldManager={manager}");
        self.send("POST", &path, "application/json", object.to_string().into_bytes()).unwrap();
    }

    /// Changes an object by a merge patch.
    pub(super) fn merge(&self, path: &str, change: &str) {
        let media_type = "application/merge-patch+json";
        self.send("PATCH", path, media_type, change.as_bytes().to_vec()).unwrap();
    }

    /// Deletes an object, without waiting for its end.
    pub(super) fn delete(&self, path: &str) {
        // If it is not there, that is what was wanted.
        let _ = self.send("DELETE", path, "application/json", Vec::new());
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<Value, kube::Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", media_type)
            .body(body)
            .unwrap();
        self.runtime.block_on(self.client.request(request))
    }
}

/// The path of objects of a kind of these tests.
pub(super) fn path(names: &Names, kind: &str) -> String {
    let (root, plural) = match kind {
        "ConfigMap" => ("/api/v1".to_owned(), "configmaps"),
        "Secret" => ("/api/v1".to_owned(), "secrets"),
        "Service" => ("/api/v1".to_owned(), "services"),
        "ServiceAccount" => ("/api/v1".to_owned(), "serviceaccounts"),
        "Role" => ("/apis/rbac.authorization.k8s.io/v1".to_owned(), "roles"),
        "RoleBinding" => ("/apis/rbac.authorization.k8s.io/v1".to_owned(), "rolebindings"),
        "Deployment" => ("/apis/apps/v1".to_owned(), "deployments"),
        _ => (format!("/apis/{}/v1", names.group), "widgets"),
    };
    format!("{root}/namespaces/{}/{plural}", names.namespace)
}

const KINDS: [&str; 8] = [
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "Deployment",
    "Widget",
];

/// All objects of these kinds, by kind and name.
pub(super) type State = BTreeMap<String, Value>;

/// Everything in the namespace, and the definition, as the server has it.
pub(super) fn read(server: &Server, names: &Names) -> State {
    let mut state = State::new();
    for kind in KINDS {
        let Some(list) = server.get(&path(names, kind)) else { continue };
        for item in list["items"].as_array().into_iter().flatten() {
            let name = item["metadata"]["name"].as_str().unwrap();
            state.insert(format!("{kind} {name}"), item.clone());
        }
    }
    let definition =
        format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", names.definition());
    if let Some(found) = server.get(&definition) {
        state.insert("CustomResourceDefinition".to_owned(), found);
    }
    state
}

/// An object without what differs between two runs that did the same.
pub(super) fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
        // Lists leave them out, and reading one object does not.
        members.remove("apiVersion");
        members.remove("kind");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(field);
        }
    }
    if let Some(managers) = object["metadata"]["managedFields"].as_array_mut() {
        managers.retain(|one| one["subresource"] != "status");
        for one in managers.iter_mut() {
            one.as_object_mut().unwrap().remove("time");
        }
        managers.sort_by_key(Value::to_string);
    }
    for field in ["data", "binaryData"] {
        if let Some(history) = object[field].get_mut("history.json.gz") {
            *history = revisions(history);
        }
    }
    object
}

/// The history of a set without its times.
fn revisions(packed: &Value) -> Value {
    let bytes = STANDARD.decode(packed.as_str().unwrap()).unwrap();
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    let mut revisions: Value = serde_json::from_str(&text).unwrap();
    for one in revisions.as_array_mut().unwrap() {
        one["time"] = json!("some time");
    }
    revisions
}

/// The same of all objects but these.
pub(super) fn comparables(state: &State, without: &State) -> State {
    let ours = state.iter().filter(|(name, _)| !without.contains_key(*name));
    ours.map(|(name, object)| (name.clone(), comparable(object))).collect()
}

/// What differs between two states, in words. None: nothing.
pub(super) fn difference(expected: &State, found: &State) -> Option<String> {
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let lines: Vec<String> = names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| {
            let text = |state: &State| {
                state.get(name).map_or_else(|| "nothing".to_owned(), |value| format!("{value:#}"))
            };
            format!("{name}:\nexpected {}\nfound {}", text(expected), text(found))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
