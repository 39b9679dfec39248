//! A small environment made by hand, and changes of it.

#![expect(clippy::unwrap_used, reason = "only tests call these functions")]

use envxml::{Document, Element};

/// One machine for support; two each for thor, roxie and esp.
pub(crate) fn small() -> Document {
    Document::parse(include_str!("../data/small.xml")).unwrap()
}

/// The small environment with pieces of its text replaced.
pub(crate) fn changed(replacements: &[(&str, &str)]) -> Document {
    let mut text = small().to_text();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from} is not there");
        text = text.replace(from, to);
    }
    Document::parse(&text).unwrap()
}

/// The small environment with a third thor slave, whose machine comes before all others: names of
/// instances shift.
pub(crate) fn added_slave() -> Document {
    changed(&[
        (
            "  <Computer computerType=\"linux\" domain=\"local\" name=\"roxie-1\"",
            "  <Computer computerType=\"linux\" domain=\"local\" name=\"thor-3\" netAddress=\"10.9.1.3\"/>\n  \
             <Computer computerType=\"linux\" domain=\"local\" name=\"roxie-1\"",
        ),
        (
            "<ThorSlaveProcess computer=\"thor-2\" name=\"s2\"/>",
            "<ThorSlaveProcess computer=\"thor-2\" name=\"s2\"/>\
             <ThorSlaveProcess computer=\"thor-3\" name=\"s3\"/>",
        ),
        (
            "<Instance computer=\"roxie-1\" directory=\"/v/files\" name=\"s4\"",
            "<Instance computer=\"thor-3\" directory=\"/v/files\" name=\"s4\" netAddress=\"10.9.1.3\"/>\
             <Instance computer=\"roxie-1\" directory=\"/v/files\" name=\"s5\"",
        ),
        ("directory=\"/v/files\" name=\"s7\"", "directory=\"/v/files\" name=\"s8\""),
        ("directory=\"/v/files\" name=\"s6\"", "directory=\"/v/files\" name=\"s7\""),
        (
            "<Instance computer=\"roxie-2\" directory=\"/v/files\" name=\"s5\"",
            "<Instance computer=\"roxie-2\" directory=\"/v/files\" name=\"s6\"",
        ),
        (
            "<Instance computer=\"roxie-1\" directory=\"/v/transfer\"",
            "<Instance computer=\"thor-3\" directory=\"/v/transfer\" name=\"s4\" \
             netAddress=\"10.9.1.3\" program=\"ftslave\"/>\
             <Instance computer=\"roxie-1\" directory=\"/v/transfer\"",
        ),
    ])
}

/// The same environment with all siblings and attributes in another order.
pub(crate) fn shuffled(document: &Document, seed: u64) -> Document {
    let mut state = seed | 1;
    let mut copy = document.clone();
    copy.root = shuffle(&document.root, &mut state);
    copy
}

fn shuffle(element: &Element, state: &mut u64) -> Element {
    let mut next = |count: usize| {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap() % count
    };
    let mut attributes: Vec<_> = element.attributes().iter().collect();
    let mut children: Vec<_> = element.elements().collect();
    for index in (1..attributes.len()).rev() {
        attributes.swap(index, next(index + 1));
    }
    for index in (1..children.len()).rev() {
        children.swap(index, next(index + 1));
    }
    let mut copy = Element::new(element.name());
    for attribute in attributes {
        copy.set(attribute.name(), &attribute.value());
    }
    if children.is_empty() {
        copy.push_text(&element.text());
    }
    for child in children {
        copy.push(shuffle(child, state));
    }
    copy
}
