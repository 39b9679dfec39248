//! The kinds that are served, as a table.

use serde_json::{Map, Value, json};

/// A kind, and what the server does about its objects.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "it is a line of a table")]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version in the group.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The name in paths.
    pub plural: &'static str,
    /// The short name for people.
    pub short: &'static str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
    /// The status that a new object has, for kinds with a status of its own path.
    pub status: Option<fn() -> Value>,
    /// Whether `metadata.generation` counts changes of what is not status.
    pub has_generation: bool,
    /// Whether PUT makes what is not there.
    pub put_creates: bool,
    /// Whether dependents stay when an object is deleted and nothing is said about them.
    pub orphans: bool,
    /// Whether deleting waits for a kubelet, once there is one for it. Then the answer always is the object.
    pub is_graceful: bool,
    /// What field selectors can name, besides `metadata.name` and `metadata.namespace`.
    pub fields: &'static [&'static str],
    /// What is filled in.
    pub complete: fn(&mut Map<String, Value>),
}

impl Kind {
    /// A kind of the core group, in namespaces, without a status. The base of all others.
    pub const CORE: Self = Self {
        group: "",
        version: "v1",
        kind: "",
        plural: "",
        short: "",
        is_namespaced: true,
        status: None,
        has_generation: false,
        put_creates: false,
        orphans: false,
        is_graceful: false,
        fields: &[],
        complete: |_| {},
    };

    /// The `apiVersion` of its objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// What errors call it: `jobs.batch`.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

/// The kinds that are served, unless more are given.
pub const KINDS: &[Kind] = &[
    Kind { kind: "ConfigMap", plural: "configmaps", short: "cm", ..Kind::CORE },
    Kind {
        kind: "Event",
        plural: "events",
        short: "ev",
        fields: &[
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "reason",
            "type",
        ],
        ..Kind::CORE
    },
    Kind {
        kind: "Namespace",
        plural: "namespaces",
        short: "ns",
        is_namespaced: false,
        status: Some(|| json!({"phase": "Active"})),
        fields: &["status.phase"],
        ..Kind::CORE
    },
    Kind {
        kind: "Node",
        plural: "nodes",
        short: "no",
        is_namespaced: false,
        status: Some(|| json!({})),
        fields: &["spec.unschedulable"],
        ..Kind::CORE
    },
    Kind {
        kind: "Pod",
        plural: "pods",
        short: "po",
        status: Some(|| json!({"phase": "Pending"})),
        has_generation: true,
        is_graceful: true,
        fields: &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "status.phase",
            "status.podIP",
        ],
        complete: complete_pod,
        ..Kind::CORE
    },
    Kind {
        kind: "Secret",
        plural: "secrets",
        short: "",
        fields: &["type"],
        complete: complete_secret,
        ..Kind::CORE
    },
    Kind {
        group: "batch",
        kind: "Job",
        plural: "jobs",
        short: "",
        status: Some(|| json!({})),
        has_generation: true,
        orphans: true,
        fields: &["status.successful"],
        complete: complete_job,
        ..Kind::CORE
    },
    Kind {
        group: "coordination.k8s.io",
        kind: "Lease",
        plural: "leases",
        short: "",
        put_creates: true,
        ..Kind::CORE
    },
];

fn default(at: &mut Map<String, Value>, name: &str, value: Value) {
    at.entry(name).or_insert(value);
}

fn complete_pod(pod: &mut Map<String, Value>) {
    if let Some(Value::Object(spec)) = pod.get_mut("spec") {
        default(spec, "restartPolicy", json!("Always"));
        default(spec, "terminationGracePeriodSeconds", json!(30));
    }
}

/// `stringData` is for writing only.
fn complete_secret(secret: &mut Map<String, Value>) {
    use base64::Engine;
    default(secret, "type", json!("Opaque"));
    let Some(Value::Object(plain)) = secret.remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| json!({}));
    for (name, text) in plain {
        let text = text.as_str().unwrap_or_default();
        data[name] = base64::engine::general_purpose::STANDARD.encode(text).into();
    }
}

/// As far as programs look at it: not the labels and the selector.
fn complete_job(job: &mut Map<String, Value>) {
    if let Some(Value::Object(spec)) = job.get_mut("spec") {
        for (name, value) in [("parallelism", 1), ("completions", 1), ("backoffLimit", 6)] {
            default(spec, name, json!(value));
        }
        default(spec, "suspend", json!(false));
        default(spec, "completionMode", json!("NonIndexed"));
    }
}
