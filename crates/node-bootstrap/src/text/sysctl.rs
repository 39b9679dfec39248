//! Kernel parameters: their names, what the next boot sets, and what we want of them.

mod effective;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use thiserror::Error;

pub use effective::{Assignment, Effective, Loader, parse};

/// The name of a parameter. Both manners of writing one are understood: `net.ipv4.conf.eth0/100.rp_filter`, where
/// the first separator is a dot, and `net/ipv4/conf/eth0.100/rp_filter`. The first separator decides, as
/// sysctl.d(5) says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Reads either manner.
    ///
    /// ```
    /// use node_bootstrap::text::sysctl::Key;
    ///
    /// let key = Key::new("net.ipv4.conf.eth0/100.rp_filter");
    /// assert_eq!(key, Key::new("net/ipv4/conf/eth0.100/rp_filter"));
    /// assert_eq!(key.path(), "/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
    /// assert_eq!(key.to_string(), "net.ipv4.conf.eth0/100.rp_filter");
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Self {
        let path = match text.find(['.', '/']) {
            Some(at) if text[at..].starts_with('.') => swap(text),
            _ => text.to_owned(),
        };
        Self(path.split('/').filter(|part| !["", "."].contains(part)).collect::<Vec<_>>().join("/"))
    }

    /// The file of the parameter. A key that leads out of `/proc/sys` gives that folder itself.
    #[must_use]
    pub fn path(&self) -> String {
        if self.0.split('/').any(|part| part == "..") {
            return "/proc/sys".to_owned();
        }
        format!("/proc/sys/{}", self.0)
    }

    /// Whether it names several parameters.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.0.contains(['*', '?', '['])
    }

    /// Whether this one, as a glob, names `other`. A `*` does not match a `/`.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let (patterns, names) = (self.0.split('/'), other.0.split('/'));
        patterns.clone().count() == names.clone().count()
            && patterns.zip(names).all(|(pattern, name)| glob(pattern.as_bytes(), name.as_bytes()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&swap(&self.0))
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn swap(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect()
}

/// A pattern of one part of a path: `*`, `?`, `[abc]`, `[a-z]`, `[!a]`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|skip| glob(rest, &name[skip..])),
        [b'?', rest @ ..] => !name.is_empty() && glob(rest, &name[1..]),
        [b'[', rest @ ..] => {
            // A `]` right after the beginning is a member, so the end is looked for after it.
            let members_from = usize::from(matches!(rest.first(), Some(b'!' | b'^')));
            let end = rest.iter().skip(members_from + 1).position(|byte| *byte == b']');
            let (Some(end), Some(first)) = (end, name.first()) else {
                return name.first() == Some(&b'[') && glob(rest, &name[1..]);
            };
            let end = end + members_from + 1;
            in_class(&rest[members_from..end], *first) == (members_from == 0)
                && glob(&rest[end + 1..], &name[1..])
        }
        [byte, rest @ ..] => name.first() == Some(byte) && glob(rest, &name[1..]),
    }
}

fn in_class(class: &[u8], byte: u8) -> bool {
    match class {
        [] => false,
        [from, b'-', to, rest @ ..] => (*from..=*to).contains(&byte) || in_class(rest, byte),
        [one, rest @ ..] => *one == byte || in_class(rest, byte),
    }
}

/// Whether two values are the same, however their fields are set apart.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// What is wanted of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// This value.
    Exact(String),
    /// This number or a higher one.
    AtLeast(u64),
}

/// A minimum is wanted of a parameter whose value is no single number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a minimum of {minimum} cannot be compared with the value {value:?}; name the exact value")]
pub struct NotANumber {
    /// What is wanted.
    pub minimum: u64,
    /// The value.
    pub value: String,
}

/// What to do for a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The value to set now; `None` where the present one will do.
    pub live: Option<String>,
    /// The value of the line in our drop-in; `None` where no line of ours is needed.
    pub line: Option<String>,
}

impl Wish {
    /// Whether a value fulfils the wish.
    ///
    /// # Errors
    /// If a minimum is wanted and the value is no single number.
    pub fn is_met_by(&self, value: &str) -> Result<bool, NotANumber> {
        Ok(match self {
            Self::Exact(wanted) => same(wanted, value),
            Self::AtLeast(minimum) => number(*minimum, value)? >= i128::from(*minimum),
        })
    }

    /// What to set now and what to write, given the `current` value, the one that the files of `others` leave at
    /// the next boot, and the one in `our` drop-in.
    ///
    /// A higher value of the administrator is never lowered: not now, and not at the next boot either. So a
    /// minimum that others reach gets no line of ours, and where nobody says anything the line has the current
    /// value if that is higher, because the kernel may have computed it from the host's size.
    ///
    /// # Errors
    /// If a minimum is wanted and a value is no single number.
    pub fn wanted(
        &self,
        current: Option<&str>,
        others: Option<&str>,
        ours: Option<&str>,
    ) -> Result<Wanted, NotANumber> {
        let met = |value: Option<&str>| value.map_or(Ok(false), |value| self.is_met_by(value));
        let is_current = met(current)?;
        let (target, line) = match self {
            Self::Exact(value) => (value.clone(), Some(value.clone())),
            Self::AtLeast(minimum) => {
                let highest = |values: [Option<&str>; 2]| -> Result<String, NotANumber> {
                    let mut highest = i128::from(*minimum);
                    for value in values.into_iter().flatten() {
                        highest = highest.max(number(*minimum, value)?);
                    }
                    Ok(highest.to_string())
                };
                match (met(others)?, ours.filter(|_| met(ours) == Ok(true))) {
                    (true, _) => (highest([others, None])?, None),
                    (false, Some(ours)) => (ours.to_owned(), Some(ours.to_owned())),
                    (false, None) => {
                        let value = highest([current, None])?;
                        (value.clone(), Some(value))
                    }
                }
            }
        };
        Ok(Wanted { live: (!is_current).then_some(target), line })
    }
}

fn number(minimum: u64, value: &str) -> Result<i128, NotANumber> {
    value.trim().parse().map_err(|_| NotANumber { minimum, value: value.to_owned() })
}

/// A line of a drop-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The parameter.
    pub key: Key,
    /// Its value.
    pub value: String,
    /// Whether a missing parameter is no fault: `-key = value`.
    pub optional: bool,
    /// Why, as a comment before it; lines with the same reason one after another share it.
    pub reason: String,
}

/// The text of a drop-in.
#[must_use]
pub fn render(lines: &[Line]) -> String {
    let mut out = String::from("# Written by node-prep; it is replaced as a whole.\n");
    let mut reason = "";
    for line in lines {
        if line.reason != reason {
            reason = &line.reason;
            for part in reason.lines() {
                out.push_str("# ");
                out.push_str(part);
                out.push('\n');
            }
        }
        let dash = if line.optional { "-" } else { "" };
        let value = line.value.split_whitespace().collect::<Vec<_>>().join(" ");
        out.extend([dash, &line.key.to_string(), " = ", &value, "\n"]);
    }
    out
}
