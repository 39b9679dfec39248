//! Names that are known to be allowed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Form, LABEL_LIMIT, NameError, SUBDOMAIN_LIMIT};

/// A type of text that a function has checked.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// If it is not allowed; the error names what is.
            pub fn try_new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::try_new(text)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text! {
    /// A label of RFC 1123, such as the name of a namespace, a container or a port.
    DnsLabel,
    |text| Form::Label1123.check(text, Some(LABEL_LIMIT), "DNS label")
}

checked_text! {
    /// A label of RFC 1035, such as the name of a Service.
    ServiceName,
    |text| Form::Label1035.check(text, Some(LABEL_LIMIT), "name of a Service")
}

checked_text! {
    /// Labels of RFC 1123 joined by dots, as most objects have for a name.
    Subdomain,
    |text| Form::Subdomain.check(text, Some(SUBDOMAIN_LIMIT), "DNS subdomain")
}

checked_text! {
    /// The key of a label or of an annotation: `app`, or `windlass.dev/role` with a prefix.
    LabelKey,
    check_label_key
}

checked_text! {
    /// The value of a label. It may be empty.
    LabelValue,
    check_label_value
}

checked_text! {
    /// Who is said to own fields of an object: the `fieldManager` of a request.
    ///
    /// At most 128 bytes, all of them printable. Names of teams or sets may follow a `/`.
    FieldManager,
    check_field_manager
}

/// The longest name of a field manager, in bytes.
const FIELD_MANAGER_LIMIT: usize = 128;

fn check_label_key(key: &str) -> Result<(), NameError> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_is_good = prefix.is_none_or(|prefix| Form::Subdomain.allows(prefix));
    if prefix_is_good && Form::QualifiedPart.allows(name) {
        return Ok(());
    }
    let near_name = Form::QualifiedPart.near(name, None);
    let near_prefix = prefix.map(|prefix| Form::Subdomain.near(prefix, None));
    Err(NameError {
        given: key.to_owned(),
        what: "key of a label".to_owned(),
        expected: format!(
            "a name ({}), alone or after a DNS subdomain and `/`",
            Form::QualifiedPart.expected(Some(LABEL_LIMIT))
        ),
        instead: near_name.map(|name| match near_prefix.flatten() {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name,
        }),
    })
}

fn check_label_value(value: &str) -> Result<(), NameError> {
    if value.is_empty() {
        return Ok(());
    }
    Form::QualifiedPart.check(value, Some(LABEL_LIMIT), "value of a label")
}

fn check_field_manager(name: &str) -> Result<(), NameError> {
    // Go's `unicode.IsPrint`: the only space that it lets pass is the plain one.
    let is_printable = |c: char| c == ' ' || !(c.is_control() || c.is_whitespace());
    if !name.is_empty() && name.len() <= FIELD_MANAGER_LIMIT && name.chars().all(is_printable) {
        return Ok(());
    }
    let near: String = name.chars().filter(|c| is_printable(*c)).collect();
    let near = super::shortened(&[&near], FIELD_MANAGER_LIMIT);
    Err(NameError {
        given: name.to_owned(),
        what: "name of a field manager".to_owned(),
        expected: format!("at most {FIELD_MANAGER_LIMIT} printable characters"),
        instead: (!near.is_empty()).then_some(near),
    })
}
