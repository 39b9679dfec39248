//! What must restart, in which order, and what may be lost.

use std::collections::BTreeSet;

use envxml::plan::{Action, DataLoss, FileChange, GroupKind, StableStorage};
use envxml::{Document, RestartPlan};
use proptest::prelude::*;

use crate::data::shared;
use crate::small::{added_slave, changed, small};

fn plan(old: &Document, new: &Document) -> RestartPlan {
    RestartPlan::new(old, new, &StableStorage::none())
}

/// The plan from the small environment to a change of it.
fn after(replacements: &[(&str, &str)]) -> RestartPlan {
    plan(&small(), &changed(replacements))
}

fn pairs(plan: &RestartPlan) -> Vec<String> {
    plan.changed_configuration.iter().map(|(address, name)| format!("{address} {name}")).collect()
}

#[test]
fn nothing_changed_means_nothing_to_do() {
    let same = plan(&small(), &small());
    assert!(same.is_empty());
    assert_eq!(same.to_text(), "nothing to do\n");
    assert!(after(&[("<Software>", "<Software><!-- note -->")]).is_empty());
}

#[test]
fn a_new_slave_changes_the_group_and_gives_files_to_its_machine_only() {
    let plan = plan(&small(), &added_slave());
    assert_eq!(pairs(&plan), ["10.9.1.3 thor"]);
    assert_eq!(plan.group_changes[0].kind, GroupKind::Grown);
    assert!(plan.data_loss.is_empty());
    insta::assert_snapshot!(plan.to_text());
}

#[test]
fn a_thor_that_shrinks_is_warned_about() {
    let back = plan(&added_slave(), &small());
    let shrinks = |loss: &DataLoss| matches!(loss, DataLoss::ThorShrinks { old: 3, new: 2, .. });
    assert!(back.data_loss.iter().any(shrinks));
    insta::assert_snapshot!(back.to_text());
    // Storage that stays does not help a group that is smaller, but the address is not lost.
    let stable = RestartPlan::new(&added_slave(), &small(), &StableStorage::everywhere());
    assert_eq!(stable.data_loss.len(), 1);
}

#[test]
fn an_attribute_of_thor_restarts_thor_alone_and_leaves_dali_running() {
    let plan = after(&[("replicateOutputs=\"true\"", "replicateOutputs=\"false\"")]);
    assert_eq!(pairs(&plan), ["10.9.0.1 thor", "10.9.1.1 thor", "10.9.1.2 thor"]);
    assert!(plan.group_changes.is_empty());
    insta::assert_snapshot!(plan.to_text());
}

#[test]
fn what_no_file_uses_restarts_nothing_but_is_pushed() {
    let plan = after(&[("description=\"ECL Watch\"", "description=\"Watch\"")]);
    assert!(plan.changed_configuration.is_empty() && plan.restart.is_empty());
    let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Push, Action::CheckGroups]);
}

#[test]
fn a_new_roxie_server_is_known_to_all_servers() {
    let plan = after(&[(
        "<RoxieServerProcess computer=\"roxie-2\"",
        "<RoxieServerProcess computer=\"thor-2\" name=\"thor-2\" netAddress=\"10.9.1.2\"/>\
         <RoxieServerProcess computer=\"roxie-2\"",
    )]);
    assert_eq!(pairs(&plan), ["10.9.1.2 roxie", "10.9.2.1 roxie", "10.9.2.2 roxie"]);
    let component = plan.components.iter().find(|one| one.component == "roxie").unwrap();
    assert_eq!(component.reasons[0].to_string(), "RoxieServerProcess 10.9.1.2 added");
    assert_eq!(component.instances[0].change, FileChange::Added);
}

#[test]
fn the_order_of_slaves_matters_and_their_names_do_not() {
    let swapped = after(&[
        ("<ThorSlaveProcess computer=\"thor-1\" name=\"s1\"/>", ""),
        (
            "<ThorSlaveProcess computer=\"thor-2\" name=\"s2\"/>",
            "<ThorSlaveProcess computer=\"thor-2\" name=\"s2\"/>\
             <ThorSlaveProcess computer=\"thor-1\" name=\"s1\"/>",
        ),
    ]);
    assert!(swapped.changed_configuration.is_empty());
    assert_eq!(swapped.group_changes[0].kind, GroupKind::Reordered);
    assert!(matches!(swapped.data_loss[0], DataLoss::PartsMisplaced { .. }));
    let renamed = after(&[(
        "<ThorSlaveProcess computer=\"thor-2\" name=\"s2\"/>",
        "<ThorSlaveProcess computer=\"thor-2\" name=\"s9\"/>",
    )]);
    assert!(renamed.group_changes.is_empty() && renamed.changed_configuration.is_empty());
}

#[test]
fn a_lost_address_is_a_risk_unless_its_storage_stays() {
    let new = changed(&[("10.9.1.2", "10.9.1.9")]);
    let plan = plan(&small(), &new);
    assert_eq!(plan.group_changes[0].kind, GroupKind::Swapped);
    insta::assert_snapshot!(plan.to_text());
    for stable in ["10.9.1.2", "thor-2", "10.9.1.9"] {
        let plan = RestartPlan::new(&small(), &new, &StableStorage::of([stable]));
        let lost = plan.data_loss.iter().any(|loss| matches!(loss, DataLoss::AddressLost { .. }));
        assert!(!lost, "{stable}");
    }
}

#[test]
fn dali_that_moves_changes_everything_and_its_metadata_is_named() {
    let plan = after(&[(
        "<Instance computer=\"support\" directory=\"/v/dali\" name=\"s1\" netAddress=\"10.9.0.1\"",
        "<Instance computer=\"esp-1\" directory=\"/v/dali\" name=\"s1\" netAddress=\"10.9.3.1\"",
    )]);
    insta::assert_snapshot!(plan.to_text());
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.data_loss).unwrap());
}

#[test]
fn only_the_layout_of_files_changes_when_the_compiler_leaves_the_machine() {
    let plan = after(&[(
        "<Instance computer=\"support\" directory=\"/v/compiler\" name=\"s1\" netAddress=\"10.9.0.1\"/>",
        "<Instance computer=\"esp-1\" directory=\"/v/compiler\" name=\"s1\" netAddress=\"10.9.3.1\"/>",
    )]);
    let layout: Vec<&str> = plan
        .components
        .iter()
        .filter(|one| {
            one.instances.iter().any(|at| at.reasons.iter().any(envxml::plan::Reason::is_layout))
        })
        .map(|one| one.component.as_str())
        .collect();
    assert!(layout.contains(&"thor"), "{layout:?}");
}

#[test]
fn a_file_server_with_other_limits_restarts_without_generated_files() {
    let plan = after(&[("parallelRequestLimit=\"20\"", "parallelRequestLimit=\"40\"")]);
    assert!(plan.changed_configuration.is_empty());
    assert_eq!(plan.restart.len(), 7);
    assert!(plan.restart.iter().all(|one| one.process == "DafilesrvProcess"));
}

#[test]
fn dali_stops_last_and_starts_first() {
    let plan = plan(&small(), &added_slave());
    let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
    assert_eq!(
        actions,
        [
            Action::StopAllButDali,
            Action::StopDali,
            Action::Push,
            Action::StartDali,
            Action::CheckGroups,
            Action::StartRest,
        ]
    );
    let check = &plan.steps[4].checks[0];
    assert_eq!(check.members, ["10.9.1.1", "10.9.1.2", "10.9.1.3"]);
    assert_eq!(check.dali, "10.9.0.1:7070");
}

#[test]
fn the_pairs_of_restart_plan_are_what_configgen_changes() {
    let test = "the_pairs_of_restart_plan_are_what_configgen_changes";
    let Some(folder) = shared("restart-plan", test) else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let document = |name: &str| Document::parse(&read(&format!("{name}.xml"))).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&read("changed.json")).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        let plan = plan(&document("base"), &document(name));
        let found = serde_json::to_value(&plan.changed_configuration).unwrap();
        assert_eq!(found, expected["changed"], "{name}");
    }
}

/// Pieces of the small environment that can go or change, one by one.
const PIECES: [(&str, &str); 10] = [
    ("slavesPerNode=\"1\"", "slavesPerNode=\"2\""),
    ("<ThorSlaveProcess computer=\"thor-2\" name=\"s2\"/>", ""),
    ("<RoxieServerProcess computer=\"roxie-1\" name=\"roxie-1\" netAddress=\"10.9.2.1\"/>", ""),
    ("port=\"8010\"", "port=\"18010\""),
    ("roxieTimeout=\"300\"", ""),
    ("dir=\"/var/log/[NAME]/[INST]\"", "dir=\"/logs\""),
    ("netAddress=\"10.9.0.1\" port=\"7070\"", "netAddress=\"10.9.0.1\" port=\"7071\""),
    ("<RoxieCluster process=\"roxie\"/>", ""),
    ("logDir=\".\"", "logDir=\"/l\""),
    ("10.9.3.1", "10.9.3.7"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_environment_needs_anything_to_become_itself(
        pieces in proptest::sample::subsequence(PIECES.to_vec(), 0..PIECES.len())
    ) {
        let environment = changed(&pieces);
        prop_assert!(plan(&environment, &environment).is_empty());
    }

    #[test]
    fn the_way_back_changes_the_same_files(
        pieces in proptest::sample::subsequence(PIECES.to_vec(), 0..PIECES.len())
    ) {
        let environment = changed(&pieces);
        let (there, back) = (plan(&small(), &environment), plan(&environment, &small()));
        prop_assert_eq!(&there.changed_configuration, &back.changed_configuration);
        prop_assert_eq!(&there.start, &back.stop);
        prop_assert_eq!(&there.stop, &back.start);
        let clusters = |plan: &RestartPlan| -> BTreeSet<String> {
            plan.group_changes.iter().map(|change| change.cluster.clone()).collect()
        };
        prop_assert_eq!(clusters(&there), clusters(&back));
    }

    #[test]
    fn every_changed_pair_is_started_stopped_or_restarted(
        pieces in proptest::sample::subsequence(PIECES.to_vec(), 1..PIECES.len())
    ) {
        let plan = after(&pieces);
        let touched: BTreeSet<(String, String)> = plan
            .start
            .iter()
            .chain(&plan.stop)
            .chain(&plan.restart)
            .map(|one| (one.address.clone(), one.component.clone()))
            .collect();
        prop_assert!(plan.changed_configuration.is_subset(&touched));
        let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
        prop_assert!(actions.is_sorted());
    }
}
