//! Folders: `-listcommondirs`, `-listdropzones`, `-listdirs`.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::machines::one_computer;
use super::processes::same_address;
use super::{ListError, OrNull, Row, elements, localised, value};
use crate::tree::Document;

/// One folder that components share: a row of `configgen -listcommondirs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommonDirectory<'d> {
    /// The category: `log`, `run`, `data`, ...
    pub category: Option<Cow<'d, str>>,
    /// The folder.
    pub directory: String,
}

impl Row for CommonDirectory<'_> {
    const HEADER: &'static [&'static str] = &["CATEGORY", "DIRECTORY"];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let category = self.category.as_deref().unwrap_or_default();
        vec![category.into(), self.directory.as_str().into()]
    }
}

impl fmt::Display for CommonDirectory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", OrNull(self.category.as_deref()), self.directory)
    }
}

/// The folders above those of single instances: `configgen -listcommondirs`.
///
/// A category counts when its folder without the last part has no `[INST]` or `[COMPONENT]` as the
/// start of a part. Overrides do not count.
///
/// # Errors
///
/// When there are two `Directories`.
pub fn common_directories(document: &Document) -> Result<Vec<CommonDirectory<'_>>, ListError> {
    let all = elements(&document.root, &["Software", "Directories"]);
    if all.len() > 1 {
        let path = "Software/Directories".to_owned();
        return Err(ListError::Ambiguous { path, count: all.len() });
    }
    let mut rows = Vec::new();
    for directories in all {
        let name = value(directories, "name");
        for category in directories.children("Category") {
            let folder = value(category, "dir");
            let folder = folder.rsplit_once('/').map_or(&*folder, |(folder, _)| folder);
            if folder.contains("/[INST]") || folder.contains("/[COMPONENT]") {
                continue;
            }
            let directory = folder.replace("[NAME]", &name);
            rows.push(CommonDirectory { category: category.get("name"), directory });
        }
    }
    Ok(rows)
}

/// One server of one drop zone: a row of `configgen -listdropzones`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropZone<'d> {
    /// The name of the drop zone.
    pub component: Cow<'d, str>,
    /// The server's address as it is written: `.` stays in `ServerList`.
    pub address: Option<Cow<'d, str>>,
    /// The folder.
    pub directory: Option<Cow<'d, str>>,
}

impl Row for DropZone<'_> {
    const HEADER: &'static [&'static str] = &["COMPONENT", "ADDRESS", "DIRECTORY"];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let address = self.address.as_deref().unwrap_or_default();
        let directory = self.directory.as_deref().unwrap_or_default();
        vec![self.component.as_ref().into(), address.into(), directory.into()]
    }
}

impl fmt::Display for DropZone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, directory) = (self.address.as_deref(), self.directory.as_deref());
        write!(f, "{},{}", OrNull(address), OrNull(directory))
    }
}

/// The servers of all drop zones: `configgen -listdropzones`.
///
/// A drop zone of the older form, without `ServerList`, is on its `@computer`.
///
/// # Errors
///
/// When two computers have the name that a drop zone of the older form needs.
pub fn drop_zones<'d>(document: &'d Document, local: &str) -> Result<Vec<DropZone<'d>>, ListError> {
    let mut rows = Vec::new();
    for zone in elements(&document.root, &["Software", "DropZone"]) {
        let row = |address| DropZone {
            component: value(zone, "name"),
            address,
            directory: zone.get("directory"),
        };
        if zone.child("ServerList").is_some() {
            rows.extend(zone.children("ServerList").map(|server| row(server.get("server"))));
        } else if let Some(computer) = one_computer(&document.root, &value(zone, "computer"))? {
            let address = computer.get("netAddress").map(|address| localised(address, local));
            rows.push(row(address));
        }
    }
    Ok(rows)
}

/// The folders that a machine needs for its drop zones: `configgen -listdirs -ip ADDRESS`.
///
/// An `address` of `.` is the local machine. Host names are compared as they are written.
///
/// # Errors
///
/// As [`drop_zones`].
pub fn local_directories<'d>(
    document: &'d Document,
    local: &str,
    address: &str,
) -> Result<Vec<Option<Cow<'d, str>>>, ListError> {
    let address = if address == "." { local } else { address };
    let zones = drop_zones(document, local)?.into_iter();
    let here = zones.filter(|zone| {
        let server = zone.address.as_deref().unwrap_or_default();
        same_address(if server == "." { local } else { server }, address)
    });
    Ok(here.map(|zone| zone.directory).collect())
}
