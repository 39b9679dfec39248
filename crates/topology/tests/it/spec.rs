//! `hpcc.yaml`: reading, checking, and the lines of what is wrong.

use diagnostics::yaml::{self, Places};
use diagnostics::{Source, render};
use topology::spec::{Component, EspService, MasterPlace, QueueKind, TopologySpec};
use topology::{ClusterName, ClusterSpec, HpccVersion};

const FULL: &str = "\
version: 7.2
support: {machines: 2}
thor:
  thor1:
    slaves: 3
    slavesPerNode: 2
    channelsPerSlave: 4
    nodeGroup: common
    master: own
    attributes: {replicateOutputs: true, umask: 022}
  thor2: {nodeGroup: common}
roxie:
  roxie1: {servers: 2, channelsPerSlave: 2, onDemand: false}
esp:
  esp1: {ports: {eclWatch: 18010}}
components:
  dali: {machines: 1, attributes: {environment: /etc/HPCCSystems/environment.xml}}
directories:
  log: /var/log/[NAME]/[INST]
overrides:
  - {buildSet: roxie, attribute: copyResources, value: true}
xpathAttributes:
  - {xpath: \"Software/EspProcess[@name='esp1']\", attribute: method, value: htpasswd}
topologies:
  t1: {thor: [thor1]}
  both: {thor: [thor1, thor2], roxie: [roxie1], eclccserver: myeclccserver}
  plain: {}
";

fn read(text: &str) -> ClusterSpec {
    yaml::read("hpcc.yaml", text).unwrap()
}

/// What a user sees of a file.
fn shown(text: &str) -> String {
    let source = Source { file: "hpcc.yaml", text };
    match yaml::read::<ClusterSpec>("hpcc.yaml", text) {
        Err(fault) => render(&[*fault.problem], &[source]),
        Ok(spec) => {
            let mut problems = spec.validate();
            Places::of("hpcc.yaml", text).unwrap().settle(&mut problems);
            render(&problems, &[source])
        }
    }
}

#[test]
fn a_full_file_is_read_and_is_right() {
    let spec = read(FULL);
    assert_eq!(spec.validate(), []);
    let name = |text: &str| text.parse::<ClusterName>().unwrap();
    let thor1 = &spec.thor[&name("thor1")];
    assert_eq!((thor1.slaves_per_node, thor1.channels_per_slave), (2, 4));
    assert_eq!(thor1.master, MasterPlace::Own);
    assert_eq!(thor1.attributes["replicateOutputs"], "true");
    assert_eq!(thor1.attributes["umask"], "022");
    assert_eq!(spec.thor[&name("thor2")].slaves_per_node, 1);
    assert!(!spec.roxie[&name("roxie1")].on_demand);
    assert_eq!(spec.esp[&name("esp1")].port(EspService::EclWatch), 18010);
    assert_eq!(spec.esp[&name("esp1")].port(EspService::WsEcl), 8002);
    assert_eq!(spec.components[&Component::Dali].machines, Some(1));
    assert_eq!(spec.version, Some("7.2".parse::<HpccVersion>().unwrap()));
    let kinds: Vec<QueueKind> = spec.topologies.values().map(TopologySpec::kind).collect();
    assert_eq!(kinds, [QueueKind::ThorRoxie, QueueKind::Hthor, QueueKind::Thor]);
    let required: Vec<String> =
        spec.required().iter().map(|(key, count)| format!("{key} {count}")).collect();
    assert_eq!(
        required,
        [
            "support 2",
            "dali 1",
            "roxie/roxie1 2",
            "thor-master/thor1 1",
            "thor-slave/thor1 3",
            "thor-slave/thor2 1"
        ]
    );
}

#[test]
fn what_is_read_can_be_written_and_read_again() {
    let spec = read(FULL);
    let text = serde_json::to_string_pretty(&spec).unwrap();
    assert_eq!(read(&text), spec);
    assert_eq!(read("{}"), ClusterSpec::default());
    assert_eq!(serde_json::to_string(&ClusterSpec::default()).unwrap(), "{}");
}

#[test]
fn the_example_of_the_documentation_is_right() {
    let page = include_str!("../../../../docs/hpcc-cluster.md");
    let (_, example) = page.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    assert_eq!(shown(example), "");
}

#[test]
fn a_cluster_of_which_nothing_is_said_but_its_name() {
    let spec = read("thor: {thor1: {}}\nroxie:\n  roxie1:\n");
    assert_eq!((spec.thor.len(), spec.roxie.len()), (1, 1));
}

#[test]
fn every_problem_is_named_with_its_line() {
    insta::assert_snapshot!(shown(
        "\
support: {machines: 0}
thor:
  thor1:
    slaves: 2
    slavesPerNode: 0
    attributes: {'@replicateOutputs': ture, nodeGroup: x, localThor: true}
  thor2: {nodeGroup: thor1, master: support}
roxie:
  thor1: {channelsPerSlave: 0, attributes: {roxieMulticastEnabled: true}}
esp:
  esp1: {servers: 0, ports: {eclWatch: 8002, wsSql: 0}}
components:
  dali: {machines: 2}
directories:
  log: var/log/hpcc
  data: /data/[NAME]
overrides:
  - {buildSet: '', attribute: 1st, value: x}
xpathAttributes:
  - {xpath: \"Software/EspProcess[@name='esp1]\", attribute: method, value: x}
  - {xpath: 'Software/Roxie[1]]', attribute: method, value: x}
topologies:
  t: {thor: [thor3, thor1, thor1], roxie: [thor1, roxie2], eclagent: ''}
"
    ));
}

#[test]
fn what_cannot_be_read_is_shown_with_its_line() {
    let mut all = String::new();
    for text in [
        "thor:\n  thor1: {slaves: 3, slavePerNode: 2}\n",
        "thor:\n  'thor 1': {}\n",
        "thor:\n  thor1: {slaves: -1}\n",
        "version: latest\n",
        "components: {esp: {}}\n",
        "esp: {esp1: {ports: {eclWatch: 70000}}}\n",
        "thor:\n  thor1: {}\n  thor1: {}\n",
    ] {
        all += &shown(text);
        all += "---\n";
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_a_component_is_known_by_is_no_attribute_to_be_set() {
    let said = shown("thor:\n  thor1:\n    attributes: {name: other}\n");
    assert!(said.starts_with("hpcc.yaml:3:18: error: "), "{said}");
    assert!(said.contains("name is what the component is known by"), "{said}");
}
