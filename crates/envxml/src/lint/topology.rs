//! The topology: which components make a cluster that takes jobs.

use std::collections::HashSet;

use super::Rule;
use super::context::Context;
use super::findings::Findings;

/// Components that only run when the topology names them, and those that run jobs.
const NAMED: [&str; 5] =
    ["EclAgentProcess", "EclCCServerProcess", "EclSchedulerProcess", "RoxieCluster", "ThorCluster"];
const RUN_JOBS: [&str; 3] = ["EclAgentProcess", "RoxieCluster", "ThorCluster"];

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let components: HashSet<(&str, &str)> = context
        .components
        .iter()
        .map(|placed| (placed.component.process, &*placed.component.name))
        .collect();
    let mut used = HashSet::new();
    for [software, topology] in context.in_software("Topology") {
        let mut names = HashSet::new();
        for cluster in topology.children("Cluster") {
            let chain = [software, topology, cluster];
            let name = cluster.get("name").unwrap_or_default();
            if !names.insert(name.clone()) {
                found.add(
                    Rule::DuplicateTopologyCluster,
                    &chain,
                    Some("name"),
                    format!("another cluster of the topology is named {name:?}, too"),
                    "give each cluster its own name, or remove one",
                );
            }
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            {
                found.add(
                    Rule::BadName,
                    &chain,
                    Some("name"),
                    format!("HPCC refuses the name {name:?}"),
                    "use letters, digits, `-` and `_` only",
                );
            }
            for entry in cluster.elements() {
                let process = entry.get("process").unwrap_or_default();
                if components.contains(&(entry.name(), &*process)) {
                    used.insert((entry.name(), process));
                    continue;
                }
                found.add(
                    Rule::UnknownTopologyProcess,
                    &[software, topology, cluster, entry],
                    Some("process"),
                    format!("there is no {} named {process:?}", entry.name()),
                    "name a component that is there, or remove the entry",
                );
            }
            let has = |tags: &[&str]| cluster.elements().any(|entry| tags.contains(&entry.name()));
            let missing = match (has(&["EclCCServerProcess"]), has(&RUN_JOBS)) {
                (true, true) => continue,
                (false, _) => "no EclCCServerProcess, so nothing can be compiled for it",
                (true, false) => "no EclAgentProcess, ThorCluster or RoxieCluster to run jobs",
            };
            found.add(
                Rule::IncompleteTopologyCluster,
                &chain,
                None,
                format!("cluster {name} has {missing}"),
                "add the missing entry",
            );
        }
    }
    for placed in &context.components {
        let component = placed.component;
        let runs = NAMED.contains(&component.process) && !component.instances.is_empty();
        if runs && !used.contains(&(component.process, component.name.clone())) {
            found.add(
                Rule::NotInTopology,
                &placed.chain(),
                None,
                format!("no cluster of the topology names {}", placed.title()),
                "add it to a Cluster of the topology: HPCC starts only what stands there",
            );
        }
    }
}
