//! What the files of `sysctl.d` leave when all of them were read.

use hashbrown::HashMap;
use serde::Serialize;

use super::{Key, Wish};
use crate::text::drop_in;

/// Who sets the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loader {
    /// `systemd-sysctl`, at boot. It does not read `/etc/sysctl.conf`; Debian up to 12 has a link
    /// `/etc/sysctl.d/99-sysctl.conf` to that file, which is to be given as a file of that path.
    Systemd,
    /// `sysctl --system` of procps. It reads `/etc/sysctl.conf` after all others.
    Procps,
}

/// A line that sets a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The parameter, or a glob.
    pub key: Key,
    /// The value; `None` for `-glob`, which takes parameters out of the globs.
    pub value: Option<String>,
    /// Whether it begins with `-`: that it cannot be set is no fault.
    pub optional: bool,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// The assignments of one file. Lines that are none are passed over.
pub fn parse<'a>(file: &'a str, text: &'a str) -> impl Iterator<Item = Assignment> + 'a {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return None;
        }
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim().to_owned())),
            None => (line, None),
        };
        let (key, optional) = match key.strip_prefix('-') {
            Some(key) => (key.trim(), true),
            None => (key, false),
        };
        let meant = !key.is_empty() && (value.is_some() || optional);
        meant.then(|| Assignment {
            key: Key::new(key),
            value,
            optional,
            file: file.to_owned(),
            line: index + 1,
        })
    })
}

/// What all files together leave.
#[derive(Debug, Clone, Default)]
pub struct Effective {
    exact: HashMap<Key, Assignment>,
    /// In their order; the last that matches counts.
    globs: Vec<Assignment>,
}

impl Effective {
    /// Reads files, given as absolute path and text, as `loader` does. A file that masks others has an empty text.
    #[must_use]
    pub fn of(files: &[(&str, &str)], loader: Loader) -> Self {
        let mut order = drop_in::ordered("sysctl.d", files);
        if loader == Loader::Procps {
            order.extend(files.iter().find(|(path, _)| *path == "/etc/sysctl.conf"));
        }
        let mut effective = Self::default();
        for assignment in order.into_iter().flat_map(|(path, text)| parse(path, text)) {
            if assignment.key.is_glob() {
                effective.globs.push(assignment);
            } else {
                effective.exact.insert(assignment.key.clone(), assignment);
            }
        }
        effective
    }

    /// The assignment that counts for a parameter. One that names it wins over a glob, wherever they stand.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Assignment> {
        let found = match self.exact.get(key) {
            Some(exact) => Some(exact),
            None => self.globs.iter().rev().find(|glob| glob.key.matches(key)),
        };
        found.filter(|assignment| assignment.value.is_some())
    }

    /// The value that counts for a parameter.
    #[must_use]
    pub fn value(&self, key: &Key) -> Option<&str> {
        self.get(key)?.value.as_deref()
    }

    /// The assignment of another file that makes our line void: it wins, and does not fulfil the wish.
    #[must_use]
    pub fn shadowed(&self, key: &Key, wish: &Wish, our_file: &str) -> Option<&Assignment> {
        let winner = self.get(key).filter(|winner| winner.file != our_file)?;
        let met = wish.is_met_by(winner.value.as_deref()?).unwrap_or(false);
        (!met).then_some(winner)
    }
}
