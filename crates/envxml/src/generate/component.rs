//! The element of one component.

use super::{Blueprint, ComponentPlan, Deployment, service};
use crate::catalogue::{Attributes, BuildSet, Catalogue, ComponentKind, Rule};
use crate::tree::Element;

/// What the rules of one component's attributes may ask for.
struct Facts<'b> {
    blueprint: &'b Blueprint,
    catalogue: &'b Catalogue,
    plan: &'b ComponentPlan,
    kind: &'b ComponentKind,
}

impl Blueprint {
    /// The element of a component; `None` when the catalogue does not know its build set.
    pub(super) fn component_element(
        &self,
        catalogue: &Catalogue,
        plan: &ComponentPlan,
    ) -> Option<Element> {
        let set = catalogue.build_set(&plan.build_set)?;
        let kind = set.component.as_ref()?;
        let facts = Facts { blueprint: self, catalogue, plan, kind };
        let mut element = Element::new(kind.tag.as_str());
        facts.fill(&mut element, &kind.attributes);
        for child in kind.children.iter().filter(|child| child.generate) {
            let mut inner = Element::new(child.tag.as_str());
            facts.fill(&mut inner, &child.attributes);
            element.push(inner);
        }
        if let Some(properties) = &set.properties {
            element.push(service::element_of(properties));
        }
        if let Some(binding) = &kind.binding {
            for bound in service::bound(catalogue, &self.components) {
                element.push(bound.binding(binding));
            }
        }
        if kind.tag == "Topology" {
            for cluster in self.topology_clusters() {
                element.push(cluster);
            }
        }
        facts.deploy(&mut element);
        Some(element)
    }

    /// The name that a component has in the end: some names are fixed by the catalogue.
    pub(super) fn final_name<'b>(set: &'b BuildSet, plan: &'b ComponentPlan) -> &'b str {
        let rule = set.component.as_ref().and_then(|kind| kind.attributes.get("name"));
        match rule.and_then(|name| name.generate.as_ref()) {
            Some(Rule::Value(fixed)) => fixed,
            _ => &plan.name,
        }
    }
}

impl Facts<'_> {
    /// Writes the attributes that have a rule.
    fn fill(&self, element: &mut Element, attributes: &Attributes) {
        for (name, attribute) in attributes {
            if let Some(rule) = &attribute.generate
                && let Some(value) = self.value(rule, attribute.default.as_deref())
            {
                element.set(name, &value);
            }
        }
    }

    /// The value that a rule gives; `None` when the attribute is not written.
    fn value(&self, rule: &Rule, default: Option<&str>) -> Option<String> {
        let machines = &self.blueprint.machines;
        let setting = |wanted: &str| {
            let found = self.catalogue.settings.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value.as_str())
        };
        Some(match rule {
            Rule::Default => default.unwrap_or_default().to_owned(),
            Rule::Value(value) => value.clone(),
            Rule::Nodes { one, many } => {
                let nodes = match self.plan.deployment {
                    Deployment::Thor { nodes, .. } | Deployment::Roxie { nodes, .. } => nodes,
                    _ => 1,
                };
                if nodes > 1 { many.clone() } else { one.clone() }
            }
            Rule::Name => self.plan.name.clone(),
            Rule::Build => self.catalogue.build.name.clone(),
            Rule::BuildSet => self.plan.build_set.clone(),
            Rule::Dali => {
                let dali = self.blueprint.component("dali");
                dali.map(|plan| plan.name.clone()).unwrap_or_default()
            }
            Rule::EnvironmentFile => format!("{}/environment.xml", setting("configs")),
            Rule::ComponentsFolder => format!("{}/componentfiles", setting("path")),
            Rule::Queue => format!("{}_queue", self.plan.name),
            Rule::Folder => format!("/var/lib/HPCCSystems/{}", self.plan.name),
            Rule::DropZoneServer => match &self.plan.deployment {
                Deployment::DropZone(server) => server.clone(),
                _ => String::new(),
            },
            Rule::MasterComputer => match self.plan.deployment {
                Deployment::Thor { master: Some(master), .. } => machines[master].name.clone(),
                _ => return None,
            },
            Rule::LocalThor => match &self.plan.deployment {
                Deployment::Thor { master, slaves, .. } => {
                    let local =
                        master.is_some_and(|master| slaves.iter().all(|one| *one == master));
                    local.to_string()
                }
                _ => return None,
            },
            Rule::SlavesPerNode => match self.plan.deployment {
                Deployment::Thor { slaves_per_node, .. } => slaves_per_node.to_string(),
                _ => return None,
            },
            Rule::ThorChannelsPerSlave => match self.plan.deployment {
                Deployment::Thor { channels_per_slave, .. } => channels_per_slave.to_string(),
                _ => return None,
            },
            Rule::RoxieChannelsPerSlave => match self.plan.deployment {
                Deployment::Roxie { channels_per_slave, .. } => channels_per_slave.to_string(),
                _ => return None,
            },
            Rule::Thor => {
                let thor = self.blueprint.component("thor").map(|plan| plan.name.clone());
                thor.unwrap_or_else(|| default.unwrap_or_default().to_owned())
            }
            // Rules of instances and bindings have no value outside of them.
            Rule::InstanceName
            | Rule::Computer
            | Rule::Address
            | Rule::RunFolder
            | Rule::BindingName
            | Rule::BindingService
            | Rule::BindingPort
            | Rule::BindingResources => return None,
        })
    }

    fn deploy(&self, element: &mut Element) {
        let machines = &self.blueprint.machines;
        match &self.plan.deployment {
            Deployment::None | Deployment::DropZone(_) => {}
            Deployment::Instances(instances) => {
                let categories = self.blueprint.categories(self.catalogue);
                let run = categories.iter().find(|(name, _)| name == "run");
                let folder = match run {
                    Some((_, dir)) => self.catalogue.folder(dir, &self.kind.tag, &self.plan.name),
                    None => format!("/var/lib/HPCCSystems/{}", self.plan.name),
                };
                let Some(attributes) = &self.kind.instance else { return };
                for (machine, name) in instances {
                    element.push(self.instance(attributes, *machine, name, &folder));
                }
            }
            Deployment::Thor { master, slaves, port_offset, .. } => {
                for name in ["masterport", "slaveport"].iter().filter(|_| *port_offset > 0) {
                    let port = element.get(name).and_then(|port| port.parse::<u16>().ok());
                    if let Some(port) = port.and_then(|port| port.checked_add(*port_offset)) {
                        element.set(name, &port.to_string());
                    }
                }
                let computer = |tag: &str, machine: usize, name: &str| {
                    Element::new(tag).with("computer", &machines[machine].name).with("name", name)
                };
                if let Some(master) = master {
                    element.push(computer("ThorMasterProcess", *master, "m1"));
                }
                for (index, slave) in slaves.iter().enumerate() {
                    element.push(computer("ThorSlaveProcess", *slave, &format!("s{}", index + 1)));
                }
            }
            Deployment::Roxie { servers, ports, .. } => {
                for (index, port) in ports.iter().enumerate() {
                    element.push(
                        Element::new("RoxieFarmProcess")
                            .with("aclName", "")
                            .with("listenQueue", "200")
                            .with("name", &format!("farm{}", index + 1))
                            .with("numThreads", "30")
                            .with("port", &port.to_string())
                            .with("requestArrayThreads", "5"),
                    );
                }
                for server in servers {
                    let machine = &machines[*server];
                    element.push(
                        Element::new("RoxieServerProcess")
                            .with("computer", &machine.name)
                            .with("name", &machine.name)
                            .with("netAddress", &machine.address),
                    );
                }
            }
        }
    }

    fn instance(
        &self,
        attributes: &Attributes,
        machine: usize,
        instance: &str,
        folder: &str,
    ) -> Element {
        let machine = &self.blueprint.machines[machine];
        let mut element = Element::new("Instance");
        for (name, attribute) in attributes {
            let value = match &attribute.generate {
                Some(Rule::InstanceName) => instance,
                Some(Rule::Computer) => &machine.name,
                Some(Rule::Address) => &machine.address,
                Some(Rule::RunFolder) => folder,
                Some(_) => attribute.default.as_deref().unwrap_or_default(),
                None => continue,
            };
            element.set(name, value);
        }
        element
    }
}
