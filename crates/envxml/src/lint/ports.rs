//! Ports: who listens where.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Rule;
use super::context::{Context, Placed};
use super::findings::Findings;
use super::thor::slave_ports;
use super::values::number;
use crate::tree::Element;
use crate::view::{Instance, Part};

/// Ports that somebody listens on.
struct Listener<'d> {
    first: u32,
    last: u32,
    /// Which component it is of.
    component: usize,
    part: Part,
    who: String,
    chain: [&'d Element; 3],
    attribute: Option<&'static str>,
}

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let types = context.of("EspService").filter_map(|service| {
        let kind = service.component.element.child("Properties")?.get("type")?;
        Some((service.component.name.clone(), kind))
    });
    let types: HashMap<Cow<'_, str>, Cow<'_, str>> = types.collect();
    for esp in context.of("EspProcess") {
        bindings(esp, &types, found);
    }
    for (index, machine) in context.machines.iter().enumerate() {
        let mut listeners = Vec::new();
        for (component, instance) in &machine.runs {
            let placed = &context.components[*component];
            listen(*component, placed, &placed.component.instances[*instance], &mut listeners);
        }
        listeners.sort_by_key(|listener| (listener.first, listener.last));
        collisions(&context.machines[index].title(), &listeners, found);
    }
}

/// All ports of one instance.
fn listen<'d>(
    component: usize,
    placed: &Placed<'_, 'd>,
    instance: &Instance<'d>,
    listeners: &mut Vec<Listener<'d>>,
) {
    let owner = placed.component.element;
    let mut add = |first: u32, last: u32, child: &'d Element, attribute| {
        // What is no port is found as a bad number.
        if (1..=65535).contains(&first) && last >= first {
            let chain = placed.below(child);
            let (part, who) = (instance.part, placed.title());
            listeners.push(Listener { first, last, component, part, who, chain, attribute });
        }
    };
    match (placed.component.process, instance.part) {
        ("ThorCluster", Part::ThorMaster) => {
            let port = number(owner, "masterport", 20000);
            add(port, port, instance.element, None);
        }
        ("ThorCluster", Part::ThorSlave) => {
            let (first, last) = slave_ports(placed);
            add(first, last, instance.element, None);
        }
        ("RoxieCluster", Part::RoxieServer) => {
            let mut ports: Vec<u32> =
                owner.children("RoxieFarmProcess").map(|farm| number(farm, "port", 0)).collect();
            ports.sort_unstable();
            ports.dedup();
            for port in ports {
                add(port, port, instance.element, None);
            }
        }
        ("EspProcess", Part::Process) => {
            let bindings = owner.children("EspBinding");
            let mut ports: Vec<u32> = bindings.map(|binding| number(binding, "port", 0)).collect();
            ports.sort_unstable();
            ports.dedup();
            for port in ports {
                add(port, port, instance.element, None);
            }
        }
        (process, Part::Process) => {
            let default = match process {
                "DaliServerProcess" => 7070,
                "DafilesrvProcess" => 7100,
                "SashaServerProcess" => 8877,
                "TopoServerProcess" => 9004,
                _ => 0,
            };
            let port = number(instance.element, "port", number(owner, "port", default));
            add(port, port, instance.element, Some("port"));
        }
        _ => {}
    }
}

/// Reports those whose ports were taken by an earlier one; they are sorted by port.
fn collisions<'d>(machine: &str, listeners: &[Listener<'d>], found: &mut Findings<'d>) {
    let mut reach: Option<&Listener<'d>> = None;
    for listener in listeners {
        if let Some(other) = reach.filter(|other| listener.first <= other.last) {
            // A component that is on a machine twice is found as that.
            let twice = other.component == listener.component && other.part == listener.part;
            if !twice {
                // The later one of the file is to blame.
                let at = |listener: &Listener<'d>| listener.chain[2].position();
                let (late, early) =
                    if at(other) > at(listener) { (other, listener) } else { (listener, other) };
                found.add(
                    Rule::PortCollision,
                    &late.chain,
                    late.attribute.filter(|name| late.chain[2].attribute(name).is_some()),
                    format!(
                        "{} needs {}, which {} has on {machine}",
                        late.who,
                        ports(late, early),
                        early.who
                    ),
                    "give one of the two another port, or put it on another machine",
                );
            }
        }
        if reach.is_none_or(|other| listener.last > other.last) {
            reach = Some(listener);
        }
    }
}

/// The ports that two have in common.
fn ports(left: &Listener<'_>, right: &Listener<'_>) -> String {
    let (first, last) = (left.first.max(right.first), left.last.min(right.last));
    if first == last { format!("port {first}") } else { format!("the ports {first} to {last}") }
}

/// Bindings of one ESP on one port. Services of different types can share one, if their protocol is
/// the same.
fn bindings<'d>(
    esp: &Placed<'_, 'd>,
    types: &HashMap<Cow<'_, str>, Cow<'_, str>>,
    found: &mut Findings<'d>,
) {
    let mut first: HashMap<u32, &Element> = HashMap::new();
    for binding in esp.component.element.children("EspBinding") {
        let chain = esp.below(binding);
        if binding.get("port").is_none_or(|port| port.is_empty()) {
            found.add(
                Rule::BindingWithoutPort,
                &chain,
                Some("port"),
                format!("this binding of {} has no port", esp.title()),
                "set port",
            );
            continue;
        }
        let port = number(binding, "port", 0);
        if port == 0 {
            continue;
        }
        let other = *first.entry(port).or_insert(binding);
        if std::ptr::eq(other, binding) {
            continue;
        }
        let name = other.get("name").unwrap_or_default();
        let both = format!("binding {name} of {} has port {port}, too", esp.title());
        let service = |binding: &Element| {
            let service = binding.get("service").unwrap_or_default().into_owned();
            types.get(&*service).map_or(service.clone(), |kind| kind.clone().into_owned())
        };
        let protocol = |binding: &Element| binding.get("protocol").map(Cow::into_owned);
        let (rule, message, help) = if protocol(other) != protocol(binding) {
            let message = format!("{both}, with another protocol");
            (Rule::PortCollision, message, "give each protocol its own port")
        } else if service(other) == service(binding) {
            let message = format!("{both}, for a service of the same type");
            (Rule::PortCollision, message, "give each binding its own port, or remove one")
        } else {
            let help = "give each binding its own port: plain requests reach the default one only";
            (Rule::DuplicateBindingPort, both, help)
        };
        found.add(rule, &chain, Some("port"), message, help);
    }
}
