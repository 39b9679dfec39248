//! Reading trees strictly: each value with its place, each fault noted, and the reading goes on.

use std::net::IpAddr;

use diagnostics::yaml::{Entry, Shape, Tree};
use diagnostics::{DataPath, Place, Problem, nearest};
use secret::Secret;

/// A value with where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Its path in the file.
    pub path: DataPath,
    /// Its place.
    pub place: Place,
}

impl<T> Written<T> {
    pub(crate) fn new(value: T, path: DataPath, place: &Place) -> Self {
        Self { value, path, place: place.clone() }
    }

    /// An error about this value, with how to mend it.
    pub(crate) fn error(
        &self,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        self.put(Problem::error(code, message).help(help))
    }

    /// A warning about this value, with what to do.
    pub(crate) fn warning(
        &self,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        self.put(Problem::warning(code, message).help(help))
    }

    fn put(&self, problem: Problem) -> Problem {
        problem.at(self.path.clone()).placed(self.place.clone())
    }
}

/// The words that the samples have where a value is to be filled in.
pub(crate) fn is_placeholder(text: &str) -> bool {
    matches!(text, "IP" | "port" | "PORT" | "hostname")
        || text.starts_with("hostname (")
        || (text.starts_with('<') && text.ends_with('>'))
}

/// The keys of a mapping that are asked for one by one; what nobody asked for is not known.
pub(crate) struct Fields<'t> {
    entries: &'t [Entry],
    /// The mapping itself.
    pub(crate) at: Written<()>,
    asked: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The keys of a mapping; a fault if it is none. Nothing at all is an empty mapping.
    pub(crate) fn of(tree: &'t Tree, path: &DataPath, faults: &mut Vec<Problem>) -> Self {
        Self::maybe(tree, path, faults).unwrap_or_else(|| Self {
            entries: &[],
            at: Written::new((), path.clone(), tree.place()),
            asked: Vec::new(),
        })
    }

    /// The keys of a mapping, or a fault and nothing.
    pub(crate) fn maybe(
        tree: &'t Tree,
        path: &DataPath,
        faults: &mut Vec<Problem>,
    ) -> Option<Self> {
        let at = Written::new((), path.clone(), tree.place());
        match tree.shape() {
            Shape::Mapping(entries) => Some(Self { entries, at, asked: Vec::new() }),
            Shape::Null => Some(Self { entries: &[], at, asked: Vec::new() }),
            found => {
                faults.push(wrong_shape(&at, "a mapping", found));
                None
            }
        }
    }

    /// What stands at a key, unless that is nothing.
    pub(crate) fn tree(&mut self, key: &'static str) -> Option<(&'t Tree, DataPath)> {
        self.asked.push(key);
        let entry = self.entries.iter().find(|entry| entry.key() == key)?;
        (entry.value().shape() != Shape::Null).then(|| (entry.value(), self.at.path.join(key)))
    }

    /// The same; it is a fault if it is not there.
    pub(crate) fn needed(
        &mut self,
        key: &'static str,
        help: &str,
        faults: &mut Vec<Problem>,
    ) -> Option<(&'t Tree, DataPath)> {
        let found = self.tree(key);
        if found.is_none() {
            faults.push(self.at.error("missing", format!("`{key}` is missing"), help));
        }
        found
    }

    /// The mapping at a key.
    pub(crate) fn fields(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Problem>,
    ) -> Option<Fields<'t>> {
        let (tree, path) = self.tree(key)?;
        Fields::maybe(tree, &path, faults)
    }

    /// The entries of a mapping whose keys are names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Written<String>, &'t Tree)> + use<'t> {
        let path = self.at.path.clone();
        self.entries.iter().map(move |entry| {
            let key = entry.key();
            (Written::new(key.to_owned(), path.join(key), entry.place()), entry.value())
        })
    }

    /// The text at a key.
    pub(crate) fn text(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Problem>,
    ) -> Option<Written<String>> {
        let (tree, path) = self.tree(key)?;
        text_of(tree, path, faults)
    }

    /// The text at a key that has to be there.
    pub(crate) fn needed_text(
        &mut self,
        key: &'static str,
        help: &str,
        faults: &mut Vec<Problem>,
    ) -> Option<Written<String>> {
        let (tree, path) = self.needed(key, help, faults)?;
        text_of(tree, path, faults)
    }

    /// The secret at a key. Faults do not show it.
    pub(crate) fn secret(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Problem>,
    ) -> Option<Secret> {
        let (tree, path) = self.tree(key)?;
        text_of(tree, path, faults).map(|text| Secret::new(text.value))
    }

    /// `true` or `"true"`, and the same of false.
    pub(crate) fn flag(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Problem>,
    ) -> Option<Written<bool>> {
        let (tree, path) = self.tree(key)?;
        flag_of(tree, path, faults)
    }

    /// A whole number, with or without quotes.
    pub(crate) fn count(&mut self, key: &'static str, faults: &mut Vec<Problem>) -> Option<u64> {
        let text = self.text(key, faults)?;
        let number = text.value.parse().ok();
        if number.is_none() {
            let message = format!("`{}` is no whole number", shown(&text.value));
            faults.push(text.error("number", message, "give digits alone"));
        }
        number
    }

    /// The items of the list at a key.
    pub(crate) fn list(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Problem>,
    ) -> Vec<(&'t Tree, DataPath)> {
        let Some((tree, path)) = self.tree(key) else { return Vec::new() };
        list_of(tree, &path, faults)
    }

    /// What nobody has asked for.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (Written<String>, &'t Tree)> {
        self.entries().filter(|(key, _)| !self.asked.contains(&key.value.as_str()))
    }

    /// Notes every key that nobody has asked for.
    pub(crate) fn end(self, faults: &mut Vec<Problem>) {
        for (key, _) in self.unknown() {
            faults.push(unknown_key(&key, &self.asked));
        }
    }
}

/// A key that is not known, with the one that was probably meant.
pub(crate) fn unknown_key(key: &Written<String>, known: &[&'static str]) -> Problem {
    let message = format!("`{}` is not known here", shown(&key.value));
    let help = match nearest(&key.value, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    key.error("unknown-key", message, help)
}

/// The items of a list; a fault if it is none.
pub(crate) fn list_of<'t>(
    tree: &'t Tree,
    path: &DataPath,
    faults: &mut Vec<Problem>,
) -> Vec<(&'t Tree, DataPath)> {
    match tree.shape() {
        Shape::List(items) => {
            items.iter().enumerate().map(|(index, item)| (item, path.join(index))).collect()
        }
        found => {
            let at = Written::new((), path.clone(), tree.place());
            faults.push(wrong_shape(&at, "a list", found));
            Vec::new()
        }
    }
}

pub(crate) fn text_of(
    tree: &Tree,
    path: DataPath,
    faults: &mut Vec<Problem>,
) -> Option<Written<String>> {
    let at = Written::new((), path, tree.place());
    match tree.shape() {
        Shape::Scalar(text) => {
            Some(Written { value: text.to_owned(), path: at.path, place: at.place })
        }
        found => {
            faults.push(wrong_shape(&at, "text", found));
            None
        }
    }
}

pub(crate) fn flag_of(
    tree: &Tree,
    path: DataPath,
    faults: &mut Vec<Problem>,
) -> Option<Written<bool>> {
    let text = text_of(tree, path, faults)?;
    let value = match text.value.as_str() {
        "true" => true,
        "false" => false,
        other => {
            let message = format!("true or false is expected, not `{}`", shown(other));
            faults.push(text.error("boolean", message, "write true or \"true\""));
            return None;
        }
    };
    Some(Written { value, path: text.path, place: text.place })
}

fn wrong_shape(at: &Written<()>, wanted: &str, found: Shape<'_>) -> Problem {
    // The value itself is not shown: it may be a secret.
    let found = match found {
        Shape::Null => "nothing",
        Shape::Scalar(_) => "a single value",
        Shape::List(_) => "a list",
        Shape::Mapping(_) => "a mapping",
    };
    at.put(Problem::error("type", format!("{wanted} is expected, not {found}")))
}

/// A text of a file, fit to be shown.
pub(crate) fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

/// The address that a text is, by the rules of addresses and not those of `inet_aton`, to which `10.10` is one.
pub(crate) fn address_of(text: &Written<String>, faults: &mut Vec<Problem>) -> Option<IpAddr> {
    let written = text.value.as_str();
    if is_placeholder(written) {
        let message = format!("`{}` is still to be filled in", shown(written));
        faults.push(text.error("placeholder", message, "write the address, such as 10.10.0.11"));
        return None;
    }
    if let Ok(address) = written.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let numeric = written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parts = written.split('.').filter(|part| !part.is_empty()).count();
    let (code, message) = if numeric && parts < 4 {
        (
            "short-ip",
            format!("`{}` is no IPv4 address: it has {parts} of 4 numbers", shown(written)),
        )
    } else {
        ("bad-ip", format!("`{}` is no IP address", shown(written)))
    };
    let help = "an IPv4 address has four numbers from 0 to 255, such as 10.10.0.11; an IPv6 address looks like fd00::11";
    faults.push(text.error(code, message, help));
    None
}

/// The port that a text is.
pub(crate) fn port_of(text: &Written<String>, faults: &mut Vec<Problem>) -> Option<u16> {
    if is_placeholder(&text.value) {
        let message = format!("`{}` is still to be filled in", shown(&text.value));
        faults.push(text.error(
            "placeholder",
            message,
            "write the port of sshd, which is 22 as a rule",
        ));
        return None;
    }
    let port = text.value.parse::<u16>().ok().filter(|port| *port > 0);
    if port.is_none() {
        let message = format!("`{}` is no port", shown(&text.value));
        faults.push(text.error("bad-port", message, "give a whole number from 1 to 65535"));
    }
    port
}
