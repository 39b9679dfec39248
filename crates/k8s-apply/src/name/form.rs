//! The forms that a name can have.

use super::short::shortened;
use super::{LABEL_LIMIT, NameError, SUBDOMAIN_LIMIT};

/// Which characters a name may have, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A label of RFC 1123 in lower case: at most 63 characters of a-z, 0-9 and `-`.
    Label1123,
    /// A label of RFC 1035: as `Label1123`, and begins with a letter.
    Label1035,
    /// Labels of RFC 1123 joined by dots, at most 253 characters together.
    Subdomain,
    /// Whatever can be one part of the path of a URL: not `.` or `..`, without `/` and `%`.
    PathSegment,
    /// The part of a label's key after the prefix: at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`.
    QualifiedPart,
}

impl Form {
    /// The longest that it may be, in bytes. None for a path segment, which has no limit of its own.
    #[must_use]
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::Label1123 | Self::Label1035 | Self::QualifiedPart => Some(LABEL_LIMIT),
            Self::Subdomain => Some(SUBDOMAIN_LIMIT),
            Self::PathSegment => None,
        }
    }

    /// Whether the text has this form and is not longer than this form allows.
    #[must_use]
    pub fn allows(self, text: &str) -> bool {
        !text.is_empty() && text.len() <= self.limit().unwrap_or(usize::MAX) && self.fits(text)
    }

    /// Whether its characters are right; the length is not looked at.
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Label1123 => is_label(text),
            Self::Label1035 => is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase()),
            Self::Subdomain => text.split('.').all(is_label),
            Self::PathSegment => !matches!(text, "." | "..") && !text.contains(['/', '%']),
            Self::QualifiedPart => is_between(
                text,
                |c| c.is_ascii_alphanumeric(),
                |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
            ),
        }
    }

    /// What it allows, for messages. `limit` is the one that counts where the name stands.
    #[must_use]
    pub fn expected(self, limit: Option<usize>) -> String {
        let most = limit.map(|limit| format!("at most {limit} characters of ")).unwrap_or_default();
        match self {
            Self::Label1123 => {
                format!("{most}a-z, 0-9 and `-`, with a letter or a digit at both ends")
            }
            Self::Label1035 => {
                format!("{most}a-z, 0-9 and `-`, with a letter at the begin and no `-` at the end")
            }
            Self::Subdomain => format!(
                "{most}a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends"
            ),
            Self::PathSegment => "any text without `/` and `%` but `.` and `..`".to_owned(),
            Self::QualifiedPart => format!(
                "{most}A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends"
            ),
        }
    }

    /// Checks a text. `limit` is the one that counts where it stands, `what` what it is to be.
    pub(super) fn check(
        self,
        text: &str,
        limit: Option<usize>,
        what: impl Into<String>,
    ) -> Result<(), NameError> {
        if self.allows(text) && text.len() <= limit.unwrap_or(usize::MAX) {
            return Ok(());
        }
        Err(NameError {
            given: text.to_owned(),
            what: what.into(),
            expected: self.expected(limit),
            instead: self.near(text, limit),
        })
    }

    /// An allowed text that is as near to this one as is easily found.
    #[must_use]
    pub fn near(self, text: &str, limit: Option<usize>) -> Option<String> {
        let mut near = match self {
            Self::Label1123 => as_label(text),
            Self::Label1035 => {
                let label = as_label(text);
                if label.starts_with(|c: char| c.is_ascii_digit()) {
                    format!("x{label}")
                } else {
                    label
                }
            }
            Self::Subdomain => {
                let parts: Vec<_> = text.split('.').map(as_label).collect();
                let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
                parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(".")
            }
            Self::PathSegment => text.replace(['/', '%'], "-"),
            Self::QualifiedPart => {
                replaced(text, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                    .trim_matches(|c: char| !c.is_ascii_alphanumeric())
                    .to_owned()
            }
        };
        if let Some(limit) = limit.or(self.limit()) {
            near = shortened(&[&near], limit);
        }
        self.allows(&near).then_some(near)
    }
}

/// A label of RFC 1123 in lower case, of any length.
fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    is_between(text, plain, |c| plain(c) || c == '-')
}

/// Whether `ends` allows the first and the last character, and `inner` the others.
fn is_between(text: &str, ends: impl Fn(char) -> bool, inner: impl Fn(char) -> bool) -> bool {
    text.chars().all(inner) && text.starts_with(&ends) && text.chars().next_back().is_some_and(ends)
}

/// The text as a label; empty if nothing of it is left.
fn as_label(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    replaced(&lower, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        .trim_matches('-')
        .to_owned()
}

/// Each run of characters that are not kept becomes one `-`.
fn replaced(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if keep(c) {
            out.push(c);
        } else if !in_run {
            out.push('-');
        }
        in_run = !keep(c);
    }
    out
}
