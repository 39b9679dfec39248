//! Kinds of components: short names, build sets, tags, and what their nodes look like.

use super::{Category, NodePart, Problem, Subject};
use crate::tree::Element;

/// A kind of component in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) category: Category,
    pub(super) tag: String,
    /// The build set; `None` when the kind was named by a tag that several build sets share.
    pub(super) build_set: Option<String>,
}

/// Short names, in lower case, with build set and tag.
const SHORT: &[(&str, &str, &str)] = &[
    ("agent", "eclagent", "EclAgentProcess"),
    ("backup", "backupnode", "BackupNodeProcess"),
    ("backupnode", "backupnode", "BackupNodeProcess"),
    ("cassandra", "cassandraloggingagent", "CassandraLoggingAgent"),
    ("dafile", "dafilesrv", "DafilesrvProcess"),
    ("dafilesrv", "dafilesrv", "DafilesrvProcess"),
    ("dali", "dali", "DaliServerProcess"),
    ("dalisrv", "dali", "DaliServerProcess"),
    ("dfu", "dfuserver", "DfuServerProcess"),
    ("dfuserver", "dfuserver", "DfuServerProcess"),
    ("dfusrv", "dfuserver", "DfuServerProcess"),
    ("dropzone", "DropZone", "DropZone"),
    ("dynamicesdl", "DynamicESDL", "EspService"),
    ("eclagent", "eclagent", "EclAgentProcess"),
    ("eclcc", "eclccserver", "EclCCServerProcess"),
    ("eclccserver", "eclccserver", "EclCCServerProcess"),
    ("eclccsrv", "eclccserver", "EclCCServerProcess"),
    ("eclplus", "eclplus", "EclPlusProcess"),
    ("eclsch", "eclscheduler", "EclSchedulerProcess"),
    ("eclscheduler", "eclscheduler", "EclSchedulerProcess"),
    ("eclwatch", "espsmc", "EspService"),
    ("esdl", "DynamicESDL", "EspService"),
    ("esp", "esp", "EspProcess"),
    ("esplogging", "esploggingagent", "ESPLoggingAgent"),
    ("espsmc", "espsmc", "EspService"),
    ("espsvc", "", "EspService"),
    ("fts", "ftslave", "FTSlaveProcess"),
    ("ftslave", "ftslave", "FTSlaveProcess"),
    ("ldap", "ldapServer", "LDAPServerProcess"),
    ("ldapserver", "ldapServer", "LDAPServerProcess"),
    ("loggingmanager", "loggingmanager", "LoggingManager"),
    ("loggingmgr", "loggingmanager", "LoggingManager"),
    ("roxie", "roxie", "RoxieCluster"),
    ("sasha", "sasha", "SashaServerProcess"),
    ("sashasrv", "sasha", "SashaServerProcess"),
    ("sch", "eclscheduler", "EclSchedulerProcess"),
    ("scheduler", "eclscheduler", "EclSchedulerProcess"),
    ("service", "", "EspService"),
    ("spark", "sparkthor", "SparkThorProcess"),
    ("sparkthor", "sparkthor", "SparkThorProcess"),
    ("thor", "thor", "ThorCluster"),
    ("topo", "topology", "Topology"),
    ("topology", "topology", "Topology"),
    ("ws_ecl", "ws_ecl", "EspService"),
    ("wsecl", "ws_ecl", "EspService"),
    ("ws_sql", "ws_sql", "EspService"),
    ("wssql", "ws_sql", "EspService"),
    ("wslogging", "wslogging", "EspService"),
];

const HARDWARE: &[(&str, &str)] = &[
    ("cmpt", "Computer"),
    ("computer", "Computer"),
    ("computertype", "ComputerType"),
    ("domain", "Domain"),
    ("switch", "Switch"),
];

impl Kind {
    /// The kind that a subject names in an environment.
    pub(super) fn of(subject: &Subject, root: &Element) -> Result<Self, Problem> {
        let lower = subject.component.to_ascii_lowercase();
        let found = match subject.category {
            Category::Hardware => HARDWARE
                .iter()
                .find(|(short, _)| *short == lower)
                .map(|(_, tag)| ((*tag).to_owned(), None)),
            Category::Programs => (lower == "buildset").then(|| ("BuildSet".to_owned(), None)),
            Category::Software => software(&lower, root),
        };
        let Some((tag, build_set)) = found else {
            let known: Vec<&str> = match subject.category {
                Category::Hardware => HARDWARE.iter().map(|(short, _)| *short).collect(),
                Category::Programs => vec!["buildset"],
                Category::Software => SHORT.iter().map(|(short, _, _)| *short).collect(),
            };
            let like = diagnostics::nearest(&lower, known.iter().copied()).map(str::to_owned);
            return Err(Problem::UnknownComponent { component: subject.component.clone(), like });
        };
        Ok(Self { category: subject.category, tag, build_set })
    }

    /// Whether an element below `Software` is of this kind.
    pub(super) fn fits(&self, element: &Element) -> bool {
        if element.name() != self.tag {
            return false;
        }
        // Services share one tag.
        self.tag != "EspService"
            || self.build_set.as_ref().is_none_or(|wanted| {
                element.get("buildSet").is_none_or(|has| has.eq_ignore_ascii_case(wanted))
            })
    }

    /// The tag of a node.
    pub(super) fn node_tag(&self, part: Option<NodePart>) -> &'static str {
        match (self.tag.as_str(), part) {
            ("ThorCluster", Some(NodePart::Master)) => "ThorMasterProcess",
            ("ThorCluster", _) => "ThorSlaveProcess",
            ("RoxieCluster", _) => "RoxieServerProcess",
            ("DropZone", _) => "ServerList",
            _ => "Instance",
        }
    }

    /// All tags of nodes.
    pub(super) fn node_tags(&self) -> &'static [&'static str] {
        match self.tag.as_str() {
            "ThorCluster" => &["ThorMasterProcess", "ThorSlaveProcess", "ThorSpareProcess"],
            "RoxieCluster" => &["RoxieServerProcess"],
            "DropZone" => &["ServerList"],
            _ => &["Instance"],
        }
    }
}

/// Tag and build set of a component below `Software`.
fn software(lower: &str, root: &Element) -> Option<(String, Option<String>)> {
    if let Some((_, build_set, tag)) = SHORT.iter().find(|(short, _, _)| *short == lower) {
        let build_set = (!build_set.is_empty()).then(|| (*build_set).to_owned());
        return Some(((*tag).to_owned(), build_set));
    }
    let by_tag = SHORT.iter().find(|(_, _, tag)| tag.eq_ignore_ascii_case(lower));
    if let Some((_, build_set, tag)) = by_tag {
        let build_set = (*tag != "EspService").then(|| (*build_set).to_owned());
        return Some(((*tag).to_owned(), build_set));
    }
    let build_sets = root
        .children("Programs")
        .flat_map(|programs| programs.children("Build"))
        .flat_map(|build| build.children("BuildSet"));
    for build_set in build_sets {
        if let (Some(name), Some(tag)) = (build_set.get("name"), build_set.get("processName"))
            && (name.eq_ignore_ascii_case(lower) || tag.eq_ignore_ascii_case(lower))
        {
            return Some((tag.into_owned(), Some(name.into_owned())));
        }
    }
    let software = root.child("Software")?;
    let alike = software.elements().find(|e| {
        e.name().eq_ignore_ascii_case(lower)
            || e.get("buildSet").is_some_and(|set| set.eq_ignore_ascii_case(lower))
    })?;
    Some((alike.name().to_owned(), alike.get("buildSet").map(std::borrow::Cow::into_owned)))
}

/// The tag that a short name of a process stands for, or the name itself.
pub(super) fn process_tag(name: &str, root: &Element) -> String {
    software(&name.to_ascii_lowercase(), root).map_or_else(|| name.to_owned(), |(tag, _)| tag)
}
