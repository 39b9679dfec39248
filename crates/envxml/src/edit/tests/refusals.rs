//! What is refused, and how it is said.

use super::*;

fn shown(arguments: &[&str]) -> String {
    let mut document = Document::parse(SMALL).unwrap();
    let errors = match parse(arguments, &files) {
        Ok(edits) => match apply(&mut document, &edits, &EditOptions::default()) {
            Ok(outcome) => panic!("nothing was refused: {outcome:?}"),
            Err(errors) => errors.iter().map(|e| format!("edit {}: {e}", e.edit)).collect(),
        },
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    assert_eq!(document.to_text(), SMALL, "a refused edit changed the document");
    errors.join("\n")
}

#[test]
fn every_problem_of_every_edit_is_told_and_nothing_is_changed() {
    insta::assert_snapshot!(shown(&[
        "-mod",
        "sw:thor#thor9@a=1",
        "-mod",
        "sw:thro@a=1",
        "-mod",
        "sw:esp#myesp:EspBindin#x@a=1",
        "-mod",
        "sw:thor#mythor@slavesPerNode=4",
        "-add-node",
        "roxie#r2|roxie9@ip=10.5.1.1",
    ]));
    insta::assert_snapshot!(shown(&[
        "-add-node",
        "thor#mythor:master@ip=10.5.1.1",
        "-add-node",
        "dali#mydali@ip=10.5.1.1",
        "-add-node",
        "espsmc#EclWatch@ip=10.5.1.1",
        "-mod-node",
        "roxie#myroxie@ip=10.5.1.2|10.5.1.9",
        "-mod-node",
        "dafilesrv#mydafilesrv@ip=10.5.1.2",
        "-rmv-node",
        "thor#mythor:slave@ip=10.5.1.1",
        "-rmv",
        "sw:dafilesrv#mydafilesrv:Instance",
        "-rmv",
        "hd:computer",
        "-mod",
        "hd:computer@ip=10.5.1.1",
        "-mod",
        "hd:computer@ip=10.5.1.1|10.5.2.1",
        "-add-binding",
        "myesp@name=b^service=nothing",
        "-add-binding",
        "myesp@name=myespsmc^service=EclWatch",
        "-mod-topology",
        "topology:cluster#t9:thor@process=mythor",
        "-rmv-topology",
        "topolgy:cluster#thor",
        "-add-content",
        "Software/Nothing",
        "switch.xml",
        "-rmv-content",
        "Hardware/Rack",
        "-add",
        "sw:OddProcess#o",
    ]));
}

#[test]
fn what_others_refer_to_stays_unless_it_is_forced() {
    let arguments = ["-rmv", "sw:dali#mydali", "-rmv-node", "roxie#myroxie@ip=10.5.1.1"];
    insta::assert_snapshot!(shown(&arguments));
    let mut document = Document::parse(SMALL).unwrap();
    let options = EditOptions { force: true, ..EditOptions::default() };
    let outcome = apply(&mut document, &edits(&arguments), &options).unwrap();
    assert_eq!(outcome.warnings.len(), 7, "{:?}", outcome.warnings);
    assert!(!document.to_text().contains("DaliServerProcess"));
}

#[test]
fn a_machine_with_work_is_not_removed() {
    insta::assert_snapshot!(shown(&["-rmv", "hd:computer@ip=10.5.2.1"]));
}

#[test]
fn arguments_that_are_not_understood_are_told_with_their_place() {
    insta::assert_snapshot!(shown(&[
        "-mod",
        "thor@slavesPerNode=8",
        "-mod",
        "xx:thor@a=1",
        "-mod",
        "sw:thor#mythor@slavesPerNode",
        "-mod",
        "sw:thor#@a=1",
        "-mod",
        "sw:thor#mythor@a=b=c",
        "-mod",
        "sw:esp#e@a=1:Instance@b=2",
        "-rmv",
        "sw:esp#e%child@a",
        "-add-node",
        "roxie@ip=10.5.1.1",
        "-add-node",
        "roxie#r@ip=10.5.1.300",
        "-add-node",
        "roxie#r@ipfile=nowhere",
        "-add-node",
        "thor#t@ip=10.5.1.1",
        "-add-node",
        "thor#t:boss@ip=10.5.1.1",
        "-mod-node",
        "roxie#r@ip=10.5.1.1-3|10.5.1.1",
        "-add-binding",
        "myesp",
        "-rmv-binding",
        "myesp",
        "-add-topology",
        "topology:cluster@alias=x",
        "-o",
        "log=/var/log",
        "-o",
        "log",
        "-override",
        "roxie,copyResources,true",
        "-override",
        "roxie",
        "-set-xpath-attrib-value",
        "Software//X",
        "@a",
        "1",
        "-add-content",
        "Hardware",
        "nowhere.xml",
        "-cloud",
        "azure",
        "-frobnicate",
        "-add-content",
        "Hardware",
    ]));
}

#[test]
fn an_option_knows_how_many_values_it_takes() {
    assert_eq!(values_of("-add-node"), Some(1));
    assert_eq!(values_of("--Add-Content"), Some(2));
    assert_eq!(values_of("-set_xpath_attrib_value"), Some(3));
    assert_eq!(values_of("-env-in"), None);
    assert_eq!(values_of("add"), None);
}

#[test]
fn content_that_is_not_xml_is_told_with_its_place() {
    let broken = |text: &str| match content_elements(text) {
        Err(Problem::Content { line, column, .. }) => (line, column),
        other => panic!("{other:?}"),
    };
    assert_eq!(broken("<a><b></a>").0, 1);
    assert_eq!(broken("<a/>\n<b").0, 2);
    assert_eq!(broken("only text"), (1, 1));
    assert_eq!(broken(""), (1, 1));
    assert_eq!(content_elements("<?xml version=\"1.0\"?><a/><!-- x --><b/>").unwrap().len(), 2);
}
