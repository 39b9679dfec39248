//! How the new content of a file comes from what stands there.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::spec::HostEntry;
use crate::text::{
    arguments, block, containerd, crictl, fstab, hosts, kernel_command_line, key_value, sources,
    zone,
};

/// A wish about the content of a file. Applied to content that fulfils it, it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// This is all of it.
    Content(String),
    /// This is all of it, and nobody else may see it.
    Secret(Secret),
    /// These lines are in it, between two lines that name us. What stands around them stays.
    Block(Vec<String>),
    /// No lines of ours are in it.
    NoBlock,
    /// Its repositories at these places are not in use.
    RepositoriesOff {
        /// How the file lists them.
        format: sources::Format,
        /// Hosts, or beginnings of addresses.
        places: Vec<String>,
    },
    /// containerd's `config.toml` has these settings. Its schema is the one that stands there, else that of this
    /// containerd.
    Containerd {
        /// The settings.
        wish: containerd::Wish,
        /// Who reads it.
        version: containerd::Version,
    },
    /// A variable has these arguments of a program among its words.
    Arguments {
        /// The variable.
        key: String,
        /// Names without dashes, and values.
        arguments: Vec<(String, String)>,
    },
    /// `/etc/crictl.yaml` has these keys.
    Crictl(Vec<(String, String)>),
    /// A zone of firewalld has these elements.
    Zone {
        /// What the file begins as where there is none.
        base: String,
        /// The elements.
        elements: Vec<zone::Element>,
        /// What it does not have any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        without: Vec<zone::Element>,
    },
    /// Each line of swap in `/etc/fstab` is a comment.
    NoSwap,
    /// `/etc/fstab` has this mount, in the place of another one at the same mount point.
    Mount {
        /// What is mounted.
        source: String,
        /// Where.
        target: String,
        /// The type of the file system.
        kind: String,
        /// Options, with commas between them.
        options: String,
    },
    /// A file of `KEY=value` lines has this value.
    KeyValue {
        /// The key.
        key: String,
        /// The value, without quotes.
        value: String,
    },
    /// `/etc/default/grub` has this word on the kernel's command line of every boot.
    KernelWord(String),
    /// `/etc/hosts` has these entries, and the host's own name no other.
    Hosts(Vec<HostEntry>),
}

impl From<&HostEntry> for hosts::Entry {
    fn from(entry: &HostEntry) -> Self {
        Self { address: entry.address, names: entry.names.clone() }
    }
}

/// Why a wish cannot be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EditError {
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl EditError {
    /// Of something that says what is wrong.
    pub fn new(fault: impl std::fmt::Display) -> Self {
        Self { message: fault.to_string() }
    }
}

impl Edit {
    /// The content that fulfils the wish. `before` is what stands there; `None` when there is no file.
    ///
    /// # Errors
    /// If what stands there cannot be understood.
    pub fn apply(&self, before: Option<&str>) -> Result<String, EditError> {
        let text = before.unwrap_or_default();
        match self {
            Self::Content(content) => Ok(content.clone()),
            Self::Secret(content) => Ok(content.expose().to_owned()),
            Self::Block(lines) => block::upsert(text, &lines.join("\n")).map_err(EditError::new),
            Self::NoBlock => block::remove(text).map_err(EditError::new),
            Self::RepositoriesOff { format, places } => Ok(sources::disable(*format, text, places)),
            Self::Containerd { wish, version } => containerd::apply(before, wish, *version)
                .map(|configured| configured.text)
                .map_err(EditError::new),
            Self::Arguments { key, arguments } => {
                arguments::set(text, key, arguments).map_err(EditError::new)
            }
            Self::Crictl(keys) => Ok(keys
                .iter()
                .fold(text.to_owned(), |text, (key, value)| crictl::set(&text, key, value))),
            Self::Zone { base, elements, without } => zone::remove(before.unwrap_or(base), without)
                .and_then(|text| zone::add(&text, elements))
                .map_err(EditError::new),
            Self::NoSwap => Ok(fstab::comment_swap(text)),
            Self::Mount { source, target, kind, options } => {
                let entry = fstab::Entry {
                    source: source.clone(),
                    target: target.clone(),
                    kind: kind.clone(),
                    options: options.clone(),
                    dump: 0,
                    pass: 0,
                };
                fstab::set_mount(text, &entry).map_err(EditError::new)
            }
            Self::KeyValue { key, value } => {
                key_value::set(text, key, value).map_err(EditError::new)
            }
            Self::KernelWord(word) => {
                let key = kernel_command_line::GRUB_KEY;
                kernel_command_line::add(text, key, word).map_err(EditError::new)
            }
            Self::Hosts(entries) => {
                let entries: Vec<hosts::Entry> = entries.iter().map(Into::into).collect();
                hosts::manage(text, &entries).map(|managed| managed.text).map_err(EditError::new)
            }
        }
    }

    /// Whether the content must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}
