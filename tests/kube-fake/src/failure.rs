//! Errors in Kubernetes' words.

use serde_json::{Value, json};

use crate::Kind;

/// A `Status` that says no.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: json!({}) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// About an object, by the name that paths have for its kind.
    fn of(code: u16, reason: &'static str, kind: &Kind, name: &str, message: String) -> Self {
        let details = details(kind, name, kind.plural);
        Self { details, ..Self::new(code, reason, message) }
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::of(404, "NotFound", kind, name, format!("{} \"{name}\" not found", kind.qualified()))
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn no_such_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    pub(crate) fn media_type(message: &str) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::of(409, "AlreadyExists", kind, name, message)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::of(409, "Conflict", kind, name, message)
    }

    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// What a deletion asked for does not hold. Here Kubernetes names the kind differently.
    pub(crate) fn precondition(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.kind);
        Self { details: details(kind, name, kind.kind), ..Self::new(409, "Conflict", message) }
    }

    pub(crate) fn terminating(kind: &Kind, name: &str, namespace: &str) -> Self {
        let message = format!(
            "{} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
            kind.qualified()
        );
        let mut failure = Self::of(403, "Forbidden", kind, name, message);
        failure.details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        failure
    }

    /// A field that cannot be so. The message begins with what is wrong: `Required value: ...`.
    pub(crate) fn invalid(kind: &Kind, name: &str, field: &str, message: &str) -> Self {
        let reason = match message.split(':').next() {
            Some("Required value") => "FieldValueRequired",
            Some("Forbidden") => "FieldValueForbidden",
            _ => "FieldValueInvalid",
        };
        let mut details = details(kind, name, kind.kind);
        details["causes"] = json!([{"reason": reason, "message": message, "field": field}]);
        let message = format!("{} \"{name}\" is invalid: {field}: {message}", kind.kind);
        Self { details, ..Self::new(422, "Invalid", message) }
    }

    /// A patch that cannot be applied to what there is.
    pub(crate) fn unfitting_patch() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message)
    }

    /// A version that is no longer known.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if self.details.as_object().is_some_and(|details| !details.is_empty()) {
            status["details"] = self.details.clone();
        }
        status
    }
}

/// Which object it is about.
pub(crate) fn details(kind: &Kind, name: &str, kind_name: &str) -> Value {
    let mut details = json!({"name": name, "kind": kind_name});
    if !kind.group.is_empty() {
        details["group"] = kind.group.into();
    }
    details
}
