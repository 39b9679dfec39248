//! Facts of the services that an esp binds.

use super::facts::Facts;
use super::order;
use super::security::{Rules, rights};
use super::source::value;
use crate::tree::Element;

/// Attributes of ECL Watch that are used when they are not empty.
const WATCH_GIVEN: [&str; 16] = [
    "ActivityInfoCacheSeconds",
    "enableLogDaliConnection",
    "warnIfCpuLoadOver",
    "warnIfFreeStorageUnder",
    "warnIfFreeMemoryUnder",
    "enableRoxieOnDemand",
    "allowNewRoxieOnDemandQuery",
    "enableSystemUseRewrite",
    "processesInPreflightCheck",
    "viewTimeout",
    "clusterQueryStateThreadPoolSize",
    "AWUsCacheTimeout",
    "syntaxCheckQueue",
    "NodeGroupCacheMinutes",
    "disableUppercaseTranslation",
    "MachineUsageCacheMinutes",
];

/// All services in the order of the first binding of each.
pub(super) fn services(facts: &mut Facts<'_>, esp: &Element, process: &str, method: &str) {
    let mut seen = Vec::new();
    for binding in esp.children("EspBinding") {
        let name = value(binding, "service");
        if seen.contains(&name) {
            continue;
        }
        if let Some(service) = facts.source.named("EspService", &name) {
            facts.put("service", &*name);
            for binding in esp.children("EspBinding").filter(|one| value(one, "service") == name) {
                bound(facts, esp, process, service, binding, method);
            }
        }
        seen.push(name);
    }
}

/// A service at one binding.
fn bound(
    facts: &mut Facts<'_>,
    esp: &Element,
    process: &str,
    service: &Element,
    binding: &Element,
    method: &str,
) {
    let types: Vec<_> = service.children("Properties").map(|one| value(one, "type")).collect();
    let is = |wanted: &str| types.iter().any(|kind| kind == wanted);
    let set = value(service, "buildSet");
    let rules = match &*set {
        "espsmc" if is("WsSMC") => {
            watch(facts, esp, service);
            (Rules::EclWatch, "ws_smc".into())
        }
        "ws_sql" if is("ws_sql") => (Rules::Own, "ws_sql".into()),
        "ws_store" if is("ws_store") => {
            facts.present(service, &["StoreProviderLibraryName"]);
            facts.values(service, &["StoreProviderFactoryMethod"]);
            for store in service.children("Store") {
                facts.subtree(store);
            }
            (Rules::Own, "ws_store".into())
        }
        // Without the right type these services leave nothing.
        "espsmc" | "ws_sql" | "ws_store" => return,
        "DynamicESDL" => {
            facts.values(service, &["name", "namespaceBase", "namespaceScheme"]);
            properties(facts, service, binding);
            logging(facts, service);
            (Rules::Generic, types.first().cloned().unwrap_or_default())
        }
        set if known(set) => {
            properties(facts, service, binding);
            let kind = types.first().cloned().unwrap_or_default();
            generic(facts, service, &kind);
            (Rules::Generic, kind)
        }
        _ => return,
    };
    facts.put("EspBinding", value(binding, "name"));
    facts.values(binding, &["protocol", "port"]);
    rights(facts, binding, method, rules.0, &rules.1);
    if let Some(origin) = origin(esp, process, binding) {
        facts.present(origin, &["wsdlServiceAddress", "defaultServiceVersion"]);
        let default = origin.attribute("defaultForPort").is_some_and(|one| one.value() != "false");
        facts.put("attribute EspBinding/@defaultForPort", default.to_string());
        for parameter in origin.children("CustomBindingParameter") {
            facts.subtree(parameter);
        }
        if matches!(method, "basic" | "ldap" | "ldaps" | "secmgrPlugin") {
            facts.given(origin, &["workunitsBasedn"]);
        }
    }
}

/// Services whose files come from the same transformation as those of `ws_ecl`.
fn known(set: &str) -> bool {
    !matches!(
        set,
        "" | "esp_wubilling"
            | "espadl"
            | "ws_log"
            | "ws_notify"
            | "WsSAML"
            | "WsScreening"
            | "WsXForm"
    )
}

/// The binding of the environment from which a generated binding takes what it lacks: the one with whose
/// name its own name ends. When several do, none is found.
fn origin<'e>(esp: &'e Element, process: &str, binding: &Element) -> Option<&'e Element> {
    let generated = format!("x_{}_{process}", value(binding, "name"));
    let mut found = String::new();
    for one in esp.children("EspBinding") {
        let mangled = format!("_{}_{process}", value(one, "name"));
        if generated.split_once(&mangled).is_some_and(|(_, after)| after.is_empty()) {
            found.push_str(&value(one, "name"));
        }
    }
    esp.children("EspBinding").find(|one| value(one, "name") == found)
}

/// ECL Watch.
fn watch(facts: &mut Facts<'_>, esp: &Element, service: &Element) {
    facts.given(service, &WATCH_GIVEN);
    facts.values(service, &["pluginsPath"]);
    facts.given(service, &["clusterName", "monitorDaliFileServer", "excludePartitions"]);
    facts.present(
        service,
        &[
            "integrateKibana",
            "kibanaAddress",
            "kibanaPort",
            "kibanaEntryPointURI",
            "reportElasticHealth",
            "elasticSearchAddresses",
            "elasticSearchPort",
            "reportLogStashHealth",
            "logStashAddresses",
            "logStashPort",
        ],
    );
    let target = value(service, "defaultTargetCluster");
    if !target.is_empty() {
        facts.values(service, &["defaultTargetCluster"]);
        let mut clusters = facts.source.topologies().flat_map(|one| one.children("Cluster"));
        let cluster =
            clusters.find(|one| value(one, "name") == target && one.attribute("prefix").is_some());
        let prefix = cluster.map(|one| value(one, "prefix"));
        facts.put("prefix of the default target cluster", prefix.unwrap_or_default());
    }
    let archive = value(service, "serverForArchivedECLWU");
    if !archive.is_empty() {
        let sasha = facts.source.named("SashaServerProcess", &archive);
        for name in ["netAddress", "port"] {
            let mut instances = sasha.into_iter().flat_map(|one| one.children("Instance"));
            let first = instances.find_map(|one| one.get(name)).unwrap_or_default();
            facts.put(format!("{name} of sasha"), first);
        }
    }
    if !value(service, "ZAPEmailServer").is_empty() {
        facts.values(
            service,
            &[
                "ZAPEmailServer",
                "ZAPEmailTo",
                "ZAPEmailFrom",
                "ZAPEmailServerPort",
                "ZAPEmailMaxAttachmentSize",
            ],
        );
    }
    for properties in service.children("Properties") {
        for filters in properties.children("ProcessFilters") {
            process_filters(facts, filters);
        }
    }
    let servers: Vec<_> =
        esp.children("Authentication").filter_map(|one| one.get("ldapServer")).collect();
    if servers.iter().any(|name| !name.is_empty()) {
        let ldap = facts.source.tagged("LDAPServerProcess");
        let mut named = ldap.iter().filter(|one| servers.contains(&value(one, "name")));
        let files = named.find_map(|one| one.get("filesBasedn")).unwrap_or_default();
        facts.put("attribute LDAPServerProcess/@filesBasedn", files);
    }
    for other in facts.source.tagged("EspProcess") {
        let mut own = other.children("Authentication").filter_map(|one| one.get("ldapServer"));
        if own.any(|name| servers.contains(&name)) {
            for binding in other.children("EspBinding") {
                facts.put("resources of binding", value(binding, "name"));
                facts.values(binding, &["service", "port", "resourcesBasedn", "workunitsBasedn"]);
            }
        }
    }
}

/// Which processes a machine is asked about; names of processes are written in small letters.
fn process_filters(facts: &mut Facts<'_>, element: &Element) {
    facts.put("element", element.name());
    if element.name() == "Process" {
        let name = value(element, "name").to_ascii_lowercase();
        let name = name.split_once(".exe").map_or(name.as_str(), |(before, _)| before);
        facts.put("attribute Process/@name", name);
        facts.present(element, &["remove"]);
    } else {
        facts.all_given(element, &[]);
        for child in order::children(element) {
            process_filters(facts, child);
        }
    }
    facts.put("end of", element.name());
}

/// What the service's type says: the names of its library and binding.
fn properties(facts: &mut Facts<'_>, service: &Element, binding: &Element) {
    let Some(properties) = service.child("Properties") else { return };
    let protocol = value(binding, "protocol");
    let mut bindings = properties.children("Binding");
    let own =
        bindings.find(|one| value(one, "protocol") == protocol).and_then(|one| one.get("type"));
    let own = own.filter(|kind| !kind.is_empty());
    facts.put("type of the binding", own.unwrap_or_else(|| value(properties, "bindingType")));
    facts.values(properties, &["type", "plugin"]);
}

/// Services of a transformation for many.
fn generic(facts: &mut Facts<'_>, service: &Element, kind: &str) {
    facts.values(service, &["name"]);
    facts.given(
        service,
        &["maxWaitSecondsAllowed", "DefaultDataRestrictionMask", "adlLogDirectory", "FeatureFlags"],
    );
    match kind {
        "ws_ecl" => ecl(facts, service),
        "ws_account" | "ws_config" | "WsDeploy" => {}
        // Rare services of old installations: all that they say, so that no change is missed.
        _ => facts.subtree(service),
    }
}

fn ecl(facts: &mut Facts<'_>, service: &Element) {
    facts.given(
        service,
        &[
            "roxieTimeout",
            "httpCallerIdHeader",
            "httpGlobalIdHeader",
            "xsltMaxDepth",
            "xsltMaxVars",
        ],
    );
    // The transformation asks for a misspelled attribute and then writes the right one once more.
    let twice = !value(service, "workunitTimout").is_empty();
    facts.put("attribute EspService/@workunitTimout", twice.to_string());
    facts.values(service, &["workunitTimeout"]);
    for cluster in service.children("ProcessCluster") {
        if !value(cluster, "roxie").is_empty() && !value(cluster, "vip").is_empty() {
            facts.values(cluster, &["roxie", "vip"]);
            let send = cluster.get("sendTargetToRoxie").unwrap_or("true".into());
            facts.put("attribute ProcessCluster/@sendTargetToRoxie", send);
            let interval = cluster.get("dnsInterval").filter(|text| !text.is_empty());
            facts.put("attribute ProcessCluster/@dnsInterval", interval.unwrap_or("-1".into()));
        }
    }
    for target in service.children("Target") {
        facts.put("target", value(target, "name"));
    }
}

/// The logging manager of a service, and its agents: all that they say.
fn logging(facts: &mut Facts<'_>, service: &Element) {
    let name = value(service, "LoggingManager");
    if name.is_empty() {
        return;
    }
    let Some(manager) = facts.source.named("LoggingManager", &name) else { return };
    facts.subtree(manager);
    for agent in manager.children("ESPLoggingAgent") {
        let name = value(agent, "ESPLoggingAgent");
        for tag in ["ESPLoggingAgent", "WsLogServiceESPAgent"] {
            if let Some(agent) = facts.source.named(tag, &name) {
                facts.subtree(agent);
            }
        }
    }
}
