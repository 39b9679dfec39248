//! Which rule counts for `metadata.name` of which kind.

use super::{Form, NameError};
use crate::object::GroupKind;

/// What `metadata.name` of a kind must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// The characters.
    pub form: Form,
    /// The longest that it may be, in bytes.
    pub limit: Option<usize>,
}

impl NameRule {
    const fn of(form: Form, limit: usize) -> Self {
        Self { form, limit: Some(limit) }
    }
}

/// The rule for `metadata.name` of a kind.
///
/// Most kinds, and all custom resources, have names of RFC 1123 with dots. The exceptions, from the validation of
/// Kubernetes 1.35:
///
/// - `Namespace`, `StatefulSet` (since 1.27, for the names of its pods): one label.
/// - `Service`: one label that begins with a letter. KEP 5311 would allow a digit; in 1.35 that is still off.
/// - `CronJob`: 52 characters, because its Jobs have 11 more. `Job`: 63, because its name is a label of its pods.
/// - `CSIDriver`: 63.
/// - The kinds of RBAC and `CertificateSigningRequest`: whatever fits into a path; `APIService` likewise.
#[must_use]
pub fn rule_of(kind: &GroupKind) -> NameRule {
    let rule = NameRule::of;
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") | ("apps", "StatefulSet") => rule(Form::Label1123, 63),
        ("", "Service") => rule(Form::Label1035, 63),
        ("batch", "CronJob") => rule(Form::Subdomain, 52),
        ("batch", "Job") | ("storage.k8s.io", "CSIDriver") => rule(Form::Subdomain, 63),
        ("rbac.authorization.k8s.io", _)
        | ("certificates.k8s.io", "CertificateSigningRequest")
        | ("apiregistration.k8s.io", "APIService") => {
            NameRule { form: Form::PathSegment, limit: None }
        }
        _ => rule(Form::Subdomain, 253),
    }
}

/// Checks `metadata.name` of a kind.
///
/// # Errors
/// If the API server would refuse it.
pub fn check_object(kind: &GroupKind, name: &str) -> Result<(), NameError> {
    let NameRule { form, limit } = rule_of(kind);
    form.check(name, limit, format!("name of a {}", kind.short()))
}
