//! Facts about LDAP, security managers and the rights of a binding.

use super::facts::Facts;
use super::source::value;
use crate::tree::Element;

/// Dali's part of LDAP.
pub(super) fn dali(facts: &mut Facts<'_>, dali: &Element) {
    facts.present(
        dali,
        &[
            "ldapProtocol",
            "authMethod",
            "maxConnections",
            "filesDefaultUser",
            "filesDefaultPassword",
            "reqSignatureExpiry",
            "allowedClockVariance",
        ],
    );
    facts.values(dali, &["checkScopeScans"]);
    let name = value(dali, "ldapServer");
    let Some(server) = facts.source.named("LDAPServerProcess", &name) else { return };
    facts.values(
        server,
        &[
            "filesBasedn",
            "groupsBasedn",
            "modulesBasedn",
            "sudoersBasedn",
            "usersBasedn",
            "workunitsBasedn",
            "serverType",
        ],
    );
    if server.child("Instance").is_some() {
        addresses(facts, server);
    } else {
        facts.put("address of the LDAP server", facts.source.address(&value(server, "computer")));
    }
    facts.present(
        server,
        &[
            "ldapPort",
            "ldapSecurePort",
            "ldapTimeoutSecs",
            "cacheTimeout",
            "workunitsBasedn",
            "modulesBasedn",
            "systemBasedn",
            "systemCommonName",
            "systemUser",
            "systemPassword",
            "usersBasedn",
            "groupsBasedn",
            "viewsBasedn",
            "serverType",
        ],
    );
}

fn addresses(facts: &mut Facts<'_>, server: &Element) {
    for instance in server.children("Instance").filter(|one| one.attribute("name").is_some()) {
        facts.put("address of the LDAP server", facts.source.address_of(instance));
    }
}

/// An esp's part of LDAP: all that the server says about itself.
pub(super) fn esp_ldap(facts: &mut Facts<'_>, name: &str) {
    for server in facts.source.tagged("LDAPServerProcess") {
        if value(server, "name") == name {
            addresses(facts, server);
            let unread = [
                "ldapAuthMethod",
                "ldapConnections",
                "build",
                "buildSet",
                "name",
                "computer",
                "modulesBasedn",
                "resourcesBasedn",
            ];
            facts.all_given(server, &unread);
            // The branch of modules stands in for that of resources.
            let mut branches =
                ["resourcesBasedn", "modulesBasedn"].into_iter().map(|name| value(server, name));
            let branch = branches.find(|branch| !branch.is_empty()).unwrap_or_default();
            facts.put("attribute LDAPServerProcess/@resourcesBasedn", branch);
            if server.child("Instance").is_none() {
                let address = facts.source.address(&value(server, "computer"));
                facts.put("address of the LDAP server", address);
            } else {
                facts.given(server, &["computer"]);
            }
        }
    }
}

/// The security managers that an esp's bindings name.
pub(super) fn managers(facts: &mut Facts<'_>, esp: &Element) {
    let mut seen = Vec::new();
    for binding in esp.children("EspBinding") {
        let name = value(binding, "type");
        if name.is_empty() || seen.contains(&name) {
            continue;
        }
        facts.put("SecurityManager", &*name);
        for manager in facts.source.software() {
            if value(manager, "name") == name && value(manager, "type") == "SecurityManager" {
                facts.subtree(manager);
            }
        }
        seen.push(name);
    }
}

/// Whose rules a service takes for the rights of its bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// ECL Watch: a family of services, each with its own features; the first has them all.
    EclWatch,
    /// A service that takes its own features only.
    Own,
    /// As [`Rules::Own`], but all features with a security manager.
    Generic,
    /// Everything that the binding says.
    All,
}

/// Services that ECL Watch is made of, as features name them.
const FAMILY: [&str; 14] = [
    "ws_workunits",
    "ws_topology",
    "ws_dfu",
    "ws_dfuxref",
    "ws_fs",
    "ws_fileio",
    "ws_packageprocess",
    "ws_roxiequery",
    "ws_machine",
    "ws_account",
    "ws_access",
    "ws_config",
    "ws_esdlconfig",
    "ws_store",
];

/// The rights of a binding under the esp's method; `service` is the service's own name for features.
pub(super) fn rights(
    facts: &mut Facts<'_>,
    binding: &Element,
    method: &str,
    rules: Rules,
    service: &str,
) {
    let manager = method == "secmgrPlugin";
    match method {
        "basic" => {
            facts.put("authentication", "basic");
            for one in binding.children("Authenticate").filter(|one| !value(one, "path").is_empty())
            {
                facts.values(one, &["path"]);
            }
            return;
        }
        "ldap" | "ldaps" => facts.put("authentication", "ldap"),
        "secmgrPlugin" => facts.put("authentication", value(binding, "type")),
        _ => return,
    }
    match rules {
        Rules::All => facts.present(binding, &["resourcesBasedn"]),
        Rules::Generic => facts.given(binding, &["resourcesBasedn", "serverType"]),
        Rules::EclWatch | Rules::Own => facts.given(binding, &["resourcesBasedn"]),
    }
    for one in binding.children("Authenticate") {
        let path = value(one, "path");
        let taken = match rules {
            Rules::All => !path.is_empty(),
            Rules::Generic if manager => true,
            _ => path == "/",
        };
        if taken {
            facts.put("Authenticate", if rules == Rules::All { &*path } else { "/" });
            facts.values(one, &["resource", "access", "description"]);
        }
    }
    for (tag, flag, names) in [
        (
            "AuthenticateFeature",
            "authenticate",
            &["name", "path", "resource", "access", "description"][..],
        ),
        ("AuthenticateSetting", "include", &["path", "resource", "description"][..]),
    ] {
        for one in binding.children(tag).filter(|one| value(one, flag) == "Yes") {
            let own = value(one, "service");
            let taken = match rules {
                Rules::EclWatch | Rules::All => true,
                Rules::Generic if manager => true,
                Rules::Own | Rules::Generic => own == service,
            };
            if !taken {
                continue;
            }
            facts.put(tag, value(one, "path"));
            facts.values(one, names);
            if rules == Rules::EclWatch {
                let of = if FAMILY.contains(&&*own) { &*own } else { "" };
                facts.put("service of the right", of);
                if value(one, "path").starts_with("MachineInfoAccess") {
                    for child in one.elements() {
                        facts.subtree(child);
                    }
                }
            }
        }
    }
}
