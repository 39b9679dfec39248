//! The set of these tests, in two versions, and what is around it.

use serde_json::{Value, json};

/// The name of the set.
pub(super) const SET: &str = "shop";

/// What the objects of a lane are called.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) namespace: String,
    /// The group of its custom resources. Definitions are for the whole cluster, so each lane has its own.
    pub(super) group: String,
}

impl Names {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), group: format!("{namespace}.example.org") }
    }

    /// The name of the definition.
    pub(super) fn definition(&self) -> String {
        format!("widgets.{}", self.group)
    }

    fn object(&self, api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
        let mut object = json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
        });
        if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
            object.extend(rest);
        }
        object
    }

    pub(super) fn config_map(&self, name: &str, value: &str) -> Value {
        self.object("v1", "ConfigMap", name, json!({"data": {"value": value, "same": "always"}}))
    }

    pub(super) fn widget(&self, name: &str, size: u32) -> Value {
        let api_version = format!("{}/v1", self.group);
        self.object(&api_version, "Widget", name, json!({"spec": {"size": size}}))
    }

    pub(super) fn deployment(&self, name: &str, version: &str, replicas: u32) -> Value {
        let labels = json!({"app": name});
        let environment = json!([{"name": "VERSION", "value": version}]);
        self.object("apps/v1", "Deployment", name, json!({"spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "main", "image": "docker.io/local/busybox:1", "imagePullPolicy": "Never",
                    "command": ["sleep", "3600"], "env": environment,
                }],
            }},
        }}))
    }

    /// A ConfigMap that cannot be changed: it has to be made anew.
    fn frozen(&self, value: &str) -> Value {
        let mut object = self.config_map("frozen", value);
        object["immutable"] = true.into();
        object
    }

    fn service(&self, name: &str, port: u16) -> Value {
        let spec =
            json!({"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": port}]});
        self.object("v1", "Service", name, json!({"spec": spec}))
    }

    fn role(&self, name: &str, verbs: &[&str]) -> Value {
        let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs});
        self.object("rbac.authorization.k8s.io/v1", "Role", name, json!({"rules": [rule]}))
    }

    fn account(&self, name: &str) -> Value {
        self.object("v1", "ServiceAccount", name, json!({}))
    }

    fn secret(&self, name: &str, data: &str) -> Value {
        self.object("v1", "Secret", name, json!({"stringData": {"key": data}}))
    }

    /// The definition of widgets. It asks to stay when the set goes: the next case needs it.
    pub(super) fn widgets(&self, stays: bool) -> Value {
        let size = json!({"type": "object", "properties": {"size": {"type": "integer"}}});
        let schema = json!({"type": "object", "properties": {"spec": size}});
        let version = json!({
            "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
        });
        let annotations = if stays { json!({"windlass.dev/on-remove": "keep"}) } else { json!({}) };
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": self.definition(), "annotations": annotations},
            "spec": {
                "group": self.group, "scope": "Namespaced", "versions": [version],
                "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            },
        })
    }

    /// The set as it is first: with two objects that the second version has not.
    pub(super) fn first(&self) -> Vec<Value> {
        let binding = json!({
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": self.namespace}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "worker"},
        });
        vec![
            self.widgets(true),
            self.account("worker"),
            self.role("worker", &["get"]),
            self.object("rbac.authorization.k8s.io/v1", "RoleBinding", "worker", binding),
            self.config_map("settings", "1"),
            self.config_map("legacy", "1"),
            self.config_map("goes", "1"),
            self.frozen("1"),
            self.secret("token", "first"),
            self.service("web", 80),
            self.deployment("web", "1", 0),
            self.widget("one", 1),
            self.widget("goes", 1),
        ]
    }

    /// The set with changes, one of which needs an object made anew. One of its objects was applied by `kubectl` until now, see [`Self::legacy`].
    pub(super) fn second(&self) -> Vec<Value> {
        let mut set = self.first();
        for (kind, name) in [
            ("ConfigMap", "settings"),
            ("ConfigMap", "goes"),
            ("ConfigMap", "frozen"),
            ("Widget", "goes"),
            ("Role", "worker"),
            ("Secret", "token"),
            ("Service", "web"),
            ("Deployment", "web"),
            ("Widget", "one"),
        ] {
            set.retain(|one| one["kind"] != kind || one["metadata"]["name"] != name);
        }
        set.extend([
            self.role("worker", &["get", "list"]),
            self.config_map("settings", "2"),
            self.config_map("other-legacy", "2"),
            self.frozen("2"),
            self.secret("token", "second"),
            self.service("web", 8080),
            self.deployment("web", "2", 0),
            self.widget("one", 2),
        ]);
        set
    }

    /// A ConfigMap as `kubectl apply` leaves it, with a value that the set does not have.
    pub(super) fn legacy(&self, name: &str) -> Value {
        let mut object = self.config_map(name, "0");
        object["data"]["dropped"] = "long ago".into();
        let last = object.to_string();
        object["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration": last});
        object
    }

    /// What belongs to somebody else.
    pub(super) fn foreign(&self) -> Vec<Value> {
        let mut others = self.config_map("of-another-set", "theirs");
        others["metadata"]["labels"] =
            json!({"applyset.kubernetes.io/part-of": "applyset-someone-elses-v1"});
        let mut widget = self.widget("foreign", 9);
        widget["metadata"]["labels"] = others["metadata"]["labels"].clone();
        vec![
            self.config_map("foreign", "theirs"),
            others,
            self.account("foreign"),
            self.role("foreign", &["watch"]),
            self.secret("foreign", "theirs"),
            self.service("foreign", 99),
            self.deployment("foreign", "9", 0),
            widget,
        ]
    }
}

/// Objects as one manifest.
pub(super) fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
