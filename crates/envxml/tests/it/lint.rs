//! What lint finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use envxml::Document;
use envxml::lint::{Finding, LintOptions, PodRole, Rule, Severity, Target, lint};

use crate::data::shared;
use mutants::{MUTANTS, Mutant, ON_PODS};

mod mutants;

const SMALL: &str = include_str!("../fixtures/small.xml");

/// The computers of the small cluster with their addresses.
const MACHINES: [(&str, &str); 6] = [
    ("support", "10.8.0.1"),
    ("web", "10.8.0.2"),
    ("roxie-a", "10.8.1.1"),
    ("roxie-b", "10.8.1.2"),
    ("thor-a", "10.8.2.1"),
    ("thor-b", "10.8.2.2"),
];

/// The small cluster on pods with stable names.
fn on_pods() -> String {
    MACHINES.iter().fold(SMALL.to_owned(), |text, (name, address)| {
        text.replace(&format!("\"{address}\""), &format!("\"{name}-0.hpcc\""))
    })
}

fn kubernetes() -> LintOptions {
    // It is found on every Roxie.
    let disabled = BTreeSet::from([Rule::RoxieUdpBuffers]);
    LintOptions { target: Target::Kubernetes, disabled, pods: None }
}

#[expect(clippy::unwrap_used, reason = "the texts of the tests are XML")]
fn find(text: &str, options: &LintOptions) -> Vec<Finding> {
    lint(&Document::parse(text).unwrap(), options)
}

/// The findings of a mutant; the swaps must fit.
fn findings(text: &str, mutant: &Mutant, options: &LintOptions) -> Vec<Finding> {
    let mutated = mutant.swaps.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{}: {from} is not there", mutant.rule);
        text.replace(from, to)
    });
    find(&mutated, options)
}

fn shown(findings: &[Finding]) -> String {
    findings.iter().flat_map(|finding| [finding.to_string(), "\n".into()]).collect()
}

#[test]
fn the_small_cluster_has_no_fault() {
    assert_eq!(shown(&find(SMALL, &LintOptions::default())), "");
    assert_eq!(shown(&find(&on_pods(), &kubernetes())), "");
}

#[test]
fn each_mutant_breaks_its_rule_and_no_other() {
    let mut rules = BTreeSet::from([
        // These have tests of their own.
        Rule::IdleBackupnode,
        Rule::RoxieUdpBuffers,
        Rule::RoleAgainstPod,
        Rule::AddressWithoutPod,
        Rule::PodWithoutComputer,
    ]);
    let (mut text, mut wrong) = (Vec::new(), Vec::new());
    let pods = on_pods();
    for (base, mutants, options) in
        [(SMALL, MUTANTS, LintOptions::default()), (&pods, ON_PODS, kubernetes())]
    {
        for mutant in mutants {
            let findings = findings(base, mutant, &options);
            let broken: BTreeSet<Rule> = findings.iter().map(|finding| finding.rule).collect();
            let there = findings.iter().any(|finding| finding.path == mutant.path);
            if broken != BTreeSet::from([mutant.rule]) || !there {
                let (rule, path) = (mutant.rule, mutant.path);
                wrong.push(format!("{rule} at {path}:\n{}", shown(&findings)));
            }
            rules.insert(mutant.rule);
            text.push(shown(&findings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: BTreeSet<Rule> = Rule::ALL.iter().copied().collect();
    assert_eq!(all.difference(&rules).collect::<Vec<_>>(), Vec::<&Rule>::new(), "without a mutant");
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_rule_that_is_disabled_finds_nothing() {
    for mutant in MUTANTS {
        let disabled = BTreeSet::from([mutant.rule]);
        let options = LintOptions { disabled, ..LintOptions::default() };
        assert_eq!(shown(&findings(SMALL, mutant, &options)), "");
    }
}

#[test]
fn rules_for_pods_are_silent_on_hosts() {
    let pods = on_pods();
    for mutant in ON_PODS {
        assert_eq!(shown(&findings(&pods, mutant, &LintOptions::default())), "");
    }
}

#[test]
fn every_path_names_its_element_and_every_position_its_line() {
    for mutant in MUTANTS {
        let mutated = mutant.swaps.iter().fold(SMALL.to_owned(), |text, (a, b)| text.replace(a, b));
        let document = Document::parse(&mutated).unwrap();
        for finding in lint(&document, &LintOptions::default()) {
            let path: envxml::tree::XPath = finding.path.parse().unwrap();
            let found = document.root.select(&path);
            assert_eq!(found.len(), 1, "{}", finding.path);
            let attribute = path.attribute.as_ref().and_then(|name| found[0].attribute(name));
            let position = attribute.map_or(found[0].position(), envxml::tree::Attribute::position);
            assert_eq!(finding.position, position, "{}", finding.path);
        }
    }
}

#[test]
fn an_idle_backupnode_without_any_thor_is_no_fault() {
    let text = "<Environment><Programs><Build name='b'><BuildSet name='backupnode'/></Build></Programs>\
                <Software><Directories name='d'/><BackupNodeProcess name='n' build='b' buildSet='backupnode'>\
                <NodeGroup name='mythor'/></BackupNodeProcess></Software></Environment>";
    insta::assert_snapshot!(shown(&find(text, &LintOptions::default())));
}

#[test]
fn roxie_on_pods_tells_the_buffers_that_nodes_must_allow() {
    let options = LintOptions { target: Target::Kubernetes, ..LintOptions::default() };
    let text =
        on_pods().replace("numChannels=", "udpLocalWriteSocketSize=\"1024000\" numChannels=");
    insta::assert_snapshot!(shown(&find(&text, &options)));
}

fn pod(role: &str, cluster: Option<&str>) -> PodRole {
    PodRole { role: role.into(), cluster: cluster.map(Into::into) }
}

#[test]
fn roles_are_compared_with_the_labels_of_pods() {
    let roles = [
        ("support", pod("support", None)),
        ("web", pod("esp", Some("esp"))),
        ("roxie-a", pod("roxie", Some("myroxie"))),
        ("roxie-b", pod("thor_roxie", None)),
        ("thor-a", pod("thor", Some("thor"))),
        ("thor-b", pod("node", None)),
    ];
    let pods = roles.map(|(name, pod)| (format!("{name}-0.hpcc"), pod));
    let find_with = |pods: BTreeMap<String, PodRole>| {
        let mut options = kubernetes();
        options.pods = Some(pods);
        shown(&find(&on_pods(), &options))
    };
    // The drop zone and the backup node are where nobody minds.
    let fitting = BTreeMap::from(pods);
    assert_eq!(find_with(fitting.clone()), "");
    let mut wrong = fitting;
    wrong.insert("roxie-a-0.hpcc".into(), pod("thor", None));
    wrong.insert("thor-a-0.hpcc".into(), pod("thor", Some("other")));
    wrong.remove("web-0.hpcc");
    wrong.insert("new-0.hpcc".into(), pod("thor", Some("thor")));
    insta::assert_snapshot!(find_with(wrong));
}

/// Goldens in which nothing is wrong.
const SOUND: [&str; 12] = [
    "01-single",
    "03-assign",
    "04-target",
    "05-slaves4",
    "06-noroxieondemand",
    "08-nothor",
    "09-range",
    "11-support0",
    "13-dali-assign",
    "17-ipv6",
    "18-esp0",
    "25-big",
];

#[test]
fn sound_goldens_have_no_error_and_no_warning() {
    let Some(folder) = shared("envgen", "sound_goldens_have_no_error_and_no_warning") else {
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let case = name.split_once('-').map_or("", |(_, rest)| rest.trim_end_matches(".xml"));
        let sound = SOUND.contains(&case) || name.starts_with("sample-4");
        if sound && path.extension().is_some_and(|extension| extension == "xml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut findings = find(&text, &LintOptions::default());
            findings.retain(|finding| finding.severity > Severity::Info);
            assert_eq!(shown(&findings), "", "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 23, "only {seen} files");
}

#[test]
fn a_slave_on_a_roxie_machine_is_found_in_the_goldens() {
    let Some(folder) = shared("envgen", "a_slave_on_a_roxie_machine_is_found_in_the_goldens")
    else {
        return;
    };
    for name in ["72-02-ipfile-legacy", "head-02-ipfile-legacy", "72-14-dup-lastoctets"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.xml"))).unwrap();
        let findings = find(&text, &LintOptions::default());
        assert!(findings.iter().any(|finding| finding.rule == Rule::ThorSlaveOnRoxie), "{name}");
    }
}

#[test]
fn no_environment_is_too_broken() {
    for text in [
        "<Environment/>",
        "<Other/>",
        "<Environment><Hardware/><Software/></Environment>",
        "<Environment><Hardware><Computer/><Computer/></Hardware><Software><ThorCluster><ThorSlaveProcess/>\
         <ThorMasterProcess/></ThorCluster><RoxieCluster><RoxieServerProcess/></RoxieCluster><EspProcess>\
         <Instance/><EspBinding/></EspProcess><Topology><Cluster><ThorCluster/></Cluster></Topology>\
         <BackupNodeProcess><NodeGroup/><Instance/></BackupNodeProcess><DropZone><ServerList/></DropZone>\
         <Directories><Category><Override/></Category></Directories></Software></Environment>",
    ] {
        for target in [Target::Host, Target::Kubernetes] {
            let options =
                LintOptions { target, pods: Some(BTreeMap::new()), ..LintOptions::default() };
            let document = Document::parse(text).unwrap();
            for finding in lint(&document, &options) {
                let path: envxml::tree::XPath = finding.path.parse().unwrap();
                assert_eq!(document.root.select(&path).len(), 1, "{}", finding.path);
            }
        }
    }
}

#[test]
fn a_finding_is_json_with_its_place() {
    let findings = findings(SMALL, &MUTANTS[1], &LintOptions::default());
    insta::assert_snapshot!(serde_json::to_string_pretty(&findings).unwrap());
}

#[test]
fn the_page_about_the_rules_has_the_table_of_the_code() {
    let page = include_str!("../../../../docs/hpcc-lint.md");
    let mut table =
        String::from("| rule | severity | target | what is found |\n|---|---|---|---|\n");
    for rule in Rule::ALL {
        let target = match rule.target() {
            Target::Host => "any",
            Target::Kubernetes => "kubernetes",
        };
        let (severity, description) = (rule.severity(), rule.description());
        let _ = writeln!(table, "| `{rule}` | {severity} | {target} | {description} |");
        assert_eq!(rule.name().parse::<Rule>().unwrap(), *rule);
    }
    assert!(page.contains(&table), "docs/hpcc-lint.md needs this table:\n{table}");
}
