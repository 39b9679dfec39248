//! Edits of real files of `data/envgen`: skipped visibly where they are absent.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use envxml::Document;
use envxml::Environment;
use envxml::edit::{EditOptions, Style, apply, parse};
use envxml::view::Part;

use crate::data::shared;

/// The environments of `data/envgen` that `envgen` wrote.
fn goldens(test: &str) -> Vec<(String, String)> {
    let Some(folder) = shared("envgen", test) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_xml = path.extension().is_some_and(|extension| extension == "xml");
        // The large one adds time and nothing else.
        if is_xml && !name.starts_with("sample") && !name.contains("25-big") {
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn edit(document: &mut Document, arguments: &[&str], name: &str) {
    let edits = parse(arguments, &|_| Err("no files".to_owned())).unwrap();
    apply(document, &edits, &EditOptions::default())
        .unwrap_or_else(|errors| panic!("{name}: {arguments:?}: {errors:?}"));
}

#[test]
fn what_is_added_to_a_real_environment_is_removed_without_a_trace() {
    for (name, text) in goldens("what_is_added_to_a_real_environment_is_removed_without_a_trace") {
        let mut document = Document::parse(&text).unwrap();
        edit(&mut document, &["-add-node", "esp#myesp@ip=10.77.1.1-3"], &name);
        edit(&mut document, &["-add-node", "roxie#roxie7@ip=10.77.2.1-3"], &name);
        edit(
            &mut document,
            &["-add-node", "thor#thor7:master@ip=10.77.3.1:slave@ip=10.77.3.2-5"],
            &name,
        );
        edit(
            &mut document,
            &["-add-topology", "topology:cluster@name=t7:thor@process=thor7"],
            &name,
        );
        assert!(Document::parse(&document.to_text()).is_ok(), "{name}");
        edit(&mut document, &["-rmv-topology", "topology:cluster#t7"], &name);
        edit(&mut document, &["-rmv", "sw:thor#thor7"], &name);
        edit(&mut document, &["-rmv", "sw:roxie#roxie7"], &name);
        edit(&mut document, &["-rmv-node", "esp#myesp@ip=10.77.1.1-3"], &name);
        assert!(document.to_text() == text, "{name} is not as it was");
    }
}

#[test]
fn the_complex_way_of_the_old_scripts_gives_every_cluster_its_own_machines() {
    for (name, text) in goldens("the_complex_way_of_the_old_scripts") {
        for style in [Style::File, Style::Envgen, Style::Envgen2] {
            let mut document = Document::parse(&text).unwrap();
            let arguments = [
                "-add-node",
                "roxie#roxie1@ip=10.77.2.1-3",
                "-add-node",
                "thor#thor1:master@ip=10.77.3.1:slave@ip=10.77.3.2-5",
                "-mod",
                "sw:thor#thor1@nodeGroup=group",
                "-add-node",
                "eclcc#myeclccserver@ip=10.77.4.1",
                "-o",
                "log=/logs/[NAME]/[INST]",
                "-override",
                "thor,@replicateOutputs,true",
            ];
            let edits = parse(&arguments, &|_| Err("no files".to_owned())).unwrap();
            apply(&mut document, &edits, &EditOptions { style, force: false })
                .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
            let environment = Environment::new(&document);
            let at = |process: &str, component: &str, part: Part| -> Vec<String> {
                let component = environment.named(process, component).unwrap();
                component.part(part).map(|one| one.address.clone().unwrap().into_owned()).collect()
            };
            let roxie = at("RoxieCluster", "roxie1", Part::RoxieServer);
            assert_eq!(roxie, ["10.77.2.1", "10.77.2.2", "10.77.2.3"], "{name}");
            let slaves = at("ThorCluster", "thor1", Part::ThorSlave);
            assert_eq!(slaves, ["10.77.3.2", "10.77.3.3", "10.77.3.4", "10.77.3.5"], "{name}");
            assert_eq!(at("ThorCluster", "thor1", Part::ThorMaster), ["10.77.3.1"], "{name}");
            let agents = at("DafilesrvProcess", "mydafilesrv", Part::Process);
            for address in roxie.iter().chain(&slaves) {
                assert!(agents.contains(address), "{name}: no dafilesrv at {address}");
            }
        }
    }
}
