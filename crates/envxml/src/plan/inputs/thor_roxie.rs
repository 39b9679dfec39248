//! Facts of thor, roxie and backupnode.

use std::collections::HashSet;

use super::facts::Facts;
use super::source::{Source, value};
use crate::tree::Element;

/// What scripts know of SSH.
const SSH: [&str; 6] =
    ["SSHidentityfile", "SSHusername", "SSHpassword", "SSHtimeout", "SSHretries", "SSHsudomount"];

/// `thor.xml` and `setvars`: they know the master but not the slaves, which come from Dali's group.
pub(super) fn thor(facts: &mut Facts<'_>, thor: &Element) {
    let own = [
        "build",
        "buildSet",
        "computer",
        "description",
        "directory",
        "daliServers",
        "pluginsPath",
        "externalProgDir",
        "nodeGroup",
        "outputNodeGroup",
    ];
    facts.all_given(thor, &own);
    let name = value(thor, "name");
    let or = |attribute: &str, default: &str| {
        let value = value(thor, attribute);
        if value.is_empty() { default.to_owned() } else { value.into_owned() }
    };
    let group = or("nodeGroup", &name);
    facts.put("attribute ThorCluster/@outputNodeGroup", or("outputNodeGroup", &group));
    facts.put("attribute ThorCluster/@nodeGroup", group);
    facts.put("THORPRIMARY", thor.attribute("nodeGroup").map_or("not set", |_| "set"));
    facts.put("valgrindOptions", thor.attribute("valgrindOptions").map_or("not set", |_| "set"));
    if !value(thor, "pluginsPath").is_empty() {
        let path = plugins(facts, &value(thor, "pluginsPath"));
        facts.put("attribute ThorCluster/@pluginsPath", path);
    }
    if !value(thor, "externalProgDir").is_empty() {
        let directory = facts.absolute(&value(thor, "externalProgDir"));
        facts.put("attribute ThorCluster/@externalProgDir", directory);
    }
    facts.dali(thor);
    if value(thor, "daliServers").is_empty() {
        facts.put("attribute ThorCluster/@daliServers", "empty");
    }
    facts.put("address of the thor master", facts.source.master(thor));
    facts.directories();
    for tag in ["Debug", "SSH"] {
        facts.merged(thor, tag);
    }
    // Of several elements `thor.xml` has the last values and `setvars` the first ones.
    if thor.children("SSH").nth(1).is_some() {
        for name in SSH {
            let values = || thor.children("SSH").filter_map(|one| one.get(name));
            let last = values().rfind(|value| !value.is_empty());
            let first = values().next().unwrap_or_default();
            if first != last.unwrap_or_default() {
                facts.put(format!("first SSH/@{name}"), first);
            }
        }
    }
    if let Some(refused) = refused(facts.source, thor) {
        facts.put("thor.xml is refused", refused);
    }
    for (name, default) in [("breakoutLimit", "3600"), ("refreshRate", "3")] {
        let storage = thor.children("Storage").find_map(|element| element.get(name));
        let value = storage.filter(|value| !value.is_empty()).unwrap_or(default.into());
        facts.put(format!("attribute Storage/@{name}"), value);
    }
    let swaps = thor.children("SwapNode").any(|element| value(element, "AutoSwapNode") == "true");
    facts.put("attribute SwapNode/@AutoSwapNode", swaps.to_string());
}

/// Why `thor.xml` is not generated at all: configgen does not say so but leaves the file out.
fn refused(source: &Source<'_>, thor: &Element) -> Option<String> {
    let name = value(thor, "name");
    let others: Vec<&Element> = source
        .tagged("ThorCluster")
        .iter()
        .copied()
        .filter(|other| other.attribute("name").is_some_and(|own| own.value() != name))
        .collect();
    let on = |thor: &Element, part: &str, computer: &str| {
        thor.children(part)
            .any(|one| one.attribute("computer").is_some_and(|c| c.value() == computer))
    };
    for master in thor.children("ThorMasterProcess").filter_map(|one| one.get("computer")) {
        for other in &others {
            if value(other, "masterport") == value(thor, "masterport")
                && on(other, "ThorMasterProcess", &master)
            {
                return Some(format!("{} has the same master", other.step()));
            }
        }
    }
    let helpers = [source.computers_of("DafilesrvProcess"), source.computers_of("FTSlaveProcess")];
    for part in ["ThorSlaveProcess", "ThorSpareProcess"] {
        for slave in thor.children(part) {
            let computer = slave.get("computer");
            let helped = computer
                .as_ref()
                .is_some_and(|computer| helpers.iter().all(|set| set.contains(&**computer)));
            if !helped {
                return Some(format!("{} has no file server", slave.step()));
            }
        }
    }
    let rivals: Vec<HashSet<_>> = others
        .iter()
        .filter(|other| value(other, "slaveport") == value(thor, "slaveport"))
        .map(|other| {
            other.children("ThorSlaveProcess").filter_map(|one| one.get("computer")).collect()
        })
        .collect();
    let mut slaves = thor.children("ThorSlaveProcess").filter_map(|one| one.get("computer"));
    let shared = slaves.find(|computer| rivals.iter().any(|rival| rival.contains(computer)))?;
    Some(format!("another thor has the same slave on {shared}"))
}

/// `RoxieTopology.xml`, `slaves` and `roxievars`: every server knows all servers.
pub(super) fn roxie(facts: &mut Facts<'_>, roxie: &Element) {
    let own = [
        "thorHost",
        "buildSet",
        "queryDir",
        "logDir",
        "siteCertificate",
        "pluginsPath",
        "daliServers",
        "querySets",
        "targetAliases",
        "pluginDirectory",
    ];
    facts.all_given(roxie, &own);
    facts.dali(roxie);
    let path = plugins(facts, &value(roxie, "pluginsPath"));
    facts.put("attribute RoxieCluster/@pluginsPath", path);
    facts.values(roxie, &["queryDir"]);
    facts.present(roxie, &["logDir"]);
    handles(facts, roxie);
    if !value(roxie, "siteCertificate").is_empty() {
        facts.given(roxie, &["siteCertificate"]);
        let name = value(roxie, "siteCertificate");
        if let Some(certificate) = facts.source.named("SiteCertificate", &name) {
            facts.subtree(certificate);
        }
    }
    let name = value(roxie, "name");
    for cluster in facts.source.topologies().flat_map(|topology| topology.children("Cluster")) {
        for _ in cluster.children("RoxieCluster").filter(|one| value(one, "process") == name) {
            facts.put("target cluster", value(cluster, "name"));
            if let Some(alias) = cluster.attribute("alias") {
                facts.put(
                    format!("alias of target cluster {}", value(cluster, "name")),
                    alias.value(),
                );
            }
        }
    }
    facts.directories();
    for nas in facts.source.root().children("Hardware").flat_map(|h| h.children("NAS")) {
        facts.subtree(nas);
    }
    for list in roxie.children("ACL") {
        facts.put("ACL", value(list, "name"));
        for base in list.children("BaseList") {
            facts.values(base, &["name"]);
        }
        for access in list.children("Access") {
            facts.put("attribute Access/@allow", (value(access, "allow") == "Yes").to_string());
            facts.all_present(access, &["allow"]);
        }
    }
    for metric in roxie.children("UserMetric") {
        facts.put("UserMetric", "");
        facts.present(metric, &["name", "regex"]);
    }
    for cluster in roxie.children("PreferredCluster") {
        facts.put("PreferredCluster", "");
        facts.present(cluster, &["name", "priority"]);
    }
    for farm in roxie.children("RoxieFarmProcess") {
        facts.put("RoxieFarmProcess", value(farm, "name"));
        facts.all_present(farm, &["level"]);
    }
    servers(facts, roxie);
}

fn servers(facts: &mut Facts<'_>, roxie: &Element) {
    let unread = [
        "netAddress",
        "computer",
        "name",
        "port",
        "level",
        "listenQueue",
        "numThreads",
        "requestArrayThreads",
    ];
    let mut computers = HashSet::new();
    for server in roxie.children("RoxieServerProcess") {
        let computer = value(server, "computer");
        let address = facts.source.address(&computer);
        facts.put("RoxieServerProcess", &*address);
        facts.all_present(server, &unread);
        // A computer is only once in the list of slaves, and without a name not at all.
        if computer.is_empty() || !computers.insert(computer) {
            facts.put("not in the list of slaves", address);
        }
    }
}

/// How many files may be open: at least 8192.
fn handles(facts: &mut Facts<'_>, roxie: &Element) {
    let number = |name: &str| value(roxie, name).trim().parse::<f64>().unwrap_or(f64::NAN);
    let open = 2.0 * (number("maxLocalFilesOpen") + number("maxRemoteFilesOpen"));
    // An attribute that is not there makes the sum no number, which is not greater.
    let handles = if open > 8192.0 { open } else { 8192.0 };
    facts.put("NUM_ROXIE_HANDLES", handles.to_string());
}

/// The directory of plug-ins as thor and roxie get it: always with a separator at its end.
fn plugins(facts: &Facts<'_>, text: &str) -> String {
    let windows: String = text
        .chars()
        .map(|c| match c {
            '/' => '\\',
            '$' => ':',
            other => other,
        })
        .collect();
    let windows = windows.strip_prefix(".\\").unwrap_or(&windows);
    if windows.is_empty() {
        return facts.path("plugins\\");
    }
    // The transformation looks at the last character but one.
    let before_last = windows.chars().rev().nth(1);
    let separator = if before_last == Some('\\') { "" } else { "\\" };
    facts.path(&format!("{windows}{separator}"))
}

/// `backupnode.conf`: the thors that it backs up.
pub(super) fn backup_node(facts: &mut Facts<'_>, node: &Element) {
    let backed_up = |thor: &Element| {
        let local = value(thor, "localThor");
        let group = thor.attribute("nodeGroup");
        let has_files = local == "false" || thor.attribute("localThor").is_none();
        (has_files && group.is_none())
            || group.is_some_and(|group| group.value() == value(thor, "name"))
    };
    let thors = facts.source.tagged("ThorCluster");
    let mut groups: Vec<(String, &Element)> = Vec::new();
    if node.child("NodeGroup").is_some() {
        for group in node.children("NodeGroup") {
            for thor in thors.iter().filter(|thor| value(thor, "name") == value(group, "name")) {
                groups.push((value(group, "interval").into_owned(), thor));
            }
        }
    } else {
        groups.extend(thors.iter().map(|thor| ("12".to_owned(), *thor)));
    }
    for (interval, thor) in groups.into_iter().filter(|(_, thor)| backed_up(thor)) {
        facts.put("NodeGroup", value(thor, "name"));
        facts.put("attribute NodeGroup/@interval", interval);
        facts.dali(thor);
        facts.values(thor, &["localThor", "nodeGroup"]);
        facts.put("address of the thor master", facts.source.master(thor));
        for name in &SSH[..5] {
            let ssh = thor.children("SSH").find_map(|ssh| ssh.get(name)).unwrap_or_default();
            facts.put(format!("attribute SSH/@{name}"), ssh);
        }
    }
}
