//! Values that are nobody else's business: passwords in an environment.
//!
//! Differences, plans and the like end up in logs. They tell that such a value changed, and not what it is.

use std::borrow::Cow;

/// What stands for a value that is not shown.
pub const MASK: &str = "***";

/// Whether an attribute holds a secret, by its name: `SSHpassword`, `systemPassword`, `passphrase`, ...
#[must_use]
pub fn is_secret(attribute: &str) -> bool {
    let name = attribute.to_ascii_lowercase();
    ["password", "passwd", "passphrase", "secret", "token"].iter().any(|word| name.ends_with(word))
}

/// A value as it may be shown. An empty one is no secret.
#[must_use]
pub fn shown<'v>(attribute: &str, value: &'v str) -> Cow<'v, str> {
    if is_secret(attribute) && !value.is_empty() { MASK.into() } else { value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for name in ["SSHpassword", "systemPassword", "filesDefaultPassword", "passphrase"] {
            assert_eq!(shown(name, "s3cr3t"), MASK, "{name}");
            assert_eq!(shown(name, ""), "");
        }
        assert_eq!(shown("passwordExpirationWarningDays", "10"), "10");
    }
}
