//! Placement by role: which component runs on which machine, without ever taking a machine of another role.
//!
//! - [`from_list`] reads addresses without roles in their order: support, roxie, thor.
//! - [`from_roles`] takes machines by role, as they were found among pods, and what `hpcc.yaml` wants.

use diagnostics::Problem;

use crate::generate::Blueprint;

mod list;
mod roles;

pub use list::from_list;
pub use roles::from_roles;

/// A placement and what is worth telling about it.
#[derive(Debug, Clone)]
pub struct Placed {
    /// What is to be written.
    pub blueprint: Blueprint,
    /// What differs from `envgen`'s placement and why, and what was left over; lines for people.
    pub notes: Vec<String>,
}

/// What is wrong, or the placement.
pub type Result = std::result::Result<Placed, Vec<Problem>>;
