//! Address files as older scripts leave them: one for each role, with addresses that end in `;`.
//!
//! The scripts of 2019 name a file after the first two fields of the pods' names: `thor-thor1`, `roxie-roxie1`,
//! `support`. Those of 2016 have four files: `roxie_ips.txt`, `thor_ips.txt`, `esp_ips.txt`, and `ips.txt`, which
//! begins with the master and may go on with all others. What none of the other three has is the master.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use diagnostics::{Place, Problem};
use thiserror::Error;
use topology::{Address, Machine, Placement, Role, RoleKey};

use crate::name::{self, Extent};

/// How many addresses a range may have.
const LONGEST_RANGE: u16 = 256;

/// What some address files say.
#[derive(Debug, Clone, Default)]
pub struct AddressFiles {
    /// The machines by role. They have addresses and no names.
    pub placement: Placement,
    /// What is wrong or odd, with its lines.
    pub problems: Vec<Problem>,
}

/// A folder that cannot be read.
#[derive(Debug, Error)]
#[error("failed to read {path}")]
pub struct AddressFolderError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Reads all files of a folder, but those whose name begins with a dot.
///
/// # Errors
/// If the folder or one of its files cannot be read. What is wrong inside files is among the problems.
pub fn read_address_folder(folder: &Path) -> Result<AddressFiles, AddressFolderError> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| AddressFolderError { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault(folder))? {
        let path = entry.map_err(fault(folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if let Some(name) = name
            && !name.starts_with('.')
            && path.is_file()
        {
            let text = std::fs::read_to_string(&path).map_err(fault(&path))?;
            files.push((name, text));
        }
    }
    Ok(read_address_files(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))))
}

/// Reads address files, each given by its name and its text.
///
/// ```
/// use discovery::read_address_files;
///
/// let files = [("support", "10.1.0.1;\n"), ("thor-thor1", "10.1.2.2;\n10.1.2.1;\n")];
/// let found = read_address_files(files);
/// assert!(found.problems.is_empty());
/// let slaves = found.placement.machines(&"thor-slave/thor1".parse()?);
/// assert_eq!(slaves[0].address.to_string(), "10.1.2.1");
/// # Ok::<(), topology::RoleError>(())
/// ```
pub fn read_address_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> AddressFiles {
    let mut files: Vec<(&str, &str)> = files.into_iter().collect();
    files.sort_unstable();
    let mut found = AddressFiles::default();
    let mut all_of_2016 = Vec::new();
    let mut others_of_2016 = BTreeSet::new();
    for (file, text) in files {
        let keys = match file {
            "ips.txt" => {
                all_of_2016 = addresses(file, text, &mut found.problems);
                continue;
            }
            "thor_ips.txt" => vec![RoleKey::single(Role::ThorSlave)],
            "roxie_ips.txt" => vec![RoleKey::single(Role::Roxie)],
            "esp_ips.txt" => vec![RoleKey::single(Role::Esp)],
            // Here the rest is the cluster: the scripts have cut off what follows it.
            file => {
                let meaning = name::meaning(file, Extent::Whole).filter(|_| !file.contains('.'));
                let Some(meaning) = meaning else {
                    found.problems.push(unknown_file(file));
                    continue;
                };
                meaning.keys
            }
        };
        let is_of_2016 = file.ends_with("_ips.txt");
        for address in addresses(file, text, &mut found.problems) {
            if is_of_2016 {
                others_of_2016.insert(address.clone());
            }
            for key in keys.iter().filter(|key| key.role() != Role::Admin) {
                found.placement.insert(key.clone(), Machine::new(address.clone()));
            }
        }
    }
    for address in all_of_2016.into_iter().filter(|address| !others_of_2016.contains(address)) {
        found.placement.insert(RoleKey::single(Role::Support), Machine::new(address));
    }
    found.problems.extend(found.placement.validate());
    found
}

fn unknown_file(file: &str) -> Problem {
    Problem::warning("unknown-file", format!("{file} is no file of a role, and is left out"))
        .help("name it TYPE or TYPE-CLUSTER, such as support or thor-thor1")
}

/// The addresses of one file, each once.
fn addresses(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Address> {
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut offset = 0;
        for piece in line.split(';') {
            let start = offset + (piece.len() - piece.trim_start().len());
            offset += piece.len() + 1;
            let piece = piece.trim();
            if piece.is_empty() {
                continue;
            }
            let column = line[..start].chars().count() + 1;
            let place = Place { file: file.to_owned(), line: at + 1, column };
            match expand(piece) {
                Err(message) => problems.push(
                    Problem::error("bad-address", message)
                        .placed(place)
                        .help("write one address on each line, as in `10.1.0.1;`"),
                ),
                Ok(addresses) => {
                    for address in addresses {
                        if known.insert(address.clone()) {
                            found.push(address);
                        } else {
                            problems.push(
                                Problem::warning(
                                    "duplicate-address",
                                    format!("{address} stands here twice"),
                                )
                                .placed(place.clone()),
                            );
                        }
                    }
                }
            }
        }
    }
    if found.is_empty() {
        problems.push(
            Problem::warning("empty-file", format!("{file} has no addresses")).placed(Place {
                file: file.to_owned(),
                line: 1,
                column: 1,
            }),
        );
    }
    found
}

/// One address, or a range of the last number: `10.1.2.1-5`.
fn expand(piece: &str) -> Result<Vec<Address>, String> {
    if let Some((from, to)) = piece.split_once('-')
        && let Ok(first) = from.parse::<std::net::Ipv4Addr>()
    {
        let last: u16 = to.parse().map_err(|_| format!("`{to}` ends no range of addresses"))?;
        let [a, b, c, d] = first.octets();
        let (low, high) = (u16::from(d).min(last), u16::from(d).max(last));
        if high >= LONGEST_RANGE {
            return Err(format!("`{piece}` goes beyond 255"));
        }
        return (low..=high)
            .map(|d| format!("{a}.{b}.{c}.{d}").parse().map_err(|fault| format!("{fault}")))
            .collect();
    }
    piece.parse().map(|address| vec![address]).map_err(|fault| format!("{fault}"))
}
