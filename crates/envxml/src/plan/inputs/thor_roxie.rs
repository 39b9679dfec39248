//! Facts of thor, roxie and backupnode.

use std::collections::HashSet;

use super::facts::{Facts, absolute, path};
use super::source::value;
use crate::tree::Element;

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
        facts.put("attribute ThorCluster/@pluginsPath", plugins(&value(thor, "pluginsPath")));
    }
    if !value(thor, "externalProgDir").is_empty() {
        let directory = absolute(&value(thor, "externalProgDir"));
        facts.put("attribute ThorCluster/@externalProgDir", directory);
    }
    facts.dali(thor);
    if value(thor, "daliServers").is_empty() {
        facts.put("attribute ThorCluster/@daliServers", "empty");
    }
    let master = thor.child("ThorMasterProcess");
    let address = master.map(|master| facts.source.address_of(master));
    facts.put("address of the thor master", address.unwrap_or_default());
    facts.directories();
    for tag in ["Debug", "SSH"] {
        for element in thor.children(tag) {
            facts.all_given(element, &[]);
        }
    }
    for (name, default) in [("breakoutLimit", "3600"), ("refreshRate", "3")] {
        let storage = thor.children("Storage").find_map(|element| element.get(name));
        let value = storage.filter(|value| !value.is_empty()).unwrap_or(default.into());
        facts.put(format!("attribute Storage/@{name}"), value);
    }
    let swaps = thor.children("SwapNode").any(|element| value(element, "AutoSwapNode") == "true");
    facts.put("attribute SwapNode/@AutoSwapNode", swaps.to_string());
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
    facts.put("attribute RoxieCluster/@pluginsPath", plugins(&value(roxie, "pluginsPath")));
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
fn plugins(text: &str) -> String {
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
        return path("plugins\\");
    }
    // The transformation looks at the last character but one.
    let before_last = windows.chars().rev().nth(1);
    let separator = if before_last == Some('\\') { "" } else { "\\" };
    path(&format!("{windows}{separator}"))
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
        let master = thor.child("ThorMasterProcess");
        let address = master.map(|master| facts.source.address_of(master));
        facts.put("address of the thor master", address.unwrap_or_default());
        for name in ["SSHidentityfile", "SSHusername", "SSHpassword", "SSHtimeout", "SSHretries"] {
            let ssh = thor.children("SSH").find_map(|ssh| ssh.get(name)).unwrap_or_default();
            facts.put(format!("attribute SSH/@{name}"), ssh);
        }
    }
}
