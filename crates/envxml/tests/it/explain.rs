//! Where values come from.

use envxml::Document;
use envxml::catalogue::Catalogue;
use envxml::compat::{self, EnvgenArgs};
use envxml::explain::{Explanation, Origin, explain};
use envxml::tree::XPath;

use crate::data::shared;

fn overrides(document: &Document, catalogue: &Catalogue) -> Vec<String> {
    let everything = XPath { steps: Vec::new(), attribute: None };
    let found = explain(document, &everything, catalogue);
    let told = |one: &Explanation| format!("{} = {:?}: {}", one.path, one.value, one.origin);
    found.iter().filter(|one| matches!(one.origin, Origin::Override { .. })).map(told).collect()
}

#[test]
fn every_attribute_of_a_golden_has_a_source_and_overrides_are_those_that_were_asked_for() {
    let Some(folder) = shared("envgen", "every_attribute_of_a_golden_has_a_source") else { return };
    for (prefix, version) in [("72", "7.2"), ("head", "10")] {
        let catalogue = Catalogue::for_version(version).unwrap().catalogue;
        for case in
            ["01-single", "04-target", "09-range", "11-support0", "13-dali-assign", "25-big"]
        {
            let text =
                std::fs::read_to_string(folder.join(format!("{prefix}-{case}.xml"))).unwrap();
            let found = overrides(&Document::parse(&text).unwrap(), catalogue);
            assert!(found.is_empty(), "{prefix}-{case}: {found:#?}");
        }
    }
    let text = std::fs::read_to_string(folder.join("72-12-overrides.xml")).unwrap();
    let catalogue = Catalogue::for_version("7.2").unwrap().catalogue;
    insta::assert_snapshot!(overrides(&Document::parse(&text).unwrap(), catalogue).join("\n"));
}

#[test]
fn an_environment_of_ours_is_explained() {
    let arguments = EnvgenArgs {
        slaves_per_node: 4,
        overrides: vec!["roxie,@roxieMulticastEnabled,false".into()],
        xpath_values: vec![("Software/ThorCluster/SSH".into(), "@SSHretries".into(), "9".into())],
        ..Default::default()
    };
    let catalogue = Catalogue::newest();
    let made =
        compat::generate(&arguments, "10.1.0.1;10.1.1.1", catalogue, "host", &|_| None).unwrap();
    let document = Document::parse(&made.document.to_envgen_text()).unwrap();
    assert_eq!(overrides(&document, catalogue).len(), 3);
    let shown = |path: &str| -> String {
        let found = explain(&document, &path.parse().unwrap(), catalogue);
        let lines: Vec<String> = found
            .iter()
            .map(|one| format!("{} = {:?}: {:?}", one.path, one.value, one.origin))
            .collect();
        lines.join("\n") + "\n"
    };
    insta::assert_snapshot!(
        shown("Software/ThorCluster") + &shown("Software/RoxieCluster/@roxieMulticastEnabled")
    );
}
