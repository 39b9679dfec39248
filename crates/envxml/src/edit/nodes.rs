//! Nodes of components: adding, moving, removing.

use super::kind::Kind;
use super::work::Work;
use super::{Assignment, Category, NodePart, Nodes, Problem, Subject, naming, template};
use crate::tree::NodePath;

impl Work {
    /// Puts a component on machines.
    pub(super) fn add_nodes(&mut self, nodes: &Nodes) -> Result<(), Problem> {
        let subject = software(&nodes.component, &nodes.name);
        let (kind, found) = self.find(&subject)?;
        let tag = node_tag(&kind, nodes.part, &nodes.name)?;
        let component = match found.into_iter().next() {
            Some(place) => place,
            None => self.create(&kind, &nodes.name, nodes.like.as_deref(), &[])?,
        };
        let path = self.path(&component);
        let fail =
            |message: &str| Problem::Node { path: path.clone(), message: message.to_owned() };
        if nodes.addresses.is_empty() {
            return Err(fail("no address is given"));
        }
        let single = tag == "ThorMasterProcess" || kind.tag == "DaliServerProcess";
        if single {
            let there = self.children(&component, |e| e.name() == tag);
            let quirk = self.is_envgen2() && kind.tag == "DaliServerProcess";
            if nodes.addresses.len() > 1 || (!there.is_empty() && !quirk) {
                return Err(fail("it has one node only: move it with -mod-node"));
            }
        }
        let with_agents = matches!(kind.tag.as_str(), "ThorCluster" | "RoxieCluster" | "DropZone");
        for address in &nodes.addresses {
            let computer = self.machine(address, with_agents)?;
            match self.node_on(&component, tag, &computer, address) {
                Some(place) if nodes.attributes.is_empty() => {
                    if !matches!(kind.tag.as_str(), "DafilesrvProcess" | "FTSlaveProcess") {
                        let path = self.path(&place);
                        self.warn(format!("{address} is a node already: {path}"));
                    }
                }
                Some(place) => {
                    self.assign(&place, &nodes.attributes);
                }
                None => {
                    self.add_instance(
                        &component,
                        &kind,
                        tag,
                        &computer,
                        address,
                        &nodes.attributes,
                    )?;
                }
            }
        }
        self.derive(&component);
        Ok(())
    }

    /// Takes a component off machines.
    pub(super) fn remove_nodes(&mut self, nodes: &Nodes) -> Result<(), Problem> {
        let (kind, found) = self.find_some(&software(&nodes.component, &nodes.name))?;
        let tag = node_tag(&kind, nodes.part, &nodes.name)?;
        let Some(component) = found.first() else { return Ok(()) };
        let mut places = Vec::new();
        for address in &nodes.addresses {
            let Some(place) = self.node_at(component, tag, address) else {
                let path = self.path(component);
                let message = format!("it has no {tag} at {address}");
                return Err(Problem::Node { path, message });
            };
            self.leave_node(&place);
            places.push(place);
        }
        self.remove_all(places);
        self.derive(component);
        Ok(())
    }

    /// Moves a node to another machine.
    pub(super) fn move_node(
        &mut self,
        component: &str,
        name: &str,
        part: Option<NodePart>,
        to: &str,
        from: Option<&str>,
    ) -> Result<(), Problem> {
        let (kind, found) = self.find_some(&software(component, name))?;
        let tag = node_tag(&kind, part, name)?;
        let Some(component) = found.first() else { return Ok(()) };
        let fail =
            |work: &Self, message: String| Problem::Node { path: work.path(component), message };
        let all = self.children(component, |e| e.name() == tag);
        let place = match from {
            Some(address) => self.node_at(component, tag, address),
            None if all.len() > 1 => {
                let message = format!("it has {} nodes: say which one with ip=NEW|OLD", all.len());
                return Err(fail(self, message));
            }
            None => all.into_iter().next(),
        };
        let Some(place) = place else {
            let message = from.map_or_else(
                || format!("it has no {tag} yet: add it with -add-node"),
                |from| format!("it has no {tag} at {from}"),
            );
            return Err(fail(self, message));
        };
        let old = self.value(&place, "computer");
        if self.readdress(&place, old.as_deref(), to) {
            return Ok(());
        }
        let with_agents = !self.is_envgen2();
        let computer = self.machine(to, with_agents)?;
        let component = component.clone();
        self.leave_node(&place);
        if kind.tag == "DropZone" {
            self.set(&place, "server", to);
            return Ok(());
        }
        let named_by_machine = old.is_some() && self.value(&place, "name") == old;
        if named_by_machine && !self.is_envgen2() {
            self.set(&place, "name", &computer);
        }
        self.set(&place, "computer", &computer);
        if kind.tag != "ThorCluster" {
            self.set(&place, "netAddress", to);
        }
        self.derive(&component);
        Ok(())
    }

    /// Gives a node's machine the new address, where nothing else runs on it and the address is new: the machine
    /// was replaced. Tells whether that was so.
    fn readdress(&mut self, place: &[usize], computer: Option<&str>, to: &str) -> bool {
        let Some(computer) = computer else { return false };
        let Some(machine) = self.computer_with("name", computer) else { return false };
        let alone = self.users_of(computer).iter().all(|user| user.as_slice() == place);
        if self.is_envgen2() || !alone || self.computer_with("netAddress", to).is_some() {
            return false;
        }
        let others: Vec<String> = self
            .computers()
            .iter()
            .filter(|place| **place != machine)
            .filter_map(|place| self.value(place, "name"))
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let address = self.value(&machine, "netAddress").unwrap_or_default();
        // A name that does not come from the address stays.
        let derived = naming::computer(&address, &others) == computer;
        let name = derived.then(|| naming::computer(to, &others));
        self.change_computer(&machine, name.as_deref(), Some(to));
        true
    }

    fn leave_node(&mut self, place: &[usize]) {
        let by_address = || {
            let address =
                self.value(place, "server").or_else(|| self.value(place, "netAddress"))?;
            self.value(&self.computer_with("netAddress", &address)?, "name")
        };
        if let Some(computer) = self.value(place, "computer").or_else(by_address) {
            self.leave(computer);
        }
    }

    /// A component's node on a computer.
    pub(super) fn node_on(
        &self,
        component: &[usize],
        tag: &str,
        computer: &str,
        address: &str,
    ) -> Option<NodePath> {
        let on = |e: &crate::Element| match e.get("computer") {
            Some(has) => has == computer,
            None => e.get("server").or_else(|| e.get("netAddress")).as_deref() == Some(address),
        };
        self.children(component, |e| e.name() == tag && on(e)).into_iter().next()
    }

    /// A component's node at an address, or on the computer with this name.
    pub(super) fn node_at(
        &self,
        component: &[usize],
        tag: &str,
        address: &str,
    ) -> Option<NodePath> {
        let computer = self.computer_with("netAddress", address);
        let computer = computer.and_then(|place| self.value(&place, "name"));
        let on = self.node_on(component, tag, computer.as_deref().unwrap_or(address), address);
        on.or_else(|| {
            let own = |e: &crate::Element| e.get("netAddress").as_deref() == Some(address);
            self.children(component, |e| e.name() == tag && own(e)).into_iter().next()
        })
    }

    /// Adds a node of a component.
    pub(super) fn add_instance(
        &mut self,
        component: &[usize],
        kind: &Kind,
        tag: &'static str,
        computer: &str,
        address: &str,
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        let alike = self.children(component, |e| e.name() == tag);
        let existing: Vec<(String, String)> = alike
            .iter()
            .filter_map(|place| Some((self.value(place, "name")?, self.value(place, "computer")?)))
            .collect();
        let letter = match tag {
            "ThorMasterProcess" => "m",
            "RoxieServerProcess" => "",
            _ => "s",
        };
        let name = naming::instance(self.options.style, &existing, letter, computer, self.root());
        let node = template::Node { kind, tag, computer, address, name: &name };
        let mut instance = node.element(self, component)?;
        for attribute in attributes {
            instance.set(&attribute.name, &attribute.value);
        }
        self.insert(component, instance)?;
        if tag == "ThorMasterProcess" && self.is_envgen2() {
            self.set(component, "computer", computer);
        }
        Ok(())
    }

    /// Sets what a Thor cluster says about its nodes: `computer`, and `localThor` where all slaves run beside the
    /// master.
    pub(super) fn derive(&mut self, component: &[usize]) {
        let is_thor = self.at(component).is_ok_and(|element| element.name() == "ThorCluster");
        if !is_thor || self.is_envgen2() {
            return;
        }
        let on = |work: &Self, tag: &str| -> Vec<String> {
            let places = work.children(component, |e| e.name() == tag);
            places.iter().filter_map(|place| work.value(place, "computer")).collect()
        };
        let masters = on(self, "ThorMasterProcess");
        let slaves = on(self, "ThorSlaveProcess");
        let master = masters.first().cloned().unwrap_or_default();
        if !master.is_empty() || self.value(component, "computer").is_some() {
            self.set(component, "computer", &master);
        }
        if self.value(component, "localThor").is_some() {
            let local = !slaves.is_empty() && slaves.iter().all(|slave| *slave == master);
            self.set(component, "localThor", if local { "true" } else { "false" });
        }
    }

    /// The nodes of a component leave their machines.
    pub(super) fn leave_all(&mut self, component: &[usize], kind: &Kind) {
        let tags = kind.node_tags();
        for place in self.children(component, |e| tags.contains(&e.name())) {
            self.leave_node(&place);
        }
    }
}

/// A component below `Software` by name.
pub(super) fn software(component: &str, name: &str) -> Subject {
    Subject {
        category: Category::Software,
        component: component.to_owned(),
        name: Some(name.to_owned()),
    }
}

/// The tag of a component's nodes.
fn node_tag(kind: &Kind, part: Option<NodePart>, name: &str) -> Result<&'static str, Problem> {
    let path = || format!("Software/{}[@name='{name}']", kind.tag);
    let fail = |message: &str| Problem::Node { path: path(), message: message.to_owned() };
    match (kind.tag.as_str(), part) {
        ("EspService" | "Topology" | "Directories", _) => Err(fail("it runs on no machine")),
        ("ThorCluster", None) => Err(fail("its nodes are master or slave: say which")),
        ("ThorCluster", Some(_)) | (_, None) => Ok(kind.node_tag(part)),
        (_, Some(_)) => Err(fail("only a Thor cluster has a master and slaves")),
    }
}
