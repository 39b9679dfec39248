//! Problems of files that people write: what is wrong, where, and how to mend it.
//!
//! A check of data, such as the one of `hpcc.yaml`, finds a problem at a path into the data
//! (`thor.thor1.slavesPerNode`). Who read the file knows which line that path is on. So a [`Problem`]
//! carries both: the path from the beginning, and the [`Place`] once it was looked up.
//!
//! With the feature `yaml`, the module `yaml` reads YAML and JSON and looks the places up.

mod nearest;
mod path;
mod problem;
mod render;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use nearest::nearest;
pub use path::{DataPath, Step};
pub use problem::{Place, Problem, Severity};
pub use render::{Source, render};
