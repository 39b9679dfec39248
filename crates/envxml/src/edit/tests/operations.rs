//! What each operation changes.

use super::*;

fn file(arguments: &[&str]) -> String {
    changes(arguments, Style::File)
}

#[test]
fn a_node_comes_with_its_machine_and_that_ones_agents() {
    insta::assert_snapshot!(file(&["-add-node", "roxie#myroxie@ip=10.5.1.2"]));
}

#[test]
fn nodes_on_a_known_machine_add_no_machine() {
    insta::assert_snapshot!(file(&["-add-node", "thor#mythor:slave@ip=10.5.1.1;10.5.2.1"]));
}

#[test]
fn envgen2s_names_and_habits_can_be_asked_for() {
    insta::assert_snapshot!(changes(
        &["-add-node", "thor#mythor:slave@ipfile=ips", "-add-node", "dropzone#dz@ip=10.5.7.1"],
        Style::Envgen2
    ));
}

#[test]
fn a_new_thor_cluster_has_defaults_of_its_version_and_knows_its_master() {
    let (text, outcome) =
        edited(&["-add-node", "thor#thor2:master@ip=10.5.0.1:slave@ip=10.5.0.1"], Style::File);
    let document = Document::parse(&text).unwrap();
    let environment = crate::Environment::new(&document);
    let thor = environment.named("ThorCluster", "thor2").unwrap().element;
    let get = |name: &str| thor.get(name).unwrap_or_default().into_owned();
    assert_eq!(get("computer"), "node000001");
    assert_eq!(get("localThor"), "true");
    assert_eq!(get("daliServers"), "mydali");
    assert_eq!(get("build"), "7.2.20-1");
    assert_eq!(get("masterport"), "20000");
    assert!(thor.child("SwapNode").is_some());
    assert_eq!(outcome.warnings, []);
    assert!(outcome.applied.iter().all(|applied| applied.edit < 2));
}

#[test]
fn a_new_esp_offers_what_the_first_one_does_in_the_run_folder() {
    let (text, _) = edited(&["-add-node", "esp#esp2@ip=10.5.1.1"], Style::File);
    let document = Document::parse(&text).unwrap();
    let environment = crate::Environment::new(&document);
    let esp = environment.named("EspProcess", "esp2").unwrap();
    assert_eq!(esp.element.child("EspBinding").unwrap().get("port").unwrap(), "8010");
    let instance = esp.element.child("Instance").unwrap();
    assert_eq!(instance.get("directory").unwrap(), "/srv/HPCCSystems/esp2");
    assert_eq!(instance.get("name").unwrap(), "s1");
}

#[test]
fn a_component_like_another_has_its_values_and_no_nodes() {
    insta::assert_snapshot!(file(&["-add-node", "roxie#roxie2|myroxie@ip=10.5.2.1"]));
}

#[test]
fn a_second_node_of_an_esp_does_not_take_over_the_host_name() {
    insta::assert_snapshot!(file(&["-add-node", "esp#myesp@ip=10.5.1.1"]));
}

#[test]
fn the_dali_moves_and_the_replaced_machine_keeps_its_place() {
    insta::assert_snapshot!(file(&["-mod-node", "dali#mydali@ip=10.5.1.1"]));
    insta::assert_snapshot!(file(&["-mod-node", "roxie#myroxie@ip=10.5.1.9|10.5.1.1"]));
}

#[test]
fn a_thor_master_moves_with_what_the_cluster_says_of_it() {
    insta::assert_snapshot!(file(&["-mod-node", "thor#mythor:master@ip=10.5.2.1"]));
}

#[test]
fn a_machine_without_work_goes_with_its_last_node() {
    insta::assert_snapshot!(file(&[
        "-add-node",
        "roxie#myroxie@ip=10.5.0.1",
        "-rmv-node",
        "roxie#myroxie@ip=10.5.1.1"
    ]));
}

#[test]
fn attributes_are_set_where_the_former_value_fits() {
    insta::assert_snapshot!(file(&[
        "-mod",
        "sw:thor#mythor@slavesPerNode=8|1^globalMemorySize=8192^localThor=x|true",
        "-mod",
        "sw:thor#mythor:SwapNode@AutoSwapNode=ture",
        "-mod",
        "sw:esp#myesp:EspBinding#myespsmc@port=80^url=http[colon]//x/?a[equal]b",
        "-mod",
        "sw:esp#myesp:instance@port=1",
        "-rmv",
        "sw:roxie#myroxie%attribute@roxieMulticastEnabled",
    ]));
}

#[test]
fn a_renamed_component_is_still_found_by_what_refers_to_it() {
    insta::assert_snapshot!(file(&["-mod", "sw:dali#mydali@name=dali1"]));
    insta::assert_snapshot!(file(&["-mod", "sw:thor#mythor@name=thor1"]));
}

#[test]
fn a_machine_gets_another_address_everywhere() {
    insta::assert_snapshot!(file(&["-mod", "hd:computer@ip=10.5.1.7|10.5.1.1^domain=other"]));
}

#[test]
fn topologies_are_added_changed_and_removed() {
    insta::assert_snapshot!(file(&[
        "-add-topology",
        "topology:cluster@name=t1:thor@process=mythor:eclcc@process=myeclccserver",
        "-mod-topology",
        "topology:thor:eclagent@process=myeclagent:eclsch@process=myeclscheduler",
        "-rmv-topology",
        "topology:cluster#roxie",
    ]));
    insta::assert_snapshot!(file(&["-add-topology", "default"]));
}

#[test]
fn a_binding_takes_what_the_service_says() {
    insta::assert_snapshot!(file(&[
        "-add-binding",
        "myesp@name=second^service=EclWatch^protocol=https",
        "-mod-binding",
        "myesp:second@defaultForPort=false",
    ]));
}

#[test]
fn an_ldap_server_is_asked_by_the_esp_that_is_named() {
    let (text, _) = edited(&["-add", "sw:ldap#myldap@esp=myesp^cacheTimeout=5"], Style::File);
    let document = Document::parse(&text).unwrap();
    let software = document.root.child("Software").unwrap();
    let ldap = software.child("LDAPServerProcess").unwrap();
    assert_eq!(ldap.get("cacheTimeout").unwrap(), "5");
    assert_eq!(ldap.get("ldapPort").unwrap(), "389");
    assert_eq!(ldap.get("esp"), None);
    let esp = software.child("EspProcess").unwrap();
    let authentication = esp.child("Authentication").unwrap();
    assert_eq!(authentication.get("ldapServer").unwrap(), "myldap");
    assert_eq!(authentication.get("method").unwrap(), "ldaps");
}

#[test]
fn directories_overrides_and_paths_are_set() {
    insta::assert_snapshot!(file(&[
        "-o",
        "log=/logs/[NAME]/[INST]",
        "-o",
        "data=/data/[NAME]/[COMPONENT]",
        "-cloud",
        "aws",
        "-override",
        "esp,@method,htpasswd",
        "-override",
        "esp,Authentication/@method,htpasswd",
        "-override",
        "rxoie,@a,b",
        "-override",
        "odd,@a,b",
        "-set-xpath-attrib-value",
        "Software/Topology/Cluster[@name='thor']/ThorCluster",
        "@process",
        "thor9",
        "-set-xpath-attrib-value",
        "Hardware/Switch[@name='big']",
        "ports",
        "48",
    ]));
}

#[test]
fn content_is_added_with_its_comments_left_out() {
    insta::assert_snapshot!(file(&["-add-content", "Hardware", "switch.xml"]));
}

#[test]
fn a_service_and_a_build_set_come_from_the_catalogue() {
    insta::assert_snapshot!(file(&[
        "-add-service",
        "esdl#dynamicesdl@buildSet=DynamicESDL",
        "-add",
        "pg:buildset#sparkthor",
    ]));
}

#[test]
fn references_are_looked_at_when_all_edits_are_done() {
    // The cluster of the topology goes after the component that it names.
    let arguments = ["-rmv", "sw:roxie#myroxie", "-rmv-topology", "topology:cluster#roxie"];
    let (text, _) = edited(&arguments, Style::File);
    assert!(!text.contains("roxie1") && !text.contains("10.5.1.1"), "{text}");
}
