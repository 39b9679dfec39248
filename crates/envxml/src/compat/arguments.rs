//! envgen's options as a typed value.
//!
//! Needs nothing of the program around it, clap least of all. There are two ways to read: [`EnvgenArgs::parse_first`]
//! goes on as envgen does and ends at the first problem; [`EnvgenArgs::parse_all`] collects every problem,
//! also those that envgen passes over. The messages are envgen's own ([`ArgumentError`]).

mod error;
mod integer;
mod list;
mod options;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

pub use error::ArgumentError;
pub use list::fields;
use options::EnvgenOption;
pub use options::{option_names, value_count};

/// A part of the address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpPart {
    /// Of `-ip`: addresses and ranges.
    Inline(String),
    /// Of `-ipfile`: a file with addresses and ranges.
    File(PathBuf),
}

/// What envgen was asked for. Where an option is repeated the last one counts, unless the field is a list.
///
/// Counts are as they were typed: envgen takes negative ones as well, and their meaning is the generator's affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvgenArgs {
    /// `-env`: the file to write.
    pub env: Option<PathBuf>,
    /// `-ip` and `-ipfile`, in their order. See [`EnvgenArgs::address_texts`].
    pub ip_parts: Vec<IpPart>,
    /// `-supportnodes`, 1 by default: how many addresses at the start of the list are for support only.
    pub support_nodes: i32,
    /// `-roxienodes`, 1 by default.
    pub roxie_nodes: i32,
    /// `-thornodes`, 1 by default, without the master.
    pub thor_nodes: i32,
    /// `-espnodes`, 1 by default.
    pub esp_nodes: i32,
    /// `-slavesPerNode`, 1 by default.
    pub slaves_per_node: i32,
    /// `-thorChannelsPerSlave`, 1 by default.
    pub thor_channels_per_slave: i32,
    /// `-roxieChannelsPerSlave`, 1 by default.
    pub roxie_channels_per_slave: i32,
    /// `-roxieondemand`: whether it is 1, as it is by default.
    pub roxie_on_demand: bool,
    /// `-o`: category and directory. A later directory of a category replaces an earlier one.
    pub directories: Vec<(String, String)>,
    /// `-override`: `buildset,@attribute,value`, as typed. [`fields`] takes them apart.
    pub overrides: Vec<String>,
    /// `-set_xpath_attrib_value`: path, `@attribute` and value.
    pub xpath_values: Vec<(String, String, String)>,
    /// `-assign_ips`: build set and addresses.
    pub assigned: Vec<(String, String)>,
    /// `-help` or `-?`: nothing else is wanted, and what follows was not read.
    pub help: bool,
}

impl Default for EnvgenArgs {
    fn default() -> Self {
        Self {
            env: None,
            ip_parts: Vec::new(),
            support_nodes: 1,
            roxie_nodes: 1,
            thor_nodes: 1,
            esp_nodes: 1,
            slaves_per_node: 1,
            thor_channels_per_slave: 1,
            roxie_channels_per_slave: 1,
            roxie_on_demand: true,
            directories: Vec::new(),
            overrides: Vec::new(),
            xpath_values: Vec::new(),
            assigned: Vec::new(),
            help: false,
        }
    }
}

impl EnvgenArgs {
    /// Reads arguments (without the program's name) as envgen does: in order, up to the first problem.
    ///
    /// Directories without a `=` are left out as envgen leaves them out, and overrides with too few or too many
    /// fields stay in the list, for the generator to warn of.
    ///
    /// # Errors
    ///
    /// The first problem. Whether file and addresses are there is asked by [`EnvgenArgs::require_env`] and
    /// [`EnvgenArgs::address_texts`].
    pub fn parse_first(arguments: &[OsString]) -> Result<Self, ArgumentError> {
        let mut args = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match args.read(argument, &mut rest) {
                Err(problem) if problem.is_error_in_envgen() => return Err(problem),
                _ if args.help => break,
                _ => {}
            }
        }
        Ok(args)
    }

    /// Reads arguments (without the program's name) to their end, or to a `-help`.
    ///
    /// # Errors
    ///
    /// Every problem, in the order of the arguments; there is at least one. Where help is asked for, problems do
    /// not matter.
    pub fn parse_all(arguments: &[OsString]) -> Result<Self, Vec<ArgumentError>> {
        let mut args = Self::default();
        let mut problems = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            problems.extend(args.read(argument, &mut rest).err());
            if args.help {
                return Ok(args);
            }
        }
        if problems.is_empty() { Ok(args) } else { Err(problems) }
    }

    /// Reads one option with its values.
    fn read<'a>(
        &mut self,
        argument: &OsStr,
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(), ArgumentError> {
        use EnvgenOption as O;

        let Some((name, option)) = options::find(argument) else {
            return Err(ArgumentError::Unknown { argument: shown(argument) });
        };
        let values: Vec<&OsStr> =
            rest.take(option.value_count()).map(OsString::as_os_str).collect();
        let missing = option.value_count() - values.len();
        if missing > 0 {
            return Err(ArgumentError::MissingValue { option: name, missing });
        }
        let text = |index: usize| -> Result<String, ArgumentError> {
            let value: &OsStr = values[index];
            value
                .to_str()
                .map(str::to_owned)
                .ok_or_else(|| ArgumentError::NotUtf8 { option: name, value: shown(value) })
        };
        let integer = || integer::parse(name, &shown(values[0]));
        match option {
            O::Help => self.help = true,
            O::Env => self.env = Some(values[0].into()),
            O::Ip => self.ip_parts.push(IpPart::Inline(text(0)?)),
            O::IpFile => self.ip_parts.push(IpPart::File(values[0].into())),
            O::SupportNodes => self.support_nodes = integer()?,
            O::RoxieNodes => self.roxie_nodes = integer()?,
            O::ThorNodes => self.thor_nodes = integer()?,
            O::EspNodes => self.esp_nodes = integer()?,
            O::SlavesPerNode => self.slaves_per_node = integer()?,
            O::ThorChannelsPerSlave => self.thor_channels_per_slave = integer()?,
            O::RoxieChannelsPerSlave => self.roxie_channels_per_slave = integer()?,
            // Only ever switched off: a later 1 does not switch it on again.
            O::RoxieOnDemand => self.roxie_on_demand &= integer()? == 1,
            O::Directory => self.directories.push(directory(text(0)?)?),
            O::Override => {
                let value = text(0)?;
                let is_complete = fields(&value, ',').len() == 3;
                self.overrides.push(value.clone());
                if !is_complete {
                    return Err(ArgumentError::NotAnOverride { value });
                }
            }
            O::XpathValue => self.xpath_values.push((text(0)?, text(1)?, text(2)?)),
            O::AssignIps => self.assigned.push((text(0)?, text(1)?)),
        }
        Ok(())
    }

    /// The file to write.
    ///
    /// # Errors
    ///
    /// [`ArgumentError::EnvRequired`] where there was no `-env`.
    pub fn require_env(&self) -> Result<&Path, ArgumentError> {
        self.env.as_deref().ok_or(ArgumentError::EnvRequired)
    }

    /// The texts of `-ip` and `-ipfile`, in their order. `read` reads a file.
    ///
    /// envgen puts them together with nothing between them, so that `-ip 10.0.0.1 -ip 10.0.0.2` is one bad
    /// address. Who does not want that joins them with `;`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, and [`ArgumentError::AddressesRequired`] where all texts are empty.
    pub fn address_texts(
        &self,
        mut read: impl FnMut(&Path) -> io::Result<String>,
    ) -> Result<Vec<String>, ArgumentError> {
        let text = |part: &IpPart| match part {
            IpPart::Inline(text) => Ok(text.clone()),
            IpPart::File(path) => read(path)
                .map_err(|source| ArgumentError::Unreadable { path: path.clone(), source }),
        };
        let texts = self.ip_parts.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        if texts.iter().all(String::is_empty) {
            return Err(ArgumentError::AddressesRequired);
        }
        Ok(texts)
    }
}

/// Arguments in messages.
fn shown(argument: &OsStr) -> String {
    argument.to_string_lossy().into_owned()
}

/// `category=directory`. Placeholders keep the directories of components apart.
fn directory(value: String) -> Result<(String, String), ArgumentError> {
    let Ok([category, directory]) = <[String; 2]>::try_from(fields(&value, '=')) else {
        return Err(ArgumentError::NotADirectory { value });
    };
    let has = |placeholder: &str| directory.contains(placeholder);
    if has("[NAME]") && (has("[INST]") || has("[COMPONENT]")) {
        Ok((category, directory))
    } else {
        Err(ArgumentError::NoPlaceholders { value })
    }
}

#[cfg(test)]
mod tests;
