//! An edit and the edit that takes it back leave every byte as it was.

use proptest::prelude::*;

use super::*;

/// Applies edits one after the other, each list on its own.
fn after(steps: &[Vec<String>], style: Style) -> String {
    let mut document = Document::parse(SMALL).unwrap();
    for step in steps {
        let step: Vec<&str> = step.iter().map(String::as_str).collect();
        let options = EditOptions { style, force: false };
        apply(&mut document, &edits(&step), &options).unwrap_or_else(|e| panic!("{step:?}: {e:?}"));
    }
    document.to_text()
}

fn step(option: &str, value: String) -> Vec<String> {
    vec![option.to_owned(), value]
}

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::File), Just(Style::Envgen)]
}

/// New addresses, none twice.
fn addresses() -> impl Strategy<Value = String> {
    prop::collection::btree_set((3u8..6, 1u8..255), 1..6).prop_map(|set| {
        let all: Vec<String> = set.iter().map(|(c, d)| format!("10.5.{c}.{d}")).collect();
        all.join(";")
    })
}

fn component() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "roxie#myroxie",
        "esp#myesp",
        "thor#mythor:slave",
        "eclagent#myeclagent",
        "eclccserver#myeclccserver",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn added_nodes_are_removed_without_a_trace(
        component in component(), ips in addresses(), style in style()
    ) {
        let node = format!("{component}@ip={ips}");
        let steps = [step("-add-node", node.clone()), step("-rmv-node", node)];
        prop_assert_eq!(after(&steps, style), SMALL);
    }

    #[test]
    fn a_new_component_is_removed_without_a_trace(
        kind in prop::sample::select(vec!["roxie", "esp", "sasha", "eclagent", "dfuserver"]),
        name in "[a-z][a-z0-9]{0,8}x",
        ips in addresses(),
    ) {
        let steps = [
            step("-add-node", format!("{kind}#{name}@ip={ips}")),
            step("-rmv", format!("sw:{kind}#{name}")),
        ];
        prop_assert_eq!(after(&steps, Style::File), SMALL);
    }

    #[test]
    fn a_value_that_is_set_back_leaves_no_trace(value in "[^\\^|=\\[\\]:@\\x00-\\x1f]{0,20}") {
        let steps = [
            step("-mod", format!("sw:thor#mythor@slavesPerNode={value}")),
            step("-mod", format!("sw:thor#mythor@slavesPerNode=1|{value}")),
        ];
        prop_assert_eq!(after(&steps, Style::File), SMALL);
    }

    #[test]
    fn an_added_attribute_is_removed_without_a_trace(name in "[a-zA-Z][a-zA-Z0-9_]{0,12}_", value in "[a-z <>&\"']{0,20}") {
        let steps = [
            step("-mod", format!("sw:roxie#myroxie@{name}={value}")),
            step("-rmv", format!("sw:roxie#myroxie%attribute@{name}")),
        ];
        prop_assert_eq!(after(&steps, Style::File), SMALL);
    }

    #[test]
    fn a_moved_node_moves_back(
        what in prop::sample::select(vec![
            ("roxie#myroxie", "10.5.1.1"), ("thor#mythor:slave", "10.5.2.1"),
            ("dali#mydali", "10.5.0.1"), ("thor#mythor:master", "10.5.0.1"),
        ]),
        c in 3u8..200, d in 1u8..255,
    ) {
        let (component, old) = what;
        let new = format!("10.5.{c}.{d}");
        let steps = [
            step("-mod-node", format!("{component}@ip={new}|{old}")),
            step("-mod-node", format!("{component}@ip={old}|{new}")),
        ];
        prop_assert_eq!(after(&steps, Style::File), SMALL);
    }

    #[test]
    fn a_machine_gets_its_address_back(c in 3u8..200, d in 1u8..255) {
        let new = format!("10.5.{c}.{d}");
        let steps = [
            step("-mod", format!("hd:computer@ip={new}|10.5.2.1")),
            step("-mod", format!("hd:computer@ip=10.5.2.1|{new}")),
        ];
        prop_assert_eq!(after(&steps, Style::File), SMALL);
    }

    #[test]
    fn added_content_is_removed_without_a_trace(
        place in prop::sample::select(vec!["Hardware", "Software", "Programs/Build", "Software/EspService[@name='myws_ecl']"]),
        tag in "[A-Z][a-z]{1,8}X",
        value in "[a-z <>&]{0,10}",
    ) {
        let mut document = Document::parse(SMALL).unwrap();
        let escaped = value.replace('&', "&amp;").replace('<', "&lt;");
        let content = format!("<{tag} name='n' a='{escaped}'><!-- c --><Y/></{tag}>");
        let add = Edit::AddContent { path: place.parse().unwrap(), content };
        let remove = Edit::RemoveContent { path: format!("{place}/{tag}").parse().unwrap() };
        let options = EditOptions::default();
        apply(&mut document, &[add], &options).unwrap();
        prop_assert!(document.to_text() != SMALL);
        apply(&mut document, &[remove], &options).unwrap();
        prop_assert_eq!(document.to_text(), SMALL);
    }

    #[test]
    fn an_added_cluster_and_binding_are_removed_without_a_trace(name in "[a-z]{1,8}x") {
        let steps = [
            step("-add-topology", format!("topology:cluster@name={name}:thor@process=mythor")),
            step("-add-binding", format!("myesp@name={name}^service=EclWatch")),
            step("-rmv-topology", format!("topology:cluster#{name}")),
            step("-rmv-binding", format!("myesp:{name}")),
        ];
        prop_assert_eq!(after(&steps, Style::File), SMALL);
    }

    #[test]
    fn any_argument_is_read_or_refused(option in prop::sample::select(vec![
        "-add", "-mod", "-rmv", "-add-node", "-mod-node", "-rmv-node", "-add-binding", "-mod-binding",
        "-rmv-binding", "-add-topology", "-mod-topology", "-rmv-topology", "-add-service", "-o",
        "-override", "-cloud", "-rmv-content",
    ]), text in "[a-zA-Z0-9:@#^|=/.;,%\\[\\]\"' ä-]{0,40}") {
        if let Ok(edits) = parse(&[option, &text], &files) {
            let mut document = Document::parse(SMALL).unwrap();
            if apply(&mut document, &edits, &EditOptions::default()).is_ok() {
                let text = document.to_text();
                prop_assert_eq!(Document::parse(&text).unwrap().to_text(), text);
            }
        }
    }
}
