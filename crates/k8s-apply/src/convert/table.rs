//! Which versions of the API were removed when, and what replaces them.
//!
//! Source: the "Deprecated API Migration Guide" of Kubernetes; for versions since 1.33 the removal of the types from the
//! API's description.

use super::{Version, Work, admission, autoscaling, definition, ingress, rest, workload};
use crate::object::Object;

/// Rewrites an object; the text is its old `apiVersion`.
pub(super) type Rewrite = fn(&mut Work, &str);

/// A version of some kinds that is not served for ever.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// As in `apiVersion:`.
    pub api_version: &'static str,
    /// The kinds.
    pub kinds: &'static [&'static str],
    /// Since when it should not be used.
    pub deprecated: Version,
    /// Since when it is not served.
    pub removed: Version,
    /// What to use, and since when it is served.
    pub replacement: Option<(&'static str, Version)>,
    /// Why it cannot be converted, or what to do instead; empty if it can.
    pub note: &'static str,
    pub(super) rewrite: Option<Rewrite>,
}

const fn v(minor: u32) -> Version {
    Version::new(1, minor)
}

const fn row(
    api_version: &'static str,
    kinds: &'static [&'static str],
    (deprecated, removed): (u32, u32),
    replacement: (&'static str, u32),
    rewrite: Rewrite,
) -> Row {
    Row {
        api_version,
        kinds,
        deprecated: v(deprecated),
        removed: v(removed),
        replacement: Some((replacement.0, v(replacement.1))),
        note: "",
        rewrite: Some(rewrite),
    }
}

const fn gone(
    api_version: &'static str,
    kinds: &'static [&'static str],
    (deprecated, removed): (u32, u32),
    note: &'static str,
) -> Row {
    Row {
        api_version,
        kinds,
        deprecated: v(deprecated),
        removed: v(removed),
        replacement: None,
        note,
        rewrite: None,
    }
}

const fn other(row: Row, note: &'static str) -> Row {
    Row { note, rewrite: None, ..row }
}

const POD_SECURITY: &str = "there is no replacement: label namespaces for Pod Security Admission, or use an admission policy";
const NOT_APPLIED: &str = "such objects are questions to a server, and are not kept";
const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const POLICIES: &[&str] = &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
const ROLES: &[&str] = &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
const FLOWS: &[&str] = &["FlowSchema", "PriorityLevelConfiguration"];
const REVIEWS: &[&str] = &[
    "LocalSubjectAccessReview",
    "SelfSubjectAccessReview",
    "SelfSubjectRulesReview",
    "SubjectAccessReview",
];

/// All rows.
pub static TABLE: &[Row] = &[
    row("extensions/v1beta1", &["Deployment"], (9, 16), ("apps/v1", 9), workload::deployment),
    row("extensions/v1beta1", &["DaemonSet"], (9, 16), ("apps/v1", 9), workload::daemon_set),
    row("extensions/v1beta1", &["ReplicaSet"], (9, 16), ("apps/v1", 9), workload::replica_set),
    row("extensions/v1beta1", &["NetworkPolicy"], (9, 16), ("networking.k8s.io/v1", 7), rest::same),
    row(
        "extensions/v1beta1",
        &["Ingress"],
        (14, 22),
        ("networking.k8s.io/v1", 19),
        ingress::ingress,
    ),
    gone("extensions/v1beta1", &["PodSecurityPolicy"], (10, 16), POD_SECURITY),
    row("apps/v1beta1", &["Deployment"], (9, 16), ("apps/v1", 9), workload::deployment),
    row("apps/v1beta1", &["StatefulSet"], (9, 16), ("apps/v1", 9), workload::stateful_set),
    row("apps/v1beta1", &["ControllerRevision"], (9, 16), ("apps/v1", 9), rest::same),
    row("apps/v1beta2", &["Deployment"], (9, 16), ("apps/v1", 9), workload::deployment),
    row("apps/v1beta2", &["DaemonSet"], (9, 16), ("apps/v1", 9), workload::daemon_set),
    row("apps/v1beta2", &["ReplicaSet"], (9, 16), ("apps/v1", 9), workload::replica_set),
    row("apps/v1beta2", &["StatefulSet"], (9, 16), ("apps/v1", 9), workload::stateful_set),
    row("apps/v1beta2", &["ControllerRevision"], (9, 16), ("apps/v1", 9), rest::same),
    row(
        "networking.k8s.io/v1beta1",
        &["Ingress"],
        (19, 22),
        ("networking.k8s.io/v1", 19),
        ingress::ingress,
    ),
    row(
        "networking.k8s.io/v1beta1",
        &["IngressClass"],
        (19, 22),
        ("networking.k8s.io/v1", 19),
        rest::same,
    ),
    row(
        "networking.k8s.io/v1beta1",
        &["IPAddress", "ServiceCIDR"],
        (34, 37),
        ("networking.k8s.io/v1", 33),
        rest::same,
    ),
    row(
        "policy/v1beta1",
        &["PodDisruptionBudget"],
        (21, 25),
        ("policy/v1", 21),
        rest::disruption_budget,
    ),
    gone("policy/v1beta1", &["PodSecurityPolicy"], (21, 25), POD_SECURITY),
    row(
        "rbac.authorization.k8s.io/v1alpha1",
        ROLES,
        (17, 23),
        ("rbac.authorization.k8s.io/v1", 8),
        rest::rbac,
    ),
    row(
        "rbac.authorization.k8s.io/v1beta1",
        ROLES,
        (17, 22),
        ("rbac.authorization.k8s.io/v1", 8),
        rest::rbac,
    ),
    row(
        "apiextensions.k8s.io/v1beta1",
        &["CustomResourceDefinition"],
        (16, 22),
        ("apiextensions.k8s.io/v1", 16),
        definition::definition,
    ),
    row(
        "admissionregistration.k8s.io/v1beta1",
        WEBHOOKS,
        (16, 22),
        ("admissionregistration.k8s.io/v1", 16),
        admission::webhooks,
    ),
    row(
        "admissionregistration.k8s.io/v1alpha1",
        POLICIES,
        (28, 33),
        ("admissionregistration.k8s.io/v1", 30),
        rest::same,
    ),
    row(
        "admissionregistration.k8s.io/v1beta1",
        POLICIES,
        (31, 34),
        ("admissionregistration.k8s.io/v1", 30),
        rest::same,
    ),
    row(
        "apiregistration.k8s.io/v1beta1",
        &["APIService"],
        (19, 22),
        ("apiregistration.k8s.io/v1", 10),
        rest::same,
    ),
    row("batch/v1beta1", &["CronJob"], (21, 25), ("batch/v1", 21), rest::cron_job),
    row("batch/v2alpha1", &["CronJob"], (8, 21), ("batch/v1", 21), rest::cron_job),
    row(
        "autoscaling/v2beta1",
        &["HorizontalPodAutoscaler"],
        (22, 25),
        ("autoscaling/v2", 23),
        autoscaling::autoscaler,
    ),
    row(
        "autoscaling/v2beta2",
        &["HorizontalPodAutoscaler"],
        (23, 26),
        ("autoscaling/v2", 23),
        rest::same,
    ),
    row("storage.k8s.io/v1beta1", &["StorageClass"], (6, 22), ("storage.k8s.io/v1", 6), rest::same),
    row(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "VolumeAttachment"],
        (19, 22),
        ("storage.k8s.io/v1", 19),
        rest::same,
    ),
    row(
        "storage.k8s.io/v1beta1",
        &["CSIStorageCapacity"],
        (24, 27),
        ("storage.k8s.io/v1", 24),
        rest::same,
    ),
    row(
        "storage.k8s.io/v1beta1",
        &["VolumeAttributesClass"],
        (34, 37),
        ("storage.k8s.io/v1", 34),
        rest::same,
    ),
    row(
        "scheduling.k8s.io/v1alpha1",
        &["PriorityClass"],
        (14, 23),
        ("scheduling.k8s.io/v1", 14),
        rest::same,
    ),
    row(
        "scheduling.k8s.io/v1beta1",
        &["PriorityClass"],
        (14, 22),
        ("scheduling.k8s.io/v1", 14),
        rest::same,
    ),
    row(
        "coordination.k8s.io/v1beta1",
        &["Lease"],
        (19, 22),
        ("coordination.k8s.io/v1", 14),
        rest::same,
    ),
    row(
        "discovery.k8s.io/v1beta1",
        &["EndpointSlice"],
        (21, 25),
        ("discovery.k8s.io/v1", 21),
        rest::endpoint_slice,
    ),
    other(
        row("events.k8s.io/v1beta1", &["Event"], (19, 25), ("events.k8s.io/v1", 19), rest::same),
        "events are written by controllers, and are not applied",
    ),
    row(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        (19, 22),
        ("certificates.k8s.io/v1", 19),
        rest::signing_request,
    ),
    other(
        row(
            "authentication.k8s.io/v1beta1",
            &["TokenReview"],
            (19, 22),
            ("authentication.k8s.io/v1", 6),
            rest::same,
        ),
        NOT_APPLIED,
    ),
    other(
        row(
            "authorization.k8s.io/v1beta1",
            REVIEWS,
            (19, 22),
            ("authorization.k8s.io/v1", 6),
            rest::same,
        ),
        NOT_APPLIED,
    ),
    row(
        "node.k8s.io/v1alpha1",
        &["RuntimeClass"],
        (20, 25),
        ("node.k8s.io/v1", 20),
        rest::runtime_class,
    ),
    row("node.k8s.io/v1beta1", &["RuntimeClass"], (20, 25), ("node.k8s.io/v1", 20), rest::same),
    row(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        FLOWS,
        (23, 26),
        ("flowcontrol.apiserver.k8s.io/v1", 29),
        rest::flow_control,
    ),
    row(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        FLOWS,
        (26, 29),
        ("flowcontrol.apiserver.k8s.io/v1", 29),
        rest::flow_control,
    ),
    row(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        FLOWS,
        (29, 32),
        ("flowcontrol.apiserver.k8s.io/v1", 29),
        rest::flow_control,
    ),
    gone(
        "settings.k8s.io/v1alpha1",
        &["PodPreset"],
        (18, 20),
        "there is no replacement: use an admission webhook or policy",
    ),
    gone(
        "auditregistration.k8s.io/v1alpha1",
        &["AuditSink"],
        (18, 19),
        "there is no replacement: configure auditing at the API server",
    ),
];

/// The row of an object, if its version is in the table.
#[must_use]
pub fn find(object: &Object) -> Option<&'static Row> {
    let (api, kind) = (object.api_version(), object.kind());
    TABLE.iter().find(|row| row.api_version == api && row.kinds.contains(&kind))
}
