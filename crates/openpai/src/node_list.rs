//! Lists of nodes: what `-f` of OpenPAI's commands takes.

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem};

use crate::config::{Login, Machine, MachineSku, machine, skus};
use crate::fields::{Fields, address_of};
use crate::rules::machines::{self, Facts};
use crate::set::{SourceFile, parse};
use crate::{Access, Host};

/// A list of nodes, in either form: the mapping `machinelist` of 2018-05, whose entries have a `nodename`, or the
/// list `machine-list` of 0.8.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeList {
    /// The nodes in the order of the file, as they are written.
    pub machines: Vec<Machine>,
    /// Classes of hardware, where the list brings some.
    pub skus: Vec<MachineSku>,
    /// What the nodes mean; empty if anything is wrong.
    pub hosts: Vec<Host>,
}

impl NodeList {
    /// Reads a list of nodes, with everything that is wrong or strange in it.
    ///
    /// ```
    /// use openpai::{NodeList, SourceFile};
    ///
    /// let text = "machine-list:\n- {hostname: w6, hostip: 10.10.0.26, machine-type: D8, k8s-role: worker, username: ops}\n";
    /// let (list, problems) = NodeList::read(SourceFile { path: "add.yaml", text });
    /// assert!(problems.is_empty(), "{problems:?}");
    /// assert_eq!(list.unwrap().hosts[0].name, "w6");
    /// ```
    #[must_use]
    pub fn read(file: SourceFile<'_>) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Vec::new();
        let Some(tree) = parse(file, &mut problems) else { return (None, problems) };
        let mut list = Self::of(&tree, &mut problems);
        let facts = Facts::of(&list.machines, &Login::default(), &mut problems);
        machines::identities(&list.machines, &facts, &mut problems);
        for (machine, facts) in list.machines.iter().zip(&facts.0) {
            node_name(machine, facts.address, &mut problems);
            machines::login(machine, &Login::default(), &mut problems);
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        if !problems.iter().any(Problem::is_error) {
            list.hosts = list
                .machines
                .iter()
                .zip(&facts.0)
                .filter_map(|(machine, facts)| {
                    Host::of(machine, facts, Access::of(machine, &Login::default(), facts))
                })
                .collect();
        }
        (Some(list), problems)
    }

    fn of(tree: &Tree, faults: &mut Vec<Problem>) -> Self {
        let mut fields = Fields::of(tree, &DataPath::root(), faults);
        let skus = skus(&mut fields, faults);
        let mut found = Vec::new();
        if let Some(by_name) = fields.fields("machinelist", faults) {
            found.extend(
                by_name
                    .entries()
                    .filter_map(|(key, tree)| machine(tree, &key.path.clone(), Some(key), faults)),
            );
        }
        for (tree, path) in fields.list("machine-list", faults) {
            found.extend(machine(tree, &path, None, faults));
        }
        if found.is_empty() {
            faults.push(fields.at.error(
                "missing",
                "the list has no nodes",
                "give `machinelist:` with an entry for each, or `machine-list:` with an item for each",
            ));
        }
        fields.end(faults);
        Self { machines: found, skus, hosts: Vec::new() }
    }
}

/// In the mapping, the name of the node stands beside its address, and has to be the same.
fn node_name(machine: &Machine, address: Option<std::net::IpAddr>, faults: &mut Vec<Problem>) {
    let Some(key) = &machine.key else { return };
    match &machine.nodename {
        None => faults.push(machine.entry.error(
            "missing",
            "`nodename` is missing",
            "give the address once more: hosts are nodes of Kubernetes under their addresses",
        )),
        Some(name) => {
            if let (Some(node), Some(address)) = (address_of(name, faults), address)
                && node != address
            {
                faults.push(name.error(
                    "nodename",
                    format!("the nodename is {node}, and hostip is {address}"),
                    "give both the same address: hosts are nodes of Kubernetes under their addresses",
                ));
            }
        }
    }
    if machine.hostname.as_ref().is_some_and(|name| name.value != key.value) {
        faults.push(key.warning(
            "key",
            format!(
                "the entry is called `{}`, and its hostname is another",
                key.value.escape_debug()
            ),
            "call it by its hostname",
        ));
    }
}
