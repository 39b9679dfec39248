//! Checks of custom resources against the definition that is in the same set.

use diagnostics::Problem;

use crate::object::Object;

/// Everything in a custom resource that its definition does not allow, each with its path in the object.
#[must_use]
pub fn check(_definition: &Object, _object: &Object) -> Vec<Problem> {
    Vec::new()
}
