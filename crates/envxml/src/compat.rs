//! `envgen`'s own way from a command line to an environment, with its placement and its messages.
//!
//! This repeats version 7.2.20, including what it does wrong: thor slaves that wrap to a roxie machine, support
//! nodes that silently become none, instance numbers with gaps. Who has no scripts to keep alike wants
//! [`crate::place`] instead.
//!
//! Host names are resolved by the caller: see [`Resolver`].

use std::net::IpAddr;

use thiserror::Error;

use crate::catalogue::Catalogue;
use crate::tree::Document;

pub mod addresses;
mod change;
mod hash;
mod validate;
mod wizard;

/// What a command line of `envgen` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// All `-ip` values and the contents of all `-ipfile` files, one after the other.
    pub addresses: String,
    /// `-supportnodes`.
    pub support_nodes: i32,
    /// `-roxienodes`.
    pub roxie_nodes: i32,
    /// `-thornodes`.
    pub thor_nodes: i32,
    /// `-espnodes`.
    pub esp_nodes: i32,
    /// `-slavesPerNode`.
    pub slaves_per_node: i32,
    /// `-thorChannelsPerSlave`.
    pub thor_channels_per_slave: i32,
    /// `-roxieChannelsPerSlave`.
    pub roxie_channels_per_slave: i32,
    /// `-roxieondemand`.
    pub roxie_on_demand: bool,
    /// `-o`: categories and their folders.
    pub directories: Vec<(String, String)>,
    /// `-override`: each as it was typed.
    pub overrides: Vec<String>,
    /// `-set_xpath_attrib_value`: path, attribute with `@`, value.
    pub xpath_values: Vec<(String, String, String)>,
    /// `-assign_ips`: build set and its addresses as they were typed.
    pub assigned: Vec<(String, String)>,
}

impl Default for Request {
    /// What `envgen` takes where a flag is absent.
    fn default() -> Self {
        Self {
            addresses: String::new(),
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
        }
    }
}

/// An environment as `envgen` would have written it.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The environment.
    pub document: Document,
    /// What `envgen` says on standard error while it goes on, each with its line breaks.
    pub warnings: Vec<String>,
}

/// Why `envgen` gives up: the text after `Exception: CODE:` on standard error. Its exit code is 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Exception: {code}:\n{message}")]
pub struct CompatError {
    /// The number that `envgen` prints.
    pub code: i32,
    /// The text.
    pub message: String,
}

impl CompatError {
    fn new(message: impl Into<String>) -> Self {
        Self { code: -1, message: message.into() }
    }
}

/// Finds the address of a host name; `None` when it has none.
pub type Resolver<'r> = &'r dyn Fn(&str) -> Option<IpAddr>;

/// Generates an environment as `envgen` does.
///
/// # Errors
///
/// As `envgen`: when an address cannot be used, when there are too few for a component, when a backup
/// node is on the thor master, when a path of `-set_xpath_attrib_value` names no place or many.
///
/// ```
/// use envxml::{catalogue::Catalogue, compat};
///
/// let request = compat::Request { addresses: "10.1.0.1".into(), ..Default::default() };
/// let generated = compat::generate(&request, Catalogue::newest(), "host", &|_| None)?;
/// assert!(generated.document.to_envgen_text().contains("netAddress=\"10.1.0.1\""));
/// # Ok::<(), compat::CompatError>(())
/// ```
pub fn generate(
    request: &Request,
    catalogue: &Catalogue,
    host_label: &str,
    resolver: Resolver<'_>,
) -> Result<Generated, CompatError> {
    let lists = addresses::Lists::new(request, resolver)?;
    let blueprint = wizard::blueprint(request, &lists, catalogue, resolver)?;
    let mut document = blueprint.document(catalogue, host_label);
    let mut warnings = Vec::new();
    change::overrides(&mut document, &request.overrides, &mut warnings)?;
    change::xpath_values(&mut document, &request.xpath_values)?;
    validate::backup_nodes(&document)?;
    Ok(Generated { document, warnings })
}
