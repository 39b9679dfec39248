//! Wishes about a host, one for each concern.

mod modules;
mod sysctls;

use crate::plan::Step;

/// All steps, in the order in which they are carried out.
#[must_use]
pub fn all() -> &'static [&'static dyn Step] {
    &[&modules::Modules, &sysctls::Sysctls]
}
