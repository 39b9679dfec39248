//! What `envgen` checks after it has generated.

use std::fmt::Write as _;

use super::CompatError;
use crate::tree::Document;
use crate::view::{Environment, Part};

/// What `envgen` finds by rendering the environment with `configgen`, as far as a change of an attribute can cause it, and
/// its own check of backup nodes.
///
/// Of several problems the first is told, as there. Where it names a temporary folder this names `/tmp`.
pub(super) fn check(document: &Document) -> Result<(), CompatError> {
    let environment = Environment::new(document);
    let coded = |code: i32, message: String| CompatError { code, message, warnings: Vec::new() };
    let computers = |name: &str| environment.computer(name).is_some();
    let build = environment.build().unwrap_or_default();
    for component in &environment.components {
        let element = component.element;
        if component.name.contains(char::is_whitespace) {
            let line = format!("Invalid character[@name={}]", component.name);
            // Thor clusters are looked at twice.
            let times = if component.process == "ThorCluster" { 2 } else { 1 };
            return Err(coded(0, format!("Error 1:\n{}", format!("{line}\n").repeat(times))));
        }
        let runs = !component.instances.is_empty();
        if runs && element.get("build").is_some_and(|name| name != build) {
            return Err(coded(0, format!("Process {} has invalid build", component.name)));
        }
        let thor = element.get("computer").filter(|_| component.process == "ThorCluster");
        if let Some(computer) = thor.filter(|computer| !computers(computer)) {
            return Err(coded(-1, format!("The computer '{computer}' is undefined!")));
        }
        for instance in &component.instances {
            if let Some(computer) = instance.computer.as_ref().filter(|name| !computers(name)) {
                return Err(coded(
                    -1,
                    format!(
                        "XPATH: Hardware/Computer[@name=\"{computer}\"] is invalid.\n(Did you configure the Hardware?)"
                    ),
                ));
            }
        }
        for binding in element.children("EspBinding") {
            let service = binding.get("service").unwrap_or_default();
            if environment.named("EspService", &service).is_none() {
                return Err(coded(
                    0,
                    format!("Process {} references unknown service {service}", component.name),
                ));
            }
        }
        let method = element.child("Authentication").and_then(|one| one.get("method"));
        if method.is_some_and(|method| method.contains("ldap")) {
            return Err(coded(
                0,
                format!(
                    "Error 1:\nComponent type: EspProcess\nComponent Name: {name}\nCannot create /tmp/{name}/esp.xml\nusing \
                     XSL transform /opt/HPCCSystems/componentfiles/configxml/esp.xsl\n\n[5657: LDAP server is either not \
                     specified or is invalid!]\n",
                    name = component.name
                ),
            ));
        }
    }
    backup_nodes(&environment)
}

/// Refuses a backup node on the machine of a thor master.
fn backup_nodes(environment: &Environment<'_>) -> Result<(), CompatError> {
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
