//! `envgen`'s own way from a command line to an environment, with its placement and its messages.
//!
//! This repeats version 7.2.20, including what it does wrong: thor slaves that wrap to a roxie machine, support
//! nodes that silently become none, instance numbers with gaps. Who has no scripts to keep alike wants
//! [`crate::place`] instead.
//!
//! Host names are resolved by the caller: see [`Resolver`].

use std::net::IpAddr;

use thiserror::Error;

pub use self::arguments::{ArgumentError, EnvgenArgs};
use crate::catalogue::Catalogue;
use crate::tree::Document;

pub mod addresses;
pub mod arguments;
mod change;
mod hash;
mod validate;
pub(crate) mod wizard;

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
    /// What `envgen` had said before on standard error, each with its line breaks.
    pub warnings: Vec<String>,
}

impl CompatError {
    fn new(message: impl Into<String>) -> Self {
        Self { code: -1, message: message.into(), warnings: Vec::new() }
    }
}

/// Finds the address of a host name; `None` when it has none.
pub type Resolver<'r> = &'r dyn Fn(&str) -> Option<IpAddr>;

/// Generates an environment as `envgen` does.
///
/// `addresses` holds all `-ip` values and the contents of all `-ipfile` files, one directly after the other.
///
/// # Errors
///
/// As `envgen`: when an address cannot be used, when there are too few for a component, when a backup
/// node is on the thor master, when a path of `-set_xpath_attrib_value` names no place or many.
///
/// ```
/// use envxml::{catalogue::Catalogue, compat};
///
/// let arguments = compat::EnvgenArgs { thor_nodes: 0, ..Default::default() };
/// let generated = compat::generate(&arguments, "10.1.0.1", Catalogue::newest(), "host", &|_| None)?;
/// assert!(generated.document.to_envgen_text().contains("netAddress=\"10.1.0.1\""));
/// # Ok::<(), compat::CompatError>(())
/// ```
pub fn generate(
    arguments: &EnvgenArgs,
    addresses: &str,
    catalogue: &Catalogue,
    host_label: &str,
    resolver: Resolver<'_>,
) -> Result<Generated, CompatError> {
    let lists = addresses::Lists::new(addresses, &arguments.assigned, resolver)?;
    let blueprint =
        wizard::blueprint(arguments, &lists, catalogue, resolver, wizard::Reading::Envgen)?;
    let mut document = blueprint.document(catalogue, host_label);
    let mut warnings = Vec::new();
    let changed = change::overrides(&mut document, &arguments.overrides, &mut warnings)
        .and_then(|()| change::xpath_values(&mut document, &arguments.xpath_values))
        .and_then(|()| validate::check(&document));
    match changed {
        Ok(()) => Ok(Generated { document, warnings }),
        Err(error) => Err(CompatError { warnings, ..error }),
    }
}
