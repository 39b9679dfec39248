//! What `envgen` checks after it has generated.

use std::fmt::Write as _;

use super::CompatError;
use crate::tree::Document;
use crate::view::{Environment, Part};

/// Refuses a backup node on the machine of a thor master.
pub(super) fn backup_nodes(document: &Document) -> Result<(), CompatError> {
    let environment = Environment::new(document);
    let masters: Vec<_> = environment
        .of_process("ThorCluster")
        .flat_map(|thor| thor.part(Part::ThorMaster))
        .filter_map(|master| master.computer.clone())
        .collect();
    let backups = environment.of_process("BackupNodeProcess");
    let computers =
        backups.flat_map(|backup| backup.part(Part::Process)).filter_map(|i| i.computer.as_ref());
    let mut message = String::new();
    for computer in computers.filter(|computer| masters.contains(computer)) {
        let _ = writeln!(
            message,
            "Error: a BackupNodeProcess instance has the same computer {computer} as thor master node"
        );
    }
    if message.is_empty() { Ok(()) } else { Err(CompatError::new(message)) }
}
