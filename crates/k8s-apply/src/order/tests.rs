use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::manifest::{Input, LoadOptions, load};

/// Stages with their objects, and the problems, of a text of manifests.
fn show(text: &str) -> String {
    let loaded = load(&[Input::text("set.yaml", text)], &LoadOptions::default());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let (schedule, problems) = plan_manifests(&loaded.manifests, "default");
    let objects: Vec<&Object> = loaded.manifests.iter().map(|m| &m.object).collect();
    let mut out = String::new();
    for (number, step) in schedule.steps.iter().enumerate() {
        let names: Vec<_> = step.iter().map(|&index| objects[index].key().to_string()).collect();
        let waits = schedule.waits_before(number);
        let waits: Vec<_> = waits.iter().map(|&index| objects[index].key().to_string()).collect();
        let _ = write!(out, "{}: {}", stage_of(objects[step[0]]), names.join(", "));
        if !waits.is_empty() {
            let _ = write!(out, " (after {} is ready)", waits.join(", "));
        }
        out.push('\n');
    }
    out + &diagnostics::render(&problems, &loaded.sources.texts())
}

fn manifest(api: &str, kind: &str, name: &str, depends_on: &str) -> String {
    let annotation = match depends_on {
        "" => String::new(),
        text => format!("  annotations:\n    {DEPENDS_ON}: {text}\n"),
    };
    format!("---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n{annotation}")
}

const ONE_OF_EACH: &[(&str, &str)] = &[
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
    ("example.com/v1", "Widget"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("networking.k8s.io/v1", "Ingress"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("v1", "Pod"),
    ("batch/v1", "CronJob"),
    ("apps/v1", "Deployment"),
    ("extensions/v1beta1", "DaemonSet"),
    ("v1", "Service"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "PersistentVolume"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ResourceQuota"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("v1", "ServiceAccount"),
    ("v1", "Namespace"),
];

#[test]
fn every_kind_has_its_stage() {
    let mut text: String =
        ONE_OF_EACH.iter().map(|(api, kind)| manifest(api, kind, "one", "")).collect();
    text +=
        &manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com", "");
    text += "spec: {group: example.com, names: {kind: Widget}}\n";
    assert_snapshot!(show(&text));
}

#[test]
fn op_b6_18_a_dependency_is_waited_for_and_wins_over_stages() {
    let deployment = |name: &str, on: &str| manifest("apps/v1", "Deployment", name, on);
    let text = [
        deployment(
            "master",
            "apps/namespaces/default/Deployment/thor, apps/namespaces/default/Deployment/roxie",
        ),
        deployment("thor", ""),
        deployment("roxie", ""),
        manifest("v1", "Service", "early", ""),
        manifest("v1", "Service", "late", "apps/namespaces/default/Deployment/master"),
        manifest("v1", "Namespace", "last", "/namespaces/default/Service/late"),
        manifest("example.com/v1", "Widget", "one", "example.com/namespaces/default/Widget/two"),
        manifest("example.com/v1", "Widget", "two", ""),
    ]
    .concat();
    assert_snapshot!(show(&text));
}

#[test]
fn op_b6_16_what_is_wrong_with_dependencies_is_told_with_its_place() {
    let map = |name: &str, on: &str| manifest("v1", "ConfigMap", name, on);
    let text = [
        map("a", "/namespaces/default/ConfigMap/b"),
        map("b", "/namespaces/default/ConfigMap/c"),
        map("c", "/namespaces/default/ConfigMap/a"),
        map("d", "/namespaces/default/ConfigMap/d"),
        map("e", "nonsense, apps/namespaces/default/Deployment/"),
        map(
            "settings",
            "/namespaces/default/ConfigMap/setings, /namespaces/web/ConfigMap/a, /ConfigMap/b",
        ),
        map("f", "example.com/Widget/far-away"),
        map("g", "/namespaces/default/ConfigMap/a"),
        manifest("v1", "Namespace", "x", "/namespaces/x/ConfigMap/h"),
        map("h\n  namespace: x", ""),
    ]
    .concat();
    assert_snapshot!(show(&text));
}

#[test]
fn op_b6_17_deletion_goes_backwards() {
    let object = |api: &str, kind: &str, name: &str, on: &str| -> Object {
        serde_json::from_value(json!({
            "apiVersion": api, "kind": kind, "metadata": {"name": name, "annotations": {DEPENDS_ON: on}},
            "spec": {"group": "example.com", "names": {"kind": "Widget"}},
        }))
        .unwrap()
    };
    let objects: Vec<Object> = [("apiextensions.k8s.io/v1", "CustomResourceDefinition")]
        .iter()
        .chain(ONE_OF_EACH.iter().rev())
        .map(|(api, kind)| object(api, kind, "one", "/namespaces/x/Secret/gone"))
        .chain([object("v1", "ConfigMap", "needs-pod", "/namespaces/default/Pod/one")])
        .collect();
    let schedule = plan_deletion(&objects.iter().collect::<Vec<_>>(), "default");
    let lines: Vec<String> = schedule
        .steps
        .iter()
        .map(|step| {
            let names: Vec<_> = step.iter().map(|&i| objects[i].key().to_string()).collect();
            names.join(", ")
        })
        .collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn ten_thousand_objects_are_planned_in_a_row_without_a_long_wait() {
    let objects: Vec<Object> = (0..10_000)
        .map(|number: usize| {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {
                    "name": format!("m{number}"),
                    "annotations": {DEPENDS_ON: format!("/namespaces/default/ConfigMap/m{}", number + 1)},
                },
            }))
            .unwrap()
        })
        .collect();
    let (schedule, faults) = plan(&objects.iter().collect::<Vec<_>>(), "default", |_| None);
    assert_eq!((schedule.steps.len(), faults.len()), (10_000, 1));
}

prop_compose! {
    /// Objects of any kinds, some of which depend on others: on those of smaller numbers, or on any.
    fn any_objects(circles: bool)(
        kinds in proptest::collection::vec(0..ONE_OF_EACH.len(), 1..20),
    )(
        edges in proptest::collection::vec((0..kinds.len(), 0..kinds.len()), 0..20),
        kinds in Just(kinds),
    ) -> Vec<Object> {
        let reference = |number: usize| {
            let (api, kind) = ONE_OF_EACH[kinds[number]];
            let group = api.rsplit_once('/').map_or("", |(group, _)| group);
            let cluster = crate::builtin::scope(group, kind) == Some(crate::builtin::Scope::Cluster);
            let namespace = if cluster { "" } else { "namespaces/default/" };
            format!("{group}/{namespace}{kind}/n{number}")
        };
        kinds.iter().enumerate().map(|(number, kind)| {
            let (api, kind) = ONE_OF_EACH[*kind];
            let on: Vec<String> = edges
                .iter()
                .filter(|(after, before)| *after == number && before != after && (circles || before < after))
                .map(|(_, before)| reference(*before))
                .collect();
            let mut metadata = json!({"name": format!("n{number}")});
            if !on.is_empty() {
                metadata["annotations"] = json!({DEPENDS_ON: on.join(",")});
            }
            serde_json::from_value(json!({"apiVersion": api, "kind": kind, "metadata": metadata})).unwrap()
        }).collect()
    }
}

fn step_of(schedule: &Schedule, count: usize) -> Vec<usize> {
    let mut steps = vec![usize::MAX; count];
    for (number, step) in schedule.steps.iter().enumerate() {
        assert!(!step.is_empty());
        for &index in step {
            assert_eq!(steps[index], usize::MAX, "{index} goes twice");
            steps[index] = number;
        }
    }
    assert!(!steps.contains(&usize::MAX), "one never goes");
    steps
}

proptest! {
    #[test]
    fn every_object_goes_once_and_after_what_it_depends_on(objects in any_objects(false)) {
        let objects: Vec<&Object> = objects.iter().collect();
        let (schedule, faults) = plan(&objects, "default", |_| None);
        prop_assert!(faults.is_empty(), "{faults:?}");
        let steps = step_of(&schedule, objects.len());
        let backwards = plan_deletion(&objects, "default");
        let last = step_of(&backwards, objects.len());
        for edge in &schedule.edges {
            prop_assert!(steps[edge.before] < steps[edge.after]);
            prop_assert!(last[edge.before] > last[edge.after]);
        }
        // Without edges between them, stages decide.
        for one in 0..objects.len() {
            for other in 0..objects.len() {
                let free = |index: usize| schedule.edges.iter().all(|edge| edge.after != index);
                if free(one) && free(other) && stage_of(objects[one]) < stage_of(objects[other]) {
                    prop_assert!(steps[one] < steps[other]);
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_files_does_not_matter(objects in any_objects(true), turn in 0usize..20) {
        let names = |objects: &[&Object]| {
            let (schedule, faults) = plan(objects, "default", |_| None);
            step_of(&schedule, objects.len());
            let steps: Vec<Vec<String>> = schedule
                .steps
                .iter()
                .map(|step| step.iter().map(|&index| objects[index].key().to_string()).collect())
                .collect();
            let mut faults: Vec<String> = faults.iter().map(|(_, fault)| fault.to_string()).collect();
            faults.sort();
            (steps, faults)
        };
        let mut objects: Vec<&Object> = objects.iter().collect();
        let first = names(&objects);
        let count = objects.len();
        objects.rotate_left(turn % count);
        prop_assert_eq!(first, names(&objects));
    }

    #[test]
    fn any_text_of_a_reference_is_read_or_refused(text in "[a-z./ ]{0,30}|(apps)?/(namespaces/[a-z]{1,3}/)?[A-Z][a-z]{1,4}/[a-z]{1,4}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }
    }
}
