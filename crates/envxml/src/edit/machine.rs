//! Machines: `Hardware/Computer`, and the two agents that run on each.

use super::kind::Kind;
use super::work::Work;
use super::{Assignment, Category, Problem, naming};
use crate::tree::{Element, NodePath};

/// What runs on every machine.
const AGENTS: [&str; 2] = ["DafilesrvProcess", "FTSlaveProcess"];

/// Attributes of a computer that are not said otherwise.
const COMPUTER_TYPE: &str = "linuxmachine";
const DOMAIN: &str = "localdomain";

impl Work {
    /// All computers.
    pub(super) fn computers(&self) -> Vec<NodePath> {
        let Ok(hardware) = self.part(Category::Hardware) else { return Vec::new() };
        self.children(&hardware, |element| element.name() == "Computer")
    }

    /// The first computer with a value.
    pub(super) fn computer_with(&self, attribute: &str, value: &str) -> Option<NodePath> {
        let has = |place: &NodePath| self.value(place, attribute).as_deref() == Some(value);
        self.computers().into_iter().find(has)
    }

    /// The name of the computer with an address, which is added when it is not there. `agents` asks for the file
    /// transfer agent where only `envgen2`'s own changes are made.
    pub(super) fn machine(&mut self, address: &str, agents: bool) -> Result<String, Problem> {
        let known = self.computer_with("netAddress", address);
        let is_new = known.is_none();
        let name = match known.and_then(|place| self.value(&place, "name")) {
            Some(name) => name,
            None => self.add_computer(address, &[])?,
        };
        let wanted = match (self.is_envgen2(), is_new) {
            (false, _) => [true, true],
            (true, is_new) => [is_new, agents],
        };
        for (tag, wanted) in AGENTS.into_iter().zip(wanted) {
            if wanted {
                self.agent(tag, &name, address)?;
            }
        }
        Ok(name)
    }

    /// Adds a computer; gives its name.
    pub(super) fn add_computer(
        &mut self,
        address: &str,
        attributes: &[Assignment],
    ) -> Result<String, Problem> {
        let hardware = self.part(Category::Hardware)?;
        let all = self.computers();
        let names: Vec<String> = all.iter().filter_map(|place| self.value(place, "name")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let given =
            |name: &str| attributes.iter().find(|a| a.name == name).map(|a| a.value.clone());
        let like = |name: &str| all.first().and_then(|place| self.value(place, name));
        let name = match (given("name"), given("namePrefix")) {
            (Some(name), _) if names.contains(&name.as_str()) => {
                let path = format!("Hardware/Computer[@name='{name}']");
                return Err(Problem::Exists { path });
            }
            (Some(name), _) => name,
            (None, Some(prefix)) => naming::unique(&names, &prefix),
            (None, None) => naming::computer(address, &names),
        };
        let kind = given("type").or_else(|| given("computerType"));
        let kind =
            kind.or_else(|| like("computerType")).unwrap_or_else(|| COMPUTER_TYPE.to_owned());
        let domain =
            given("domain").or_else(|| like("domain")).unwrap_or_else(|| DOMAIN.to_owned());
        let mut computer = Element::new("Computer")
            .with("computerType", &kind)
            .with("domain", &domain)
            .with("name", &name)
            .with("netAddress", address);
        for attribute in attributes {
            if !matches!(attribute.name.as_str(), "type" | "namePrefix" | "ip" | "name" | "domain")
            {
                computer.set(&attribute.name, &attribute.value);
            }
        }
        self.insert(&hardware, computer)?;
        let has_domain = !self
            .children(&hardware, |e| {
                e.name() == "Domain" && e.get("name").as_deref() == Some(domain.as_str())
            })
            .is_empty();
        if !has_domain && given("domain").is_some() {
            self.insert(&hardware, Element::new("Domain").with("name", &domain))?;
        }
        Ok(name)
    }

    /// Puts an agent on a computer where it does not run yet.
    pub(super) fn agent(
        &mut self,
        tag: &'static str,
        computer: &str,
        address: &str,
    ) -> Result<(), Problem> {
        let Some(place) = self.of_tag(tag).into_iter().next() else {
            self.warn(format!("there is no {tag} to run on {computer}"));
            return Ok(());
        };
        let kind = Kind { category: Category::Software, tag: tag.to_owned(), build_set: None };
        if self.node_on(&place, "Instance", computer, address).is_none() {
            self.add_instance(&place, &kind, "Instance", computer, address, &[])?;
        }
        Ok(())
    }

    /// Gives a computer another address, another name, or both, everywhere.
    pub(super) fn change_computer(
        &mut self,
        place: &[usize],
        name: Option<&str>,
        address: Option<&str>,
    ) {
        let old_name = self.value(place, "name").unwrap_or_default();
        let old_address = self.value(place, "netAddress").unwrap_or_default();
        let new_name = name.unwrap_or(&old_name).to_owned();
        let new_address = address.unwrap_or(&old_address).to_owned();
        self.set(place, "name", &new_name);
        self.set(place, "netAddress", &new_address);
        let Ok(software) = self.part(Category::Software) else { return };
        for found in self.below(&software) {
            if self.value(&found, "computer").as_deref() == Some(old_name.as_str()) {
                // Roxie's servers are named by their machines.
                if self.value(&found, "name").as_deref() == Some(old_name.as_str()) {
                    self.set(&found, "name", &new_name);
                }
                if self.value(&found, "netAddress").is_some() {
                    self.set(&found, "netAddress", &new_address);
                }
                self.set(&found, "computer", &new_name);
            } else if self.value(&found, "computer").is_none() {
                for attribute in ["server", "netAddress"] {
                    if self.value(&found, attribute).as_deref() == Some(old_address.as_str()) {
                        self.set(&found, attribute, &new_address);
                    }
                }
            }
        }
    }

    /// All elements below one.
    pub(super) fn below(&self, place: &[usize]) -> Vec<NodePath> {
        let mut found = Vec::new();
        for child in self.children(place, |_| true) {
            let inner = self.below(&child);
            found.push(child);
            found.extend(inner);
        }
        found
    }

    /// Where something runs on a computer that is not one of the agents.
    pub(super) fn users_of(&self, computer: &str) -> Vec<NodePath> {
        let Ok(software) = self.part(Category::Software) else { return Vec::new() };
        let address = self
            .computer_with("name", computer)
            .and_then(|place| self.value(&place, "netAddress"))
            .unwrap_or_default();
        let components = self.children(&software, |e| !AGENTS.contains(&e.name()));
        let inside = components.iter().flat_map(|component| self.below(component));
        inside
            .filter(|place| {
                let on = self.value(place, "computer");
                let by_address =
                    |name| self.value(place, name).as_deref() == Some(address.as_str());
                on.as_deref() == Some(computer)
                    || (on.is_none() && (by_address("server") || by_address("netAddress")))
            })
            .collect()
    }

    /// Where the agents of a computer are.
    pub(super) fn agents_on(&self, computer: &str) -> Vec<NodePath> {
        let components = AGENTS.iter().flat_map(|tag| self.of_tag(tag));
        let instances = components.flat_map(|component| {
            self.children(&component, |e| e.get("computer").as_deref() == Some(computer))
        });
        instances.collect()
    }

    /// Removes the machines that lost their last work, with their agents.
    pub(super) fn remove_idle(&mut self) {
        if self.is_envgen2() {
            return;
        }
        let last = self.edit();
        for (edit, computer) in std::mem::take(&mut self.left) {
            self.start(edit);
            let Some(place) = self.computer_with("name", &computer) else { continue };
            if self.users_of(&computer).is_empty() {
                self.remove_all(self.agents_on(&computer));
                self.remove(&place);
            }
        }
        self.start(last);
    }
}
