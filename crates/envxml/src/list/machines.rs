//! Machines that run something, and LDAP servers: `-machines`, `-listldaps`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::{ListError, OrNull, Row, elements, localised, value};
use crate::tree::{Document, Element};

/// One machine: a row of `configgen -machines`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine<'d> {
    /// Its address.
    pub address: Cow<'d, str>,
    /// Its computer's name.
    pub name: Cow<'d, str>,
    /// The operating system that its computer type tells; empty without a type.
    pub operating_system: Option<Cow<'d, str>>,
}

impl Row for Machine<'_> {
    const HEADER: &'static [&'static str] = &["ADDRESS", "OPERATING SYSTEM"];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let system = self.operating_system.as_deref().unwrap_or_default();
        vec![self.address.as_ref().into(), system.into()]
    }
}

impl fmt::Display for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.address, OrNull(self.operating_system.as_deref()))
    }
}

/// The machines on which something runs, each address once: `configgen -machines`.
///
/// LDAP servers and `MySQLProcess` do not count: HPCC does not run them.
///
/// # Errors
///
/// When two computer types have the name that a machine's type has.
pub fn machines<'d>(document: &'d Document, local: &str) -> Result<Vec<Machine<'d>>, ListError> {
    let root = &document.root;
    let mut used = HashSet::new();
    for component in root.children("Software").flat_map(Element::elements) {
        if !matches!(component.name(), "LDAPServerProcess" | "MySQLProcess") {
            collect_computers(component, &mut used);
        }
    }
    let mut systems: HashMap<Cow<'d, str>, (usize, &'d Element)> = HashMap::new();
    for kind in elements(root, &["Hardware", "ComputerType"]) {
        systems.entry(value(kind, "name")).or_insert((0, kind)).0 += 1;
    }
    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    for computer in elements(root, &["Hardware", "Computer"]) {
        let address = localised(value(computer, "netAddress"), local);
        let name = value(computer, "name");
        if !seen.insert(address.clone()) || !used.contains(&*name) {
            continue;
        }
        let operating_system = match computer.get("computerType") {
            None => Some(Cow::default()),
            Some(kind) => match systems.get(&kind) {
                Some((count, _)) if *count > 1 => {
                    let path = format!("Hardware/ComputerType[@name='{kind}']");
                    return Err(ListError::Ambiguous { path, count: *count });
                }
                Some((_, kind)) => kind.get("opSys"),
                None => Some(Cow::default()),
            },
        };
        rows.push(Machine { address, name, operating_system });
    }
    Ok(rows)
}

/// The values of `@computer` of an element and all below it.
fn collect_computers<'d>(element: &'d Element, used: &mut HashSet<Cow<'d, str>>) {
    used.extend(element.get("computer"));
    for child in element.elements() {
        collect_computers(child, used);
    }
}

/// One instance of an LDAP server: a row of `configgen -listldaps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LdapServer<'d> {
    /// The component's name.
    pub component: Option<Cow<'d, str>>,
    /// The address of its machine.
    pub address: Option<Cow<'d, str>>,
}

impl Row for LdapServer<'_> {
    const HEADER: &'static [&'static str] = &["COMPONENT", "ADDRESS"];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let cell = |value: &Option<Cow<'_, str>>| value.as_deref().unwrap_or_default().to_owned();
        vec![cell(&self.component).into(), cell(&self.address).into()]
    }
}

impl fmt::Display for LdapServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (component, address) = (self.component.as_deref(), self.address.as_deref());
        write!(f, "{},{}", OrNull(component), OrNull(address))
    }
}

/// The instances of LDAP servers that are on a known computer: `configgen -listldaps`.
///
/// # Errors
///
/// When two computers have the name that an instance needs.
pub fn ldap_servers<'d>(
    document: &'d Document,
    local: &str,
) -> Result<Vec<LdapServer<'d>>, ListError> {
    let mut rows = Vec::new();
    for server in elements(&document.root, &["Software", "LDAPServerProcess"]) {
        for instance in server.children("Instance") {
            let name = value(instance, "computer");
            let Some(computer) = one_computer(&document.root, &name)? else { continue };
            let address = computer.get("netAddress").map(|address| localised(address, local));
            rows.push(LdapServer { component: server.get("name"), address });
        }
    }
    Ok(rows)
}

/// The computer with a name, which must be the only one.
pub(super) fn one_computer<'d>(
    root: &'d Element,
    name: &str,
) -> Result<Option<&'d Element>, ListError> {
    let all = elements(root, &["Hardware", "Computer"]).into_iter();
    let found: Vec<_> =
        all.filter(|computer| computer.get("name").as_deref() == Some(name)).collect();
    if found.len() > 1 {
        let path = format!("Hardware/Computer[@name='{name}']");
        return Err(ListError::Ambiguous { path, count: found.len() });
    }
    Ok(found.first().copied())
}
