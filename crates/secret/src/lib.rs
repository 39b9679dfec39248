//! Texts that must not be seen: tokens, keys, kubeconfig files.

use std::cell::Cell;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// What stands where a secret is shown.
pub const REDACTED: &str = "<secret>";

thread_local! {
    /// Whether this thread is inside [`exposing`].
    static EXPOSING: Cell<bool> = const { Cell::new(false) };
}

/// A text that neither `Debug`, `Display` nor `Serialize` shows. Only [`Secret::expose`] gives it away, and
/// a serializer inside of [`exposing`].
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Who calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if EXPOSING.get() { &self.0 } else { REDACTED })
    }
}

/// Runs `serialize`; secrets that this thread serializes meanwhile are written out. For the one file that must
/// hold them. They are hidden again afterwards, also if it panics.
pub fn exposing<T>(serialize: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            EXPOSING.set(self.0);
        }
    }
    let _restore = Restore(EXPOSING.replace(true));
    serialize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown_unless_asked_for() {
        let secret = Secret::new("abcdef.0123456789abcdef");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "<secret> <secret> Some(<secret>)"
        );
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"");
        let shown = exposing(|| serde_json::to_string(&secret).unwrap());
        assert_eq!(shown, "\"abcdef.0123456789abcdef\"");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"");
    }

    #[test]
    fn a_panic_while_exposing_hides_again() {
        let secret = Secret::new("x");
        let result = std::panic::catch_unwind(|| exposing(|| panic!("a fault of the serializer")));
        assert!(result.is_err());
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"");
    }
}
