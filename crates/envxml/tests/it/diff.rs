//! What differs between two environments.

use envxml::diff::Side;
use envxml::{Diff, Document};
use proptest::prelude::*;

use crate::small::{added_slave, changed, shuffled, small};

#[test]
fn an_environment_does_not_differ_from_itself() {
    let diff = Diff::new(&small(), &small());
    assert!(diff.is_empty());
    assert_eq!(diff.to_text(), "");
}

#[test]
fn comments_and_layout_make_no_difference() {
    let text = small().to_text();
    let text = text.replace("\n ", "\n\t ").replace("<Software>", "<Software><!-- ours -->");
    assert!(Diff::new(&small(), &Document::parse(&text).unwrap()).is_empty());
}

#[test]
fn a_new_slave_is_told_in_a_few_words() {
    insta::assert_snapshot!(Diff::new(&small(), &added_slave()).to_text());
}

#[test]
fn a_renamed_and_a_readdressed_machine_change_nothing_else() {
    let renamed = changed(&[("\"roxie-2\"", "\"store-2\"")]);
    insta::assert_snapshot!(Diff::new(&small(), &renamed).to_text(), @r"
    machines
      ~ roxie-2 is now called store-2 (10.9.2.2)
    ");
    let moved = changed(&[("10.9.2.2", "10.9.2.9")]);
    insta::assert_snapshot!(Diff::new(&small(), &moved).to_text(), @r"
    machines
      ~ roxie-2 10.9.2.2 -> 10.9.2.9
    ");
}

#[test]
fn dali_that_moves_is_one_instance_that_moved() {
    let moved = changed(&[(
        "<Instance computer=\"support\" directory=\"/v/dali\" name=\"s1\" netAddress=\"10.9.0.1\"",
        "<Instance computer=\"esp-1\" directory=\"/v/dali\" name=\"s1\" netAddress=\"10.9.3.1\"",
    )]);
    insta::assert_snapshot!(Diff::new(&small(), &moved).to_text());
}

#[test]
fn attributes_elements_and_components_are_told_with_their_places() {
    let new = changed(&[
        ("slavesPerNode=\"1\"", "slavesPerNode=\"2\" nodeGroup=\"big\""),
        ("<user>hpcc</user>", "<user>cluster</user>"),
        ("dir=\"/var/log/[NAME]/[INST]\"", "dir=\"/logs/[INST]\""),
        ("<EspBinding name=\"queries\" port=\"8002\" protocol=\"http\" service=\"ws_ecl\"/>", ""),
        ("<RoxieFarmProcess", "<RoxieFarmProcess name=\"farm2\" port=\"0\"/><RoxieFarmProcess"),
        ("parallelRequestLimit=\"20\"", ""),
        ("<Topology ", "<DropZone name=\"landing\" directory=\"/v/in\"/><Topology "),
    ]);
    insta::assert_snapshot!(Diff::new(&small(), &new).to_text());
    insta::assert_snapshot!(serde_json::to_string_pretty(&Diff::new(&small(), &new)).unwrap());
}

#[test]
fn the_same_change_at_many_instances_is_cut_in_words_and_whole_in_the_value() {
    let text = small().to_text().replace("/v/files", "/disk/files");
    let diff = Diff::new(&small(), &Document::parse(&text).unwrap());
    assert_eq!(diff.attributes.len(), 7);
    insta::assert_snapshot!(diff.to_text());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_order_of_siblings_makes_no_difference(seed: u64) {
        let (old, new) = (small(), shuffled(&small(), seed));
        prop_assert!(Diff::new(&old, &new).is_empty());
        let other = added_slave();
        prop_assert_eq!(
            Diff::new(&old, &other),
            Diff::new(&new, &shuffled(&other, seed.rotate_left(7)))
        );
    }

    #[test]
    fn swapping_the_sides_swaps_added_and_removed(dropped in proptest::sample::subsequence(
        vec!["thor-2", "roxie-1", "esp-2", "slavesPerNode=\"1\"", "port=\"8877\"", "description=\"ECL Watch\""], 0..6
    )) {
        let old = small();
        let whole = old.to_text();
        let lines: Vec<&str> = whole
            .lines()
            .filter(|line| !dropped.iter().any(|part| !part.contains('=') && line.contains(&format!("\"{part}\""))))
            .collect();
        let text = lines.join("\n");
        let text = dropped.iter().filter(|part| part.contains('=')).fold(text, |t, part| t.replace(part, ""));
        let new = Document::parse(&text).unwrap();
        let (there, back) = (Diff::new(&old, &new), Diff::new(&new, &old));
        prop_assert_eq!(there.machines.len(), back.machines.len());
        let count = |diff: &Diff, side| diff.components.iter().filter(|c| c.change == side).count();
        prop_assert_eq!(count(&there, Side::Removed), count(&back, Side::Added));
        let mut swapped: Vec<_> = back
            .attributes
            .iter()
            .map(|c| (c.path.clone(), c.new.clone(), c.old.clone()))
            .collect();
        swapped.sort();
        let mut forward: Vec<_> =
            there.attributes.iter().map(|c| (c.path.clone(), c.old.clone(), c.new.clone())).collect();
        forward.sort();
        prop_assert_eq!(forward, swapped);
        let mut instances: Vec<_> = back
            .instances
            .iter()
            .map(|c| (c.component.clone(), c.part.clone(), c.new.clone(), c.old.clone()))
            .collect();
        instances.sort();
        let mut forward: Vec<_> = there
            .instances
            .iter()
            .map(|c| (c.component.clone(), c.part.clone(), c.old.clone(), c.new.clone()))
            .collect();
        forward.sort();
        prop_assert_eq!(forward, instances);
    }
}
