//! The rules of `hpcc.yaml` that types cannot express.

use std::collections::BTreeMap;

use diagnostics::{DataPath, Problem};

use super::{Attributes, ClusterSpec, EspService, EspSpec, MasterPlace, TopologySpec};
use crate::name::ClusterName;

/// Everything that is wrong, in the order of the parts.
pub(super) fn check(spec: &ClusterSpec) -> Vec<Problem> {
    let mut rules = Rules { problems: Vec::new() };
    if let Some(support) = &spec.support {
        rules.count(support.machines, &root("support").join("machines"), "support machines");
    }
    rules.thor(spec);
    rules.roxie(spec);
    for (name, esp) in &spec.esp {
        rules.esp(esp, &root("esp").join(name.as_str()));
    }
    for (component, wanted) in &spec.components {
        let path = root("components").join(component.role().as_str());
        rules.count(wanted.machines, &path.join("machines"), "machines");
        if component.role().is_single() && wanted.machines.is_some_and(|n| n > 1) {
            rules.push(
                Problem::error("more-than-one", format!("{} runs once", component.role()))
                    .at(path.join("machines"))
                    .help("give 1, or leave it out"),
            );
        }
        rules.attributes(&wanted.attributes, &path.join("attributes"));
    }
    rules.unique_names(spec);
    for (category, directory) in &spec.directories {
        rules.directory(category, directory);
    }
    for (at, rule) in spec.overrides.iter().enumerate() {
        let path = root("overrides").join(at);
        if rule.build_set.is_empty() {
            rules.push(
                Problem::error("empty", "the build set is empty")
                    .at(path.join("buildSet"))
                    .help("name a build set such as roxie, thor, esp or DropZone"),
            );
        }
        rules.attribute_name(&rule.attribute, &path.join("attribute"));
    }
    for (at, rule) in spec.xpath_attributes.iter().enumerate() {
        let path = root("xpathAttributes").join(at);
        rules.xpath(&rule.xpath, &path.join("xpath"));
        rules.attribute_name(&rule.attribute, &path.join("attribute"));
    }
    for (name, topology) in &spec.topologies {
        rules.topology(spec, topology, &root("topologies").join(name.as_str()));
    }
    rules.problems
}

fn root(part: &str) -> DataPath {
    DataPath::root().join(part)
}

/// The problems found so far.
struct Rules {
    problems: Vec<Problem>,
}

impl Rules {
    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn thor(&mut self, spec: &ClusterSpec) {
        let mut groups: BTreeMap<&str, &ClusterName> = BTreeMap::new();
        for (name, thor) in &spec.thor {
            let path = root("thor").join(name.as_str());
            self.count(thor.slaves, &path.join("slaves"), "machines with slaves");
            let per_node = Some(thor.slaves_per_node);
            self.count(per_node, &path.join("slavesPerNode"), "slaves on each machine");
            let channels = Some(thor.channels_per_slave);
            self.count(channels, &path.join("channelsPerSlave"), "channels of each slave");
            self.attributes(&thor.attributes, &path.join("attributes"));
            self.computed(
                &thor.attributes,
                &["slavesPerNode", "channelsPerSlave", "nodeGroup"],
                &path.join("attributes"),
            );
            let truth = thor.attributes.get("localThor").is_some_and(|local| local == "true");
            if truth && thor.slaves.is_some_and(|slaves| slaves > 1) {
                self.push(
                    Problem::error("local-thor", "localThor is true on a cluster of several machines")
                        .at(path.join("attributes").join("localThor"))
                        .help("leave localThor out: it is set where all slaves share the master's address"),
                );
            }
            // Clusters may share a group on purpose, but only if all of them say so.
            let group = thor.node_group.as_ref().unwrap_or(name);
            if let Some(other) = groups.insert(group.as_str(), name) {
                let said = |name: &ClusterName| {
                    spec.thor.get(name).is_some_and(|thor| thor.node_group.is_some())
                };
                if !said(name) || !said(other) {
                    self.push(
                        Problem::error(
                            "node-group",
                            format!("thor clusters {other} and {name} have the same group {group} by accident"),
                        )
                        .at(path.join("nodeGroup"))
                        .help("give both a nodeGroup if they share their slaves, else another name"),
                    );
                }
            }
            if thor.master == MasterPlace::Support
                && spec.support.as_ref().is_some_and(|support| support.machines == Some(0))
            {
                self.push(
                    Problem::error("no-support", "the master is to run on a support machine")
                        .at(path.join("master"))
                        .help("ask for a support machine, or give the master one of its own"),
                );
            }
        }
    }

    fn roxie(&mut self, spec: &ClusterSpec) {
        for (name, roxie) in &spec.roxie {
            let path = root("roxie").join(name.as_str());
            self.count(roxie.servers, &path.join("servers"), "servers");
            let channels = Some(roxie.channels_per_slave);
            self.count(channels, &path.join("channelsPerSlave"), "channels of each server");
            self.attributes(&roxie.attributes, &path.join("attributes"));
            self.computed(&roxie.attributes, &["channelsPerSlave"], &path.join("attributes"));
            if roxie.attributes.get("roxieMulticastEnabled").is_some_and(|on| on == "true") {
                self.push(
                    Problem::warning("multicast", "networks of pods carry no multicast")
                        .at(path.join("attributes").join("roxieMulticastEnabled"))
                        .help("leave it out: false is set where roxie runs in pods"),
                );
            }
        }
    }

    fn esp(&mut self, esp: &EspSpec, path: &DataPath) {
        self.count(esp.servers, &path.join("servers"), "servers");
        let mut users: BTreeMap<u16, EspService> = BTreeMap::new();
        for service in EspService::ALL {
            let port = esp.port(service);
            let key = service_key(service);
            // Where the fault is one that the user wrote, it is shown there.
            let at = |service: EspService| path.join("ports").join(service_key(service));
            if port == 0 {
                self.push(
                    Problem::error("port", format!("the port of {key} is 0"))
                        .at(at(service))
                        .help("give a port from 1 to 65535, or leave it out"),
                );
            } else if let Some(other) = users.insert(port, service) {
                let guilty = if esp.ports.contains_key(&service) { service } else { other };
                self.push(
                    Problem::error(
                        "port",
                        format!("{} and {key} listen on the same port {port}", service_key(other)),
                    )
                    .at(at(guilty))
                    .help("give one of them another port"),
                );
            }
        }
        self.attributes(&esp.attributes, &path.join("attributes"));
    }

    fn unique_names(&mut self, spec: &ClusterSpec) {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        let names = |part, names: Vec<&'_ ClusterName>| -> Vec<(&'static str, String)> {
            names.into_iter().map(|name| (part, name.to_string())).collect()
        };
        let all: Vec<(&'static str, String)> = [
            names("thor", spec.thor.keys().collect()),
            names("roxie", spec.roxie.keys().collect()),
            names("esp", spec.esp.keys().collect()),
        ]
        .concat();
        for (part, name) in &all {
            if let Some(other) = known.insert(name, part) {
                self.push(
                    Problem::error(
                        "duplicate-name",
                        format!("{other} and {part} clusters are both named {name}"),
                    )
                    .at(root(part).join(name.as_str()))
                    .help("give one of them another name: logs and data lie in directories of that name"),
                );
            }
        }
    }

    fn directory(&mut self, category: &str, directory: &str) {
        let path = root("directories").join(category);
        let name_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if category.is_empty() || !category.chars().all(name_fits) {
            self.push(
                Problem::error("directory-category", format!("`{category}` is no category"))
                    .at(path.clone())
                    .help(
                        "known are log, run, conf, temp, data, data2, data3, mirror, query, lock",
                    ),
            );
        }
        if !directory.starts_with('/') {
            self.push(
                Problem::error("directory", format!("`{directory}` is no absolute path"))
                    .at(path.clone())
                    .help("start it with /"),
            );
        }
        let missing: Vec<&str> = [
            (!directory.contains("[NAME]")).then_some("[NAME]"),
            (!directory.contains("[INST]") && !directory.contains("[COMPONENT]"))
                .then_some("[INST] or [COMPONENT]"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !missing.is_empty() {
            self.push(
                Problem::error(
                    "directory",
                    format!("`{directory}` lacks {}", missing.join(" and ")),
                )
                .at(path)
                .help("without them, components would share a directory: /var/lib/[NAME]/[INST]"),
            );
        }
    }

    fn topology(&mut self, spec: &ClusterSpec, topology: &TopologySpec, path: &DataPath) {
        // Without clusters in the file, it is the pods that say which there are.
        if !spec.thor.is_empty() {
            for (at, name) in topology.thor.iter().enumerate() {
                self.reference(name, spec.thor.keys(), "thor", &path.join("thor").join(at));
            }
        }
        if !spec.roxie.is_empty() {
            for (at, name) in topology.roxie.iter().enumerate() {
                self.reference(name, spec.roxie.keys(), "roxie", &path.join("roxie").join(at));
            }
        }
        for (key, names) in [("thor", &topology.thor), ("roxie", &topology.roxie)] {
            for (at, name) in names.iter().enumerate() {
                if names[..at].contains(name) {
                    self.push(
                        Problem::error("duplicate-name", format!("{name} is listed twice"))
                            .at(path.join(key).join(at))
                            .help("leave one of them"),
                    );
                }
            }
        }
        if topology.roxie.len() > 1 {
            self.push(
                Problem::error("topology-roxie", "a topology has one roxie cluster at most")
                    .at(path.join("roxie"))
                    .help("make a topology for each of them"),
            );
        }
        for (key, process) in [
            ("eclagent", &topology.eclagent),
            ("eclccserver", &topology.eclccserver),
            ("eclscheduler", &topology.eclscheduler),
        ] {
            if process.as_deref() == Some("") {
                self.push(
                    Problem::error("empty", format!("the name of the {key} is empty"))
                        .at(path.join(key))
                        .help("name a process, or leave it out"),
                );
            }
        }
    }

    fn reference<'a>(
        &mut self,
        name: &ClusterName,
        known: impl Iterator<Item = &'a ClusterName>,
        kind: &str,
        path: &DataPath,
    ) {
        let known: Vec<&str> = known.map(ClusterName::as_str).collect();
        if !known.contains(&name.as_str()) {
            self.push(
                Problem::error("unknown-cluster", format!("there is no {kind} cluster {name}"))
                    .at(path.clone())
                    .help(format!("known are {}", known.join(", "))),
            );
        }
    }

    fn count(&mut self, count: Option<u32>, path: &DataPath, what: &str) {
        if count == Some(0) {
            self.push(
                Problem::error("count", format!("the number of {what} is 0"))
                    .at(path.clone())
                    .help("give at least 1, or leave it out"),
            );
        }
    }

    fn attributes(&mut self, attributes: &Attributes, path: &DataPath) {
        for name in attributes.keys() {
            self.attribute_name(name, &path.join(name.as_str()));
            // Everything else in the file refers to components by these.
            if matches!(name.as_str(), "name" | "buildSet" | "build") {
                self.push(
                    Problem::error(
                        "attribute",
                        format!("{name} is what the component is known by"),
                    )
                    .at(path.join(name.as_str()))
                    .help("a cluster is called as its key; other components keep their names"),
                );
            }
        }
    }

    /// Attributes that have a field of their own.
    fn computed(&mut self, attributes: &Attributes, fields: &[&str], path: &DataPath) {
        for field in fields {
            if attributes.contains_key(*field) {
                self.push(
                    Problem::error("attribute", format!("{field} is a field of the cluster"))
                        .at(path.join(*field))
                        .help(format!("set {field} beside `attributes`")),
                );
            }
        }
    }

    fn attribute_name(&mut self, name: &str, path: &DataPath) {
        let mut letters = name.chars();
        let first = letters.next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | ':'));
        let rest = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        if !first || !letters.all(rest) {
            let problem =
                Problem::error("attribute", format!("`{name}` is no name of an attribute"));
            let help = match name.strip_prefix('@') {
                Some(bare) => format!("write {bare}, without the @"),
                None => {
                    "letters, digits, `_`, `-`, `.` and `:` are allowed, a letter first".to_owned()
                }
            };
            self.push(problem.at(path.clone()).help(help));
        }
    }

    fn xpath(&mut self, xpath: &str, path: &DataPath) {
        if xpath.is_empty() {
            self.push(
                Problem::error("xpath", "the XPath is empty")
                    .at(path.clone())
                    .help("give one such as Software/EspProcess[@name='myesp']"),
            );
            return;
        }
        if let Some(fault) = xpath_fault(xpath) {
            self.push(
                Problem::error("xpath", format!("`{xpath}` {fault}"))
                    .at(path.clone())
                    .help("a stray quote or bracket would change what is selected"),
            );
        }
    }
}

/// Quotes and brackets that do not match.
fn xpath_fault(xpath: &str) -> Option<&'static str> {
    let mut quote = None;
    let mut depth = 0_i32;
    for c in xpath.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return Some("closes a bracket that is not open");
        }
    }
    if quote.is_some() {
        return Some("has a quote that is not closed");
    }
    (depth > 0).then_some("has a bracket that is not closed")
}

/// The key of a service in the file.
fn service_key(service: EspService) -> &'static str {
    match service {
        EspService::EclWatch => "eclWatch",
        EspService::WsEcl => "wsEcl",
        EspService::WsSql => "wsSql",
    }
}
