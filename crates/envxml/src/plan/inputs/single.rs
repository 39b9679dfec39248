//! Facts of the components that are one process: dali, sasha, the servers of ECL, and rare ones.

use super::facts::Facts;
use super::security;
use super::source::{Source, value};
use crate::tree::Element;

/// `daliconf.xml`.
pub(super) fn dali(facts: &mut Facts<'_>, dali: &Element) {
    facts.values(dali, &["name"]);
    facts.given(dali, &["LogDir", "AuditLogDir"]);
    if !value(dali, "dataPath").is_empty() {
        let path = facts.absolute(&value(dali, "dataPath"));
        facts.put("attribute DaliServerProcess/@dataPath", path);
    }
    facts.directories();
    facts.present(
        dali,
        &[
            "recoverFromIncErrors",
            "snmpSendWarnings",
            "enableSNMP",
            "enableSysLog",
            "snmpErrorMsgLevel",
            "msgLevel",
            "lightweightCoalesce",
            "keepStores",
            "backupLargeWarningThreshold",
            "backupSoftQueueLimit",
            "backupSoftQueueLimitDelay",
        ],
    );
    facts
        .given(dali, &["IdlePeriod", "IdleRate", "MinTime", "StartTime", "EndTime", "environment"]);
    let backup = value(dali, "backupComputer");
    if !backup.is_empty() {
        facts.put("address of the backup computer", facts.source.address(&backup));
        if !value(dali, "remoteBackupLocation").is_empty() {
            let path = facts.absolute(&value(dali, "backupDirectory"));
            facts.put("remote backup", path);
        }
    }
    facts.present(dali, &["asyncBackup", "useNFSBackupMount", "forceGroupUpdate", "numThreads"]);
    for kind in ["cpu", "memory", "disk1", "disk2", "thread"] {
        for level in ["Warning", "Minor", "Major", "Critical"] {
            facts.values(dali, &[&format!("{kind}Alert{level}")]);
        }
    }
    facts.values(dali, &["cpuAlertTrigger"]);
    if !value(dali, "ldapServer").is_empty() {
        security::dali(facts, dali);
    }
}

/// `dfuserver.xml`.
pub(super) fn dfu_server(facts: &mut Facts<'_>, server: &Element) {
    facts.dali(server);
    facts.flags(server, &["enableSNMP", "enableSysLog"]);
    facts.values(
        server,
        &["name", "queue", "monitorqueue", "monitorinterval", "transferBufferSize"],
    );
    facts.directories();
    facts.merged(server, "SSH");
}

/// `agentexec.xml`.
pub(super) fn ecl_agent(facts: &mut Facts<'_>, agent: &Element) {
    facts.values(
        agent,
        &[
            "allowedPipePrograms",
            "defaultMemoryLimitMB",
            "name",
            "traceLevel",
            "thorConnectTimeout",
        ],
    );
    facts.dali(agent);
    for name in ["logDir", "pluginDirectory"] {
        let path = facts.path(&value(agent, name));
        facts.put(format!("attribute EclAgentProcess/@{name}"), path);
    }
    if agent.attribute("httpGlobalIdHeader").is_some() {
        facts.put("headers", "");
        facts.values(agent, &["httpCallerIdHeader", "httpGlobalIdHeader"]);
    }
    facts.directories();
}

/// Whether the file with the dali in it is not generated since there is no such dali, or it runs nowhere.
/// Configgen does not say so but leaves the file out. Only agents must have a dali.
pub(super) fn is_refused(source: &Source<'_>, component: &Element) -> bool {
    let name = value(component, "daliServers");
    if name.is_empty() {
        return component.name() == "EclAgentProcess";
    }
    let dali = source.named("DaliServerProcess", &name);
    let computer = dali
        .and_then(|dali| dali.children("Instance").find_map(|instance| instance.get("computer")));
    computer.is_none_or(|computer| computer.is_empty())
}

/// `eclccserver.xml`; `eclcc.ini` is always the same.
pub(super) fn ecl_cc_server(facts: &mut Facts<'_>, server: &Element) {
    if is_refused(facts.source, server) {
        facts.put("eclccserver.xml is refused", "no dali");
    }
    copied(facts, server, true);
    for option in server.children("Option").filter(|option| !value(option, "name").is_empty()) {
        facts.subtree_of_given(option);
    }
}

/// `eclscheduler.xml`.
pub(super) fn ecl_scheduler(facts: &mut Facts<'_>, scheduler: &Element) {
    copied(facts, scheduler, false);
    facts.directories();
}

/// `toposerver.xml` of 10.x.
pub(super) fn topo_server(facts: &mut Facts<'_>, server: &Element) {
    copied(facts, server, false);
    facts.directories();
    for child in server.elements().filter(|child| child.name() != "Instance") {
        facts.subtree(child);
    }
    for tracing in facts.source.tagged("tracing") {
        facts.subtree(tracing);
    }
}

/// All attributes but two, the dali resolved.
fn copied(facts: &mut Facts<'_>, element: &Element, translates_log: bool) {
    let mut except = vec!["buildSet", "description", "daliServers"];
    if translates_log {
        except.push("logDir");
        let log = facts.path(&value(element, "logDir"));
        if !log.is_empty() {
            facts.put(format!("attribute {}/@logDir", element.name()), log);
        }
    }
    facts.all_given(element, &except);
    if !value(element, "daliServers").is_empty() {
        facts.dali(element);
    }
}

/// `sashaconf.xml`.
pub(super) fn sasha(facts: &mut Facts<'_>, sasha: &Element) {
    facts.dali(sasha);
    let log = value(sasha, "logDir");
    let log = if facts.is_linux() { log.replace('\\', "/") } else { facts.path(&log) };
    facts.put("attribute SashaServerProcess/@logDir", log);
    facts.flags(sasha, &["enableSNMP", "enableSysLog", "snmpSendWarnings", "xrefEclWatchProvider"]);
    facts.directories();
    facts.values(
        sasha,
        &[
            "name",
            "autoRestartInterval",
            "LDSroot",
            "WUlimit",
            "WUcutoff",
            "WUbackup",
            "WUinterval",
            "WUat",
            "WUduration",
            "WUthrottle",
            "WUretryinterval",
            "keepResultFiles",
            "DFUrecoveryLimit",
            "DFUrecoveryCutoff",
            "DFUrecoveryInterval",
            "DFUrecoveryAt",
            "DFUWUlimit",
            "DFUWUcutoff",
            "DFUWUinterval",
            "DFUWUat",
            "DFUWUduration",
            "DFUWUthrottle",
            "cachedWUlimit",
            "cachedWUinterval",
            "cachedWUat",
            "coalesceInterval",
            "coalesceAt",
            "minDeltaSize",
            "recoverDeltaErrors",
            "xrefInterval",
            "xrefAt",
            "xrefList",
            "xrefCutoff",
            "xrefMaxScanThreads",
            "xrefMaxMemory",
            "ExpiryInterval",
            "ExpiryAt",
            "thorQMonQueues",
            "thorQMonInterval",
            "thorQMonSwitchMinTime",
            "dafsmonInterval",
            "dafsmonAt",
            "dafsmonList",
        ],
    );
    facts.given(sasha, &["suspendCoalescerDuringXref", "PersistExpiryDefault", "ExpiryDefault"]);
}

/// `spark-hpcc-env.sh`; `spark-defaults.conf` is always the same.
pub(super) fn spark(facts: &mut Facts<'_>, spark: &Element) {
    facts.present(
        spark,
        &[
            "SPARK_EXECUTOR_CORES",
            "SPARK_EXECUTOR_MEMORY",
            "SPARK_MASTER_WEBUI_PORT",
            "SPARK_MASTER_PORT",
            "SPARK_WORKER_CORES",
            "SPARK_WORKER_MEMORY",
            "SPARK_WORKER_PORT",
            "ThorClusterName",
        ],
    );
    facts.values(spark, &["name"]);
    if let Some(address) = spark.children("Instance").find_map(|one| one.get("netAddress")) {
        facts.put("address of the spark master", address);
    }
    let name = value(spark, "ThorClusterName");
    for thor in facts.source.tagged("ThorCluster").iter().filter(|t| value(t, "name") == name) {
        facts.dali(thor);
    }
}

/// `.ldaprc`.
pub(super) fn ldap(facts: &mut Facts<'_>, ldap: &Element) {
    let first = ldap.child("Instance").map(|one| value(one, "netAddress"));
    facts.put("address of the LDAP server", first.unwrap_or_default());
    facts.values(
        ldap,
        &[
            "filesBasedn",
            "resourcesBasedn",
            "sudoersBasedn",
            "systemBasedn",
            "usersBasedn",
            "workunitsBasedn",
            "sharedCache",
        ],
    );
}

/// The address of the service that a client talks to.
pub(super) fn client(facts: &mut Facts<'_>, client: &Element) {
    let server = value(client, "server");
    facts.values(client, &["server"]);
    let Some((esp, binding)) = server.split_once('/') else { return };
    let Some(esp) = facts.source.named("EspProcess", esp) else { return };
    let first = esp.child("Instance").map(|one| facts.source.address_of(one));
    facts.put("address of the esp", first.unwrap_or_default());
    if let Some(binding) = esp.children("EspBinding").find(|one| value(one, "name") == binding) {
        facts.values(binding, &["protocol", "port"]);
    }
}
