//! Values: numbers, truth values, and the folders of components.

use std::collections::{HashMap, HashSet};

use super::Rule;
use super::context::Context;
use super::findings::Findings;
use crate::tree::Element;

/// Attributes that hold a port.
const PORTS: [&str; 8] = [
    "port",
    "masterport",
    "slaveport",
    "controlPort",
    "defaultPort",
    "defaultSecurePort",
    "ldapPort",
    "ldapSecurePort",
];

/// Attributes that hold a number of at least one.
const COUNTS: [&str; 5] =
    ["slavesPerNode", "channelsPerSlave", "channelsPerNode", "numDataCopies", "localThorPortInc"];

/// Attributes that hold a number of at least zero.
const NUMBERS: [&str; 52] = [
    "ExpiryDefault",
    "ExpiryInterval",
    "PersistExpiryDefault",
    "SSHretries",
    "SSHtimeout",
    "autoRestartInterval",
    "callbackRetries",
    "callbackTimeout",
    "coalesceInterval",
    "cyclicOffset",
    "dafilesrvLookupTimeout",
    "defaultMemoryLimit",
    "defaultMemoryLimitMB",
    "fileCacheLimit",
    "globalMemorySize",
    "highTimeout",
    "interval",
    "leafCacheMem",
    "listenQueue",
    "logLevel",
    "lowTimeout",
    "masterMemorySize",
    "maxBacklogQueueSize",
    "maxBlockSize",
    "maxConcurrentThreads",
    "maxEclccProcesses",
    "maxLocalFilesOpen",
    "maxRemoteFilesOpen",
    "maxRequestEntityLength",
    "minFreeDiskSpace",
    "minLocalFilesOpen",
    "minRemoteFilesOpen",
    "monitorInterval",
    "monitorinterval",
    "nodeCacheMem",
    "numThreads",
    "parallelRequestLimit",
    "perChannelFlowLimit",
    "requestArrayThreads",
    "roxieTimeout",
    "serverThreads",
    "slaTimeout",
    "slaveThreads",
    "thorConnectTimeout",
    "throttleCPULimit",
    "throttleDelayMs",
    "totalMemoryLimit",
    "traceLevel",
    "transferBufferSize",
    "udpFlowSocketsSize",
    "udpLocalWriteSocketSize",
    "udpMulticastBufferSize",
];

/// Attributes that hold a truth value.
const BOOLEANS: [&str; 36] = [
    "ECLWatchVisible",
    "allFilesDynamic",
    "autoAffinity",
    "autoCopyBackup",
    "blindLogging",
    "checkCompleted",
    "checkFileDate",
    "compressInternalSpills",
    "copyResources",
    "debugPermitted",
    "defaultForPort",
    "doIbytiDelay",
    "enableEclccDali",
    "enableHeartBeat",
    "enableSysLog",
    "enableVerification",
    "fastLaneQueue",
    "generatePrecompiledHeader",
    "heapRetainMemory",
    "heapUseHugePages",
    "heapUseTransparentHugePages",
    "ignoreMissingFiles",
    "ignoreOrphans",
    "jumboFrames",
    "localSlave",
    "localThor",
    "lockDali",
    "monitorDaliFileServer",
    "prestartSlaveThreads",
    "recoverFromIncErrors",
    "replicateAsync",
    "replicateOutputs",
    "roxieMulticastEnabled",
    "trapTooManyActiveQueries",
    "useRemoteResources",
    "watchdogEnabled",
];

/// Categories of folders that each component needs for itself.
const OWN_FOLDERS: [&str; 6] = ["log", "run", "conf", "temp", "query", "lock"];

/// What a value must be.
#[derive(Clone, Copy)]
enum Kind {
    Port,
    /// A number of at least this.
    Number(i64),
    Boolean,
}

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let kinds: Kinds = [
        (PORTS.as_slice(), Kind::Port),
        (COUNTS.as_slice(), Kind::Number(1)),
        (NUMBERS.as_slice(), Kind::Number(0)),
        (BOOLEANS.as_slice(), Kind::Boolean),
    ]
    .into_iter()
    .flat_map(|(names, kind)| names.iter().map(move |name| (*name, kind)))
    .collect();
    for section in context.environment.root.elements() {
        if matches!(section.name(), "Software" | "Hardware") {
            for element in section.elements() {
                walk(&kinds, element, &mut vec![section], found);
            }
        }
    }
    directories(context, found);
}

/// What the values of attributes must be, by name.
type Kinds = HashMap<&'static str, Kind>;

fn walk<'d>(
    kinds: &Kinds,
    element: &'d Element,
    chain: &mut Vec<&'d Element>,
    found: &mut Findings<'d>,
) {
    chain.push(element);
    for attribute in element.attributes() {
        let Some((name, kind)) = kinds.get_key_value(attribute.name()) else { continue };
        let value = attribute.value();
        if value.is_empty() {
            continue;
        }
        let (least, most) = match kind {
            Kind::Boolean => {
                if truth(&value).is_none() {
                    found.add(
                        Rule::BadBoolean,
                        chain,
                        Some(name),
                        format!("{value:?} is neither true nor false"),
                        format!("set {name} to true or false"),
                    );
                }
                continue;
            }
            // Port 0 is how Roxie takes queries from workunits only; templates of bindings have it.
            Kind::Port => {
                let none = matches!(element.name(), "RoxieFarmProcess" | "EspBinding");
                (i64::from(!none && *name != "controlPort"), 65535)
            }
            Kind::Number(least) => (*least, i64::MAX),
        };
        if value.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number)) {
            continue;
        }
        let wanted = if most == i64::MAX {
            format!("a whole number of at least {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        found.add(
            Rule::BadNumber,
            chain,
            Some(name),
            format!("{value:?} is not {wanted}"),
            format!("set {name} to {wanted}"),
        );
    }
    for child in element.elements() {
        walk(kinds, child, chain, found);
    }
    chain.pop();
}

/// A truth value as HPCC reads it.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A number of an element, or what is used where it has none.
pub(super) fn number(element: &Element, attribute: &str, default: u32) -> u32 {
    element.get(attribute).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Whether an attribute is set to true.
pub(super) fn is_true(element: &Element, attribute: &str) -> bool {
    element.get(attribute).and_then(|value| truth(&value)) == Some(true)
}

fn directories<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let mut all = context.in_software("Directories");
    let Some([software, directories]) = all.next() else {
        if let Some(placed) = context.components.first() {
            found.add(
                Rule::NoDirectories,
                &placed.chain()[..1],
                None,
                "Software has no Directories, so the folders of HPCC's own settings are used",
                "add Directories with a Category for log, run, conf, temp, data, mirror, query and lock",
            );
        }
        return;
    };
    if directories.get("name").is_none_or(|name| name.is_empty()) {
        found.add(
            Rule::NoDirectories,
            &[software, directories],
            Some("name"),
            "Directories has no name, so the folders of HPCC's own settings are used",
            "set name, usually to HPCCSystems",
        );
    }
    for more in all {
        found.add(
            Rule::DuplicateDirectory,
            &more,
            None,
            "there are Directories already",
            "put all categories into one Directories: configgen refuses two",
        );
    }
    let mut names = HashSet::new();
    for category in directories.children("Category") {
        let chain = [software, directories, category];
        let name = category.get("name").unwrap_or_default();
        if !names.insert(name.clone()) {
            found.add(
                Rule::DuplicateDirectory,
                &chain,
                Some("name"),
                format!("category {name} is set already"),
                "keep one Category of each name; use Override for single components",
            );
        }
        if !OWN_FOLDERS.contains(&&*name) {
            continue;
        }
        let shared = |folder: &str| !folder.contains("[INST]") && !folder.contains("[COMPONENT]");
        let folder = category.get("dir").unwrap_or_default();
        if shared(&folder) {
            found.add(
                Rule::SharedDirectory,
                &chain,
                Some("dir"),
                format!("all components share the {name} folder {folder:?}"),
                "put [INST] or [COMPONENT] into the path",
            );
        }
        for over in category.children("Override") {
            let folder = over.get("dir").unwrap_or_default();
            let one = over.get("instance").is_some_and(|instance| !instance.is_empty());
            if !one && shared(&folder) {
                found.add(
                    Rule::SharedDirectory,
                    &[software, directories, category, over],
                    Some("dir"),
                    format!("several components share the {name} folder {folder:?}"),
                    "put [INST] into the path, or name one instance",
                );
            }
        }
    }
}
