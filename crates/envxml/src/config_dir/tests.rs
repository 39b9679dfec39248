//! Directories with every file, and with every mistake.

use std::collections::BTreeMap;

use super::*;
use crate::Document;
use crate::edit::{EditOptions, apply};

const SMALL: &str = include_str!("../edit/fixtures/small.xml");

fn directory(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn shown(files: &[(&str, &str)]) -> String {
    let list = |title: &str, findings: &[Finding]| {
        findings.iter().fold(String::new(), |all, finding| format!("{all}{title} {finding}\n"))
    };
    match read(&directory(files)) {
        Ok(config) => {
            let edits = config.sources.iter().zip(&config.edits);
            let edits = edits
                .fold(String::new(), |all, (source, edit)| format!("{all}{source} {edit:?}\n"));
            edits + &list("warning", &config.warnings)
        }
        Err(error) => list("error", &error.errors) + &list("warning", &error.warnings),
    }
}

#[test]
fn a_full_directory_is_applied_and_every_change_knows_its_line() {
    let files = directory(&[
        ("README.md", "read me"),
        ("..data", ""),
        (
            "topology.properties",
            "# topologies\nmythor.name = t1\nmythor.eclagent=myeclagent\nmyroxie.topology=second\n",
        ),
        ("category.properties", "log=/logs/[NAME]/[INST]\n"),
        (
            "override.envgen2",
            "# ours\n\nroxie, @copyResources, true\nesp,Authentication@method,htpasswd",
        ),
        (
            "xpath_attributes.envgen2",
            "Software/Topology/Cluster[@name=\\\\\\\"thor\\\\\\\"]/ThorCluster,process,mythor\nSoftware/RoxieCluster,@roxieMulticastEnabled,false\n",
        ),
        (
            "thor.envgen2",
            "-mod sw:thor#mythor@slavesPerNode=8^globalMemorySize=8192\n-mod \"sw:thor#mythor@description=two words\" -mod sw:thor@a=x[equal]y\n",
        ),
        ("roxie.envgen2", "#-mod sw:roxie@a=1\n-add-node roxie#myroxie@ipfile=/lists/ips.txt\n"),
        ("ips.txt", "10.5.1.7;\n"),
        ("contents/2.xml", "<!--XPATH: Hardware -->\n# a comment\n<Switch name='b'/>\n"),
        ("1.xml", "<!-- ours -->\n<!-- XPATH: Hardware-->\n\n<Switch name='a'/>"),
    ]);
    let config = read(&files).unwrap();
    assert_eq!(config.edits.len(), config.sources.len());
    let mut document = Document::parse(SMALL).unwrap();
    let outcome = apply(&mut document, &config.edits, &EditOptions::default()).unwrap();
    let lines: Vec<String> = outcome
        .applied
        .iter()
        .map(|applied| format!("{} {applied}", config.sources[applied.edit]))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    let findings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(findings, ["ips.txt:1:1: no one reads this file"]);
}

#[test]
fn every_mistake_is_told_with_line_and_column() {
    insta::assert_snapshot!(shown(&[
        (
            "topology.properties",
            "default=ture\nthor1.nam=t1\nthor1.name=a b\nthor1\n.name=x\n=x\nthor2.name=a\nthor2.name=b\n",
        ),
        ("category.properties", "log=/var/log/[NAME]/INST]\n  data\n"),
        ("override.envgen2", "roxie,copyResources,true\nroxie\n  roxie,@x\n"),
        (
            "xpath_attributes.envgen2",
            "Software/RoxieCluster/\",roxieMulticastEnabled,false\nSoftware//X,a,b\nSoftware,a\nSoftware/X[@a=\\\"b],c,d\nSoftware,@,x\n",
        ),
        (
            "thor.envgen2",
            "-mod thor@slavesPerNode=8\n-mod sw:thor#mythor@a=b=c -nothing x\n-mod \"sw:thor@a=1\n-add-content Hardware nowhere.xml\n",
        ),
        ("none.xml", "<Switch/>"),
        ("path.xml", "<!--XPATH: Hard[ware -->\n<Switch/>"),
        ("attribute.xml", "<!--XPATH: Hardware/@x -->\n<Switch/>"),
        ("broken.xml", "<!--XPATH: Hardware -->\n <Switch>\n  <a>\n </Switch>\n"),
        ("empty.xml", "\n<!--XPATH: Hardware -->\n# <Switch/>\n"),
    ]));
}

#[test]
fn what_looks_mistaken_gets_a_warning() {
    insta::assert_snapshot!(shown(&[
        (
            "override.envgen2",
            "espsmc,@enableSystemUseRewrite,ture \nesp,@portalurl,\"http://x\nesp,@a,\"b\"\n"
        ),
        ("xpath_attributes.properties", "a,b,c\n"),
        ("overide.envgen2", "roxie,@a,b\n"),
        ("topology.envgen2", "x"),
        ("thor.properties", "x"),
        ("notes.txt", "x"),
        ("category.properties", "logs=/x/[NAME]/[INST]\t\n"),
        (
            "ldap.envgen2",
            "-add sw:ldap#myldap@esp=myesp^filesBasedn=\\\\\\\"ou[equal]files,ou[equal]ecl\\\\\\\"^a=flase^b=\\\"x\n",
        ),
        ("topology.properties", "default=true\nthor1.name=t1\n"),
        ("contents/off.xml", "#<!--XPATH: Hardware -->\n<Switch/>\n"),
        ("contents/on.xml", "<!--XPATH: Hardware -->\n<Switch\n  on='treu'/>\n"),
    ]));
}

#[test]
fn settings_are_applied_in_the_order_of_the_old_scripts() {
    let line = "-mod sw:thor#mythor@a=1\n";
    let names =
        ["thor.envgen2", "zebra.envgen2", "support.envgen2", "ldap.envgen2", "dali.envgen2"];
    let files: Vec<_> = names.iter().map(|name| (*name, line)).collect();
    let config = read(&directory(&files)).unwrap();
    let order: Vec<&str> = config.sources.iter().map(|source| source.file.as_str()).collect();
    assert_eq!(
        order,
        ["support.envgen2", "dali.envgen2", "thor.envgen2", "ldap.envgen2", "zebra.envgen2"]
    );
}

#[test]
fn an_empty_topology_file_gives_every_cluster_its_entry() {
    let text = SMALL.replace("<RoxieCluster process=\"myroxie\"/>", "");
    let mut document = Document::parse(&text).unwrap();
    let config = read(&directory(&[("topology.properties", "# all\n")])).unwrap();
    apply(&mut document, &config.edits, &EditOptions::default()).unwrap();
    assert!(
        document.to_text().contains("<Cluster alias=\"\" name=\"myroxie\" prefix=\"myroxie\">")
    );
    let (text, warnings) = (document.to_text(), config.warnings);
    assert!(text.contains("<RoxieCluster process=\"myroxie\"/>") && warnings.is_empty());
}
