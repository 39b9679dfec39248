//! What can be wrong with envgen's arguments.

use std::io;
use std::path::PathBuf;

/// A problem with the arguments.
///
/// The text is what envgen prints after its `Error: `, so that scripts which look for it go on working. The last
/// variants are problems that envgen does not tell: it ignores them, or what it does is not defined.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// Neither an option nor the value of one.
    #[error("unknown command line parameter: {argument}")]
    Unknown {
        /// The argument.
        argument: String,
    },
    /// A number was expected, and there is no digit at the start.
    #[error("non-integer parameter '{value}' specified.")]
    NotAnInteger {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
    },
    /// A number was expected, and something follows the digits.
    #[error("non-integer characters found in '{value}' when expecting integer input.")]
    NotOnlyDigits {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
    },
    /// A number that does not fit into 32 bits.
    #[error("integer '{value}' is out of range.")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
    },
    /// A directory that all components would share.
    #[error("Directory Override must contain [NAME] and either [INST] or [COMPONENT]")]
    NoPlaceholders {
        /// The value of `-o`.
        value: String,
    },
    /// There is no `-env`.
    #[error("Output environment xml file is required. Please specify.")]
    EnvRequired,
    /// There are no addresses.
    #[error("Ip addresses are required. Please specify.")]
    AddressesRequired,
    /// The arguments end before an option has all its values. Not defined in envgen.
    #[error("{option} needs {missing} more value{}", if *missing == 1 { "" } else { "s" })]
    MissingValue {
        /// The option.
        option: &'static str,
        /// How many values are missing.
        missing: usize,
    },
    /// Bytes that are no text. envgen writes them into the environment, which then is no XML.
    #[error("{option} {value}: not UTF-8")]
    NotUtf8 {
        /// The option.
        option: &'static str,
        /// Its value, as far as it can be shown.
        value: String,
    },
    /// A file of addresses cannot be read. envgen aborts.
    #[error("failed to read addresses {path}")]
    Unreadable {
        /// The value of `-ipfile`.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory without its category. envgen ignores it.
    #[error("-o {value}: expected CATEGORY=DIRECTORY")]
    NotADirectory {
        /// The value of `-o`.
        value: String,
    },
    /// An override that does not have three fields. envgen warns and goes on.
    #[error("-override {value}: expected BUILDSET,@ATTRIBUTE,VALUE")]
    NotAnOverride {
        /// The value of `-override`.
        value: String,
    },
}

impl ArgumentError {
    /// The line that envgen prints on standard error.
    #[must_use]
    pub fn line(&self) -> String {
        format!("Error: {self}")
    }

    /// Whether envgen prints its usage after the line, on standard output.
    #[must_use]
    pub fn shows_usage(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::EnvRequired | Self::AddressesRequired)
    }

    /// The option of which envgen's text says only the value, or not even that.
    #[must_use]
    pub fn option(&self) -> Option<&'static str> {
        match self {
            Self::NotAnInteger { option, .. }
            | Self::NotOnlyDigits { option, .. }
            | Self::OutOfRange { option, .. } => Some(option),
            Self::NoPlaceholders { .. } => Some("-o"),
            Self::EnvRequired => Some("-env"),
            Self::AddressesRequired => Some("-ip"),
            _ => None,
        }
    }

    /// Whether envgen gives up, too.
    pub(super) fn is_error_in_envgen(&self) -> bool {
        !matches!(self, Self::NotADirectory { .. } | Self::NotAnOverride { .. })
    }
}
