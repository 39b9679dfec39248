//! Values of components, their instances, bindings and other children: by the catalogue's rules.

use std::collections::HashSet;

use super::{Context, Expected};
use crate::catalogue::{AttributeKind, BuildSet, ComponentKind, Rule};
use crate::tree::Element;
use crate::view::Part;

/// What a generator writes into an attribute below `Software`; `None` when the catalogue has no rule.
pub(super) fn attribute(context: &Context<'_>, chain: &[&Element], name: &str) -> Option<Expected> {
    let [software, component, inner @ ..] = chain else { return None };
    if software.name() != "Software" {
        return None;
    }
    let kind = kind_of(context, component)?;
    match inner {
        [] => rule(context, component, component, kind.attributes.get(name)?),
        [child] => {
            if let Some(expected) = placed(context, component, child, name) {
                return Some(expected);
            }
            let attributes = match child.name() {
                "Instance" => kind.instance.as_ref(),
                "EspBinding" => kind.binding.as_ref(),
                tag => kind.children.iter().find(|one| one.tag == tag).map(|one| &one.attributes),
            };
            rule(context, component, child, attributes?.get(name)?)
        }
        _ => None,
    }
}

/// The default of an attribute that is not written.
pub(super) fn default_of_absent(
    context: &Context<'_>,
    chain: &[&Element],
    name: &str,
) -> Option<String> {
    let [_, component] = chain else { return None };
    kind_of(context, component)?.attributes.get(name)?.default.clone()
}

fn kind_of<'c>(context: &Context<'c>, component: &Element) -> Option<&'c ComponentKind> {
    let build_set = component.get("buildSet");
    context.catalogue.component(component.name(), build_set.as_deref())
}

/// The build set of a component.
pub(super) fn set_of<'c>(context: &Context<'c>, component: &Element) -> Option<&'c BuildSet> {
    context.catalogue.build_set(&component.get("buildSet")?)
}

fn rule(
    context: &Context<'_>,
    component: &Element,
    element: &Element,
    attribute: &AttributeKind,
) -> Option<Expected> {
    let name = component.get("name").unwrap_or_default();
    let default = attribute.default.clone();
    let Some(rule) = &attribute.generate else {
        // Not written by a generator; a value that equals the default is still only the default.
        return default.map(Expected::Default);
    };
    let derived = |value: String, from: &str| Some(Expected::Derived(value, from.to_owned()));
    let given = |from: &str| Some(Expected::Given(from.to_owned()));
    let setting = |wanted: &str| {
        let own = context.environment.setting(wanted);
        let usual = context.catalogue.settings.iter().find(|(name, _)| name == wanted);
        own.or_else(|| usual.map(|(_, value)| value.clone())).unwrap_or_default()
    };
    match rule {
        Rule::Default => Some(Expected::Default(default.unwrap_or_default())),
        Rule::Value(value) => Some(Expected::Default(value.clone())),
        Rule::Nodes { one, many } => {
            let members = element.elements().filter(|child| {
                matches!(
                    child.name(),
                    "ThorMasterProcess" | "ThorSlaveProcess" | "RoxieServerProcess"
                )
            });
            let computers: HashSet<_> = members.filter_map(|child| child.get("computer")).collect();
            let machines = computers.len();
            let value = if machines > 1 { many } else { one };
            derived(value.clone(), &format!("its number of machines, {machines}"))
        }
        Rule::Name => given("the name of the component as it was asked for"),
        Rule::Build => {
            let build = context.environment.build().unwrap_or_default();
            derived(build.into_owned(), "Programs/Build/@name")
        }
        Rule::BuildSet => {
            let set = set_of(context, component).map(BuildSet::name).unwrap_or_default();
            derived(set.to_owned(), "the kind of the component")
        }
        Rule::Dali => {
            let dali = context.environment.of_process("DaliServerProcess").next();
            let name = dali.map(|dali| dali.name.clone().into_owned());
            derived(name.unwrap_or_default(), "the name of the dali")
        }
        Rule::EnvironmentFile => {
            let value = format!("{}/environment.xml", setting("configs"));
            derived(value, "EnvSettings/configs")
        }
        Rule::ComponentsFolder => {
            let value = format!("{}/componentfiles", setting("path"));
            derived(value, "EnvSettings/path")
        }
        Rule::Queue => derived(format!("{name}_queue"), "the name of the component"),
        Rule::Folder => {
            derived(format!("/var/lib/HPCCSystems/{name}"), "the name of the component")
        }
        Rule::DropZoneServer => given("the machine of the drop zone"),
        Rule::MasterComputer => {
            let master = component.child("ThorMasterProcess").and_then(|one| one.get("computer"));
            derived(master.unwrap_or_default().into_owned(), "the machine of the thor master")
        }
        Rule::LocalThor => {
            let computer = |one: &Element| one.get("computer").unwrap_or_default().into_owned();
            let master = component.child("ThorMasterProcess").map(computer);
            let mut slaves = component.children("ThorSlaveProcess");
            let local = slaves.all(|slave| master.as_ref() == Some(&computer(slave)));
            derived(local.to_string(), "the machines of the thor master and its slaves")
        }
        Rule::SlavesPerNode => given("the number of slaves on each thor machine"),
        Rule::ThorChannelsPerSlave => given("the number of channels of each thor slave"),
        Rule::RoxieChannelsPerSlave => given("the number of channels of each roxie server"),
        Rule::InstanceName => given("the number of the instance"),
        Rule::Computer => given("the placement on machines"),
        Rule::Address => {
            let computer = element.get("computer").unwrap_or_default();
            let address = context.environment.computer(&computer).map(|one| one.address.clone());
            let from = format!("Hardware/Computer[@name='{computer}']/@netAddress");
            derived(address.unwrap_or_default().into_owned(), &from)
        }
        Rule::RunFolder => {
            let dir = run_category(context);
            let folder = context.catalogue.folder(&dir, component.name(), &name);
            derived(folder, "Software/Directories/Category[@name='run']/@dir")
        }
        Rule::BindingName => given("the kind of the service"),
        Rule::BindingService => given("the service that is bound"),
        Rule::BindingPort => {
            derived(property(context, element, "defaultPort"), "the default port of the service")
        }
        Rule::BindingResources => {
            let branch = property(context, element, "defaultResourcesBasedn");
            derived(branch, "the default branch of the service")
        }
    }
}

fn run_category(context: &Context<'_>) -> String {
    let own = context.environment.directories().and_then(|directories| {
        let mut categories = directories.children("Category");
        let run = categories.find(|one| one.get("name").as_deref() == Some("run"))?;
        Some(run.get("dir")?.into_owned())
    });
    own.unwrap_or_else(|| "/var/lib/[NAME]/[INST]".to_owned())
}

/// A property of the service that a binding names.
fn property(context: &Context<'_>, binding: &Element, name: &str) -> String {
    let service = binding.get("service").unwrap_or_default();
    let service = context.environment.named("EspService", &service);
    let properties = service.and_then(|service| service.element.child("Properties"));
    properties.and_then(|one| one.get(name)).unwrap_or_default().into_owned()
}

/// Members of thor and roxie clusters, and what the parts of a cluster always have.
fn placed(
    context: &Context<'_>,
    component: &Element,
    child: &Element,
    name: &str,
) -> Option<Expected> {
    let tag = child.name();
    let given = |from: &str| Some(Expected::Given(from.to_owned()));
    let is = |part: Part| tag == part.tag();
    if is(Part::ThorMaster) || is(Part::ThorSlave) || is(Part::ThorSpare) {
        return match name {
            "computer" => given("the placement on machines"),
            "name" => given("the number of the instance"),
            _ => None,
        };
    }
    if is(Part::RoxieServer) {
        let computer = child.get("computer").unwrap_or_default().into_owned();
        return match name {
            "computer" => given("the placement on machines"),
            "name" => Some(Expected::Derived(computer, "its computer".to_owned())),
            "netAddress" => {
                let known = context.environment.computer(&computer);
                let address = known.map(|one| one.address.clone().into_owned()).unwrap_or_default();
                let from = format!("Hardware/Computer[@name='{computer}']/@netAddress");
                Some(Expected::Derived(address, from))
            }
            _ => None,
        };
    }
    match (component.name(), tag, name) {
        ("RoxieCluster", "RoxieFarmProcess", "name") => given("the number of the farm"),
        ("RoxieCluster", "RoxieFarmProcess", "port") => {
            let port = if child.get("name").as_deref() == Some("farm2") { "0" } else { "9876" };
            Some(Expected::Default(port.to_owned()))
        }
        ("RoxieCluster", "RoxieFarmProcess", _) => {
            let usual = [
                ("aclName", ""),
                ("listenQueue", "200"),
                ("numThreads", "30"),
                ("requestArrayThreads", "5"),
            ];
            let found = usual.iter().find(|(known, _)| *known == name)?;
            Some(Expected::Default(found.1.to_owned()))
        }
        ("Topology", "Cluster", "name") => given("the kinds of components that are there"),
        ("Topology", "Cluster", "prefix") => {
            let own = child.get("name").unwrap_or_default().into_owned();
            Some(Expected::Derived(own, "the name of the cluster".to_owned()))
        }
        ("Topology", "Cluster", "alias") => Some(Expected::Default(String::new())),
        _ => None,
    }
}
