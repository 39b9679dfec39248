//! Values that follow from other parts of the environment.

use super::Origin;
use super::parts::{Expected, Explainer};
use crate::catalogue::{BuildSet, Rule};
use crate::generate::octets_name;
use crate::tree::{Attribute, Element};
use crate::view::Part;

#[expect(clippy::unnecessary_wraps, reason = "every rule ends in one of these")]
fn derived(value: impl Into<String>, from: impl Into<String>) -> Expected {
    Some((value.into(), Origin::Derived { from: from.into() }))
}

/// What stays as it is because it was asked for: the value itself.
fn given(attribute: &Attribute, from: impl Into<String>) -> Expected {
    derived(attribute.value(), from)
}

/// The name and address of a computer.
pub(super) fn computer(computer: &Element, attribute: &Attribute) -> Expected {
    match attribute.name() {
        "netAddress" => given(attribute, "the machine's address"),
        "name" => {
            let address = computer.get("netAddress")?;
            let octets = match address.parse() {
                Ok(std::net::IpAddr::V4(ip)) => ip.octets(),
                _ => return given(attribute, "the machine's name"),
            };
            let plain = octets_name(octets[2], octets[3]);
            let value = attribute.value();
            let suffix = value.strip_prefix(plain.as_str())?;
            let counted = suffix.is_empty()
                || suffix.strip_prefix('_').is_some_and(|n| n.parse::<u32>().is_ok());
            if counted { given(attribute, "@netAddress") } else { derived(plain, "@netAddress") }
        }
        _ => None,
    }
}

impl Explainer<'_> {
    pub(super) fn derived(
        &self,
        component: &Element,
        element: &Element,
        set: &BuildSet,
        rule: &Rule,
    ) -> Expected {
        let environment = self.environment;
        let name = component.get("name").unwrap_or_default();
        let here = environment.components.iter().find(|one| std::ptr::eq(one.element, component));
        let attribute = |name: &str| element.get(name).unwrap_or_default().into_owned();
        match rule {
            Rule::Name => {
                let standard = format!("my{}", set.name().to_lowercase());
                if name == standard {
                    derived(standard, format!("the build set {}", set.name()))
                } else {
                    // A cluster is called as its machines say.
                    derived(name, "the name of the cluster")
                }
            }
            Rule::Build => derived(environment.build()?, "Programs/Build/@name"),
            Rule::BuildSet => {
                derived(set.name(), format!("Programs/Build/BuildSet[@name='{}']", set.name()))
            }
            Rule::Dali => {
                let dali = environment.of_process("DaliServerProcess").next()?;
                derived(dali.name.clone(), dali.path() + "/@name")
            }
            Rule::EnvironmentFile => {
                let configs = environment.setting("configs")?;
                derived(format!("{configs}/environment.xml"), "EnvSettings/configs")
            }
            Rule::ComponentsFolder => {
                let path = environment.setting("path")?;
                derived(format!("{path}/componentfiles"), "EnvSettings/path")
            }
            Rule::Queue => derived(format!("{name}_queue"), "its @name"),
            Rule::Folder => derived(format!("/var/lib/HPCCSystems/{name}"), "its @name"),
            Rule::Nodes { one, many } => {
                let mut machines: Vec<&str> =
                    here?.instances.iter().filter_map(|i| i.computer.as_deref()).collect();
                machines.sort_unstable();
                machines.dedup();
                let value = if machines.len() > 1 { many } else { one };
                derived(value.clone(), format!("its number of machines, {}", machines.len()))
            }
            Rule::MasterComputer => {
                let master = here?.part(Part::ThorMaster).next()?;
                derived(master.computer.clone()?, "ThorMasterProcess/@computer")
            }
            Rule::LocalThor => {
                let master = here?.part(Part::ThorMaster).next();
                let local = master.is_some_and(|master| {
                    here.is_some_and(|thor| {
                        thor.part(Part::ThorSlave).all(|slave| slave.address == master.address)
                    })
                });
                derived(local.to_string(), "the machines of its master and slaves")
            }
            Rule::SlavesPerNode | Rule::ThorChannelsPerSlave | Rule::RoxieChannelsPerSlave => {
                Some(("1".to_owned(), self.default()))
            }
            Rule::Thor => match environment.of_process("ThorCluster").next() {
                Some(thor) => derived(thor.name.clone(), thor.path() + "/@name"),
                None => Some(("mythor".to_owned(), self.default())),
            },
            Rule::DropZoneServer => derived(attribute("server"), "the machine of the drop zone"),
            _ => None,
        }
    }

    /// Names, computers and addresses of instances, masters, slaves and servers.
    pub(super) fn member(&self, member: &Element, attribute: &Attribute) -> Expected {
        let computer = member.get("computer").and_then(|name| self.environment.computer(&name));
        match attribute.name() {
            "computer" => {
                computer?;
                given(attribute, "the machines of its role")
            }
            "netAddress" => {
                let computer = computer?;
                let from = format!("Hardware/Computer[@name='{}']/@netAddress", computer.name);
                derived(computer.address.clone(), from)
            }
            "name" if member.name() == "RoxieServerProcess" => {
                derived(member.get("computer")?, "@computer")
            }
            "name" => given(attribute, "its place among its like"),
            _ => None,
        }
    }

    pub(super) fn farm(&self, farm: &Element, attribute: &Attribute) -> Expected {
        let on_demand = farm.get("port").is_some_and(|port| port == "0");
        let value = match attribute.name() {
            "name" => return given(attribute, "its place among its like"),
            "port" if on_demand => return given(attribute, "roxie on demand"),
            "port" => "9876",
            "listenQueue" => "200",
            "numThreads" => "30",
            "requestArrayThreads" => "5",
            "aclName" => "",
            _ => return None,
        };
        Some((value.to_owned(), self.default()))
    }

    pub(super) fn cluster(&self, cluster: &Element, attribute: &Attribute) -> Expected {
        match attribute.name() {
            "name" => given(attribute, "the clusters that workunits can name"),
            "prefix" => derived(cluster.get("name")?, "@name"),
            "alias" => Some((String::new(), self.default())),
            _ => None,
        }
    }

    /// The process of a cluster of the topology.
    pub(super) fn served(&self, process: &Element, attribute: &Attribute) -> Expected {
        let name = process.get("process")?;
        let component = self.environment.named(process.name(), &name)?;
        (attribute.name() == "process")
            .then(|| derived(name.clone(), component.path() + "/@name"))
            .flatten()
    }
}
