//! What an environment runs, and where: the lists that HPCC's `configgen` prints.
//!
//! Each function gives typed rows; [`to_text`] turns them into the lines of `configgen`, in its order
//! too. [`Row::HEADER`] and [`Row::cells`] are for tables, `serde` for JSON.
//!
//! An address `.` means the machine that reads the file. `configgen` puts that machine's address in
//! its place before it lists anything, so the functions take it as `local`; `"."` leaves it as it is.
//!
//! ```
//! let document = envxml::Document::parse(
//!     "<Environment><Hardware><Computer name='a' netAddress='.'/></Hardware>\
//!      <Software><EspProcess name='myesp'><Instance computer='a' netAddress='.'/></EspProcess>\
//!      </Software></Environment>",
//! )?;
//! let machines = envxml::list::machines(&document, "10.0.0.1")?;
//! assert_eq!(envxml::list::to_text(&machines), "10.0.0.1,\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use serde::Serialize;
use thiserror::Error;

use crate::tree::Element;

mod directories;
mod machines;
mod order;
mod processes;
mod services;

pub use directories::{
    CommonDirectory, DropZone, common_directories, drop_zones, local_directories,
};
pub use machines::{LdapServer, Machine, ldap_servers, machines};
pub use processes::{Local, Process, local_components, processes};
pub use services::{EspService, esp_services};

/// Where every component has its run-time folder.
pub const RUNTIME_DIRECTORY: &str = "/var/lib/HPCCSystems";

/// Why an environment cannot be listed. `configgen` refuses the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ListError {
    /// A reference that must name one element names several.
    #[error("{path} names {count} elements, where one is needed")]
    Ambiguous {
        /// The XPath.
        path: String,
        /// How many there are.
        count: usize,
    },
    /// An instance of a Thor cluster is on a computer that is not there.
    #[error("{instance} needs {path}, which is not there")]
    NoComputer {
        /// The XPath of the computer.
        path: String,
        /// The XPath of the instance.
        instance: String,
    },
}

/// One line of a list. Its [`Display`] is `configgen`'s line.
pub trait Row: Display + Serialize {
    /// The names of the columns.
    const HEADER: &'static [&'static str];

    /// The values, one for each column; what is missing is empty.
    fn cells(&self) -> Vec<Cow<'_, str>>;
}

/// All rows as `configgen` prints them: one line each.
#[must_use]
pub fn to_text<R: Row>(rows: &[R]) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{row}");
    }
    text
}

/// Puts the local machine's address where `.` stands for it: alone, before a port, or in a URL.
fn localised<'d>(address: Cow<'d, str>, local: &str) -> Cow<'d, str> {
    if address == "." {
        Cow::Owned(local.to_owned())
    } else if address.starts_with(".:") || address.starts_with("http://.:") {
        Cow::Owned(address.replace(".:", &format!("{local}:")))
    } else {
        address
    }
}

/// An attribute, empty when it is not there.
fn value<'d>(element: &'d Element, attribute: &str) -> Cow<'d, str> {
    element.get(attribute).unwrap_or_default()
}

/// All elements at `path` below the root, in the order of the file.
fn elements<'d>(root: &'d Element, path: &[&str]) -> Vec<&'d Element> {
    path.iter().fold(vec![root], |found, tag| {
        found.into_iter().flat_map(|element| element.children(tag)).collect()
    })
}

/// What `configgen` prints for a missing attribute in the places where it does not look.
struct OrNull<'v>(Option<&'v str>);

impl Display for OrNull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("(null)"))
    }
}
