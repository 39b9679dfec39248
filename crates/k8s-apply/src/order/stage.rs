//! Which kinds come before which.

use std::fmt;

use crate::builtin;
use crate::object::Object;

/// A group of kinds that are applied together, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Namespaces.
    Namespaces,
    /// Custom resource definitions. They must be established before their resources come.
    Definitions,
    /// Service accounts, roles and what binds them.
    Access,
    /// Quotas, limits, policies, classes; then what Secret and ConfigMap hold.
    Configuration,
    /// Storage classes, then volumes, then claims.
    Storage,
    /// Services and their endpoints.
    Services,
    /// What makes pods.
    Workloads,
    /// Ingresses, autoscalers, aggregated APIs; then custom resources and whatever else there is.
    Rest,
    /// Admission webhooks and policies. They come last, because they could refuse the rest while what answers them starts.
    Admission,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespaces => "namespaces",
            Self::Definitions => "definitions",
            Self::Access => "access",
            Self::Configuration => "configuration",
            Self::Storage => "storage",
            Self::Services => "services",
            Self::Workloads => "workloads",
            Self::Rest => "rest",
            Self::Admission => "admission",
        })
    }
}

/// The stage of an object.
#[must_use]
pub fn stage_of(object: &Object) -> Stage {
    rank_of(object).0
}

/// The stage, and the part of it.
pub(super) fn rank_of(object: &Object) -> (Stage, u8) {
    let gvk = object.gvk();
    let kind = gvk.kind.as_str();
    match gvk.group.as_str() {
        "" => match kind {
            "Namespace" => (Stage::Namespaces, 0),
            "ServiceAccount" => (Stage::Access, 0),
            "ResourceQuota" | "LimitRange" => (Stage::Configuration, 0),
            "Secret" | "ConfigMap" => (Stage::Configuration, 1),
            "PersistentVolume" => (Stage::Storage, 1),
            "PersistentVolumeClaim" => (Stage::Storage, 2),
            "Service" | "Endpoints" => (Stage::Services, 0),
            "Pod" | "ReplicationController" => (Stage::Workloads, 0),
            _ => (Stage::Rest, 0),
        },
        "apiextensions.k8s.io" => (Stage::Definitions, 0),
        "rbac.authorization.k8s.io" if kind.ends_with("Binding") => (Stage::Access, 1),
        "rbac.authorization.k8s.io" => (Stage::Access, 0),
        "networking.k8s.io" | "extensions" if kind == "Ingress" => (Stage::Rest, 0),
        "resource.k8s.io" if kind == "ResourceClaim" => (Stage::Storage, 2),
        "flowcontrol.apiserver.k8s.io"
        | "networking.k8s.io"
        | "node.k8s.io"
        | "policy"
        | "resource.k8s.io"
        | "scheduling.k8s.io" => (Stage::Configuration, 0),
        "extensions" if kind.ends_with("Policy") => (Stage::Configuration, 0),
        "storage.k8s.io" => (Stage::Storage, 0),
        "discovery.k8s.io" => (Stage::Services, 0),
        "apps" | "extensions" | "batch" => (Stage::Workloads, 0),
        "admissionregistration.k8s.io" if kind.ends_with("Binding") => (Stage::Admission, 1),
        "admissionregistration.k8s.io" => (Stage::Admission, 0),
        group => (Stage::Rest, u8::from(!builtin::groups().any(|known| known == group))),
    }
}
