use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// An object that its controller has seen, with a spec and a status.
fn seen(api: &str, kind: &str, spec: Value, status: Value) -> Object {
    let mut status = status;
    if !api.contains("example") && kind != "Pod" {
        status["observedGeneration"] = json!(1);
    }
    object(api, kind, spec, status)
}

#[expect(clippy::needless_pass_by_value, reason = "takes `json!` in place")]
fn object(api: &str, kind: &str, spec: Value, status: Value) -> Object {
    let value = json!({
        "apiVersion": api, "kind": kind, "metadata": {"name": "one", "generation": 1},
        "spec": spec, "status": status,
    });
    Object::try_from(value).unwrap()
}

fn told(object: &Object) -> String {
    of(object, &Options::default()).to_string()
}

#[test]
fn replicas_are_counted() {
    let deployment = |spec, status| told(&seen("apps/v1", "Deployment", spec, status));
    let stateful = |spec, status| told(&seen("apps/v1", "StatefulSet", spec, status));
    let daemon = |spec, status| told(&seen("apps/v1", "DaemonSet", spec, status));
    let controller = |spec, status| told(&seen("v1", "ReplicationController", spec, status));
    insta::assert_snapshot!(
        [
            deployment(json!({}), json!({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1})),
            deployment(json!({"replicas": 3}), json!({"replicas": 4, "updatedReplicas": 3, "availableReplicas": 4})),
            deployment(json!({"replicas": 1}), json!({"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3})),
            deployment(json!({"replicas": 0}), json!({"replicas": 1, "updatedReplicas": 1})),
            deployment(json!({"replicas": 2, "paused": true}), json!({"replicas": 2, "updatedReplicas": 2})),
            stateful(json!({"replicas": 0}), json!({"currentRevision": "a", "updateRevision": "a"})),
            stateful(
                json!({"replicas": 3}),
                json!({"replicas": 3, "readyReplicas": 3, "availableReplicas": 2, "currentRevision": "a", "updateRevision": "a"}),
            ),
            stateful(
                json!({"replicas": 3}),
                json!({"replicas": 3, "readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "a", "updateRevision": "b"}),
            ),
            stateful(
                json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 5}}}),
                json!({"replicas": 3, "readyReplicas": 3, "currentRevision": "a", "updateRevision": "b"}),
            ),
            daemon(json!({}), json!({"desiredNumberScheduled": 2, "currentNumberScheduled": 1})),
            daemon(json!({}), json!({"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2})),
            daemon(
                json!({"updateStrategy": {"type": "OnDelete"}}),
                json!({"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}),
            ),
            controller(json!({"replicas": 2}), json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2})),
            controller(json!({"replicas": 2}), json!({"replicas": 2, "fullyLabeledReplicas": 1, "availableReplicas": 2})),
        ]
        .join("\n"),
        @"
        ready
        progressing: 1 replica of an older revision is still there
        progressing: 2 replicas too many are being removed
        progressing: 1 replica too many is being removed
        ready (paused)
        ready (0 replicas wanted)
        progressing: 2 of 3 replicas are available
        progressing: revision b is being completed
        ready (0 of 3 replicas are updated, as the partition 5 says)
        progressing: 1 of 2 pods are created
        progressing: 1 of 2 pods are updated
        ready (1 of 2 pods are updated; the others when they are deleted)
        ready
        progressing: 1 of 2 replicas are labelled as the template says
        "
    );
}

#[test]
fn jobs_are_ready_when_complete_and_not_before() {
    let condition = |name: &str| json!({"conditions": [{"type": name, "status": "True", "reason": "Why", "message": "That is why."}]});
    let job = |spec, status| told(&object("batch/v1", "Job", spec, status));
    insta::assert_snapshot!(
        [
            job(json!({}), json!({"startTime": "t", "active": 1, "failed": 2})),
            job(json!({"parallelism": 3}), json!({"startTime": "t", "active": 2, "succeeded": 1})),
            job(json!({"parallelism": 0}), json!({"startTime": "t"})),
            job(json!({}), condition("SuccessCriteriaMet")),
            job(json!({}), condition("FailureTarget")),
            job(json!({}), condition("Failed")),
            job(json!({}), condition("Complete")),
            job(json!({}), json!({})),
        ]
        .join("\n"),
        @"
        progressing: 0 of 1 completions; 1 pod at work, 2 failed
        progressing: 1 completions; 2 pods at work
        ready (0 pods wanted at once)
        progressing: it has succeeded; its pods are being ended
        failed: Why: That is why
        failed: Why: That is why
        ready
        progressing: its controller has not seen it yet
        "
    );
}

#[test]
fn a_job_that_went_by_its_time_to_live_is_done() {
    let job = |spec| absent(&object("batch/v1", "Job", spec, json!({}))).to_string();
    assert_eq!(
        job(json!({"ttlSecondsAfterFinished": 30})),
        "ready (gone, as jobs are 30 s after their end)"
    );
    assert_eq!(job(json!({})), "progressing: it is not there");
}

#[test]
fn claims_know_their_storage_class() {
    let class = |name: &str, mode: &str, default: &str, created: &str| {
        Object::try_from(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "volumeBindingMode": mode,
            "metadata": {
                "name": name, "creationTimestamp": created,
                "annotations": {"storageclass.kubernetes.io/is-default-class": default},
            },
        }))
        .unwrap()
    };
    let classes = [
        class("now", "Immediate", "true", "2026-01-01T00:00:00Z"),
        class("late", "WaitForFirstConsumer", "true", "2026-01-02T00:00:00Z"),
    ];
    let classes = StorageClasses::of(&classes);
    assert!(classes.wait_for_first_consumer(None), "the newest default counts");
    assert!(classes.wait_for_first_consumer(Some("late")));
    for class in ["now", "", "none"] {
        assert!(!classes.wait_for_first_consumer(Some(class)), "{class}");
    }
    let options = Options { storage_classes: classes, ..Options::default() };
    let claim = |spec: Value| {
        let claim = object("v1", "PersistentVolumeClaim", spec, json!({"phase": "Pending"}));
        of(&claim, &options).to_string()
    };
    insta::assert_snapshot!(
        [
            claim(json!({})),
            claim(json!({"storageClassName": "now"})),
            claim(json!({"storageClassName": "none"})),
            claim(json!({"storageClassName": ""})),
            claim(json!({"storageClassName": "late", "volumeName": "by-hand"})),
        ]
        .join("\n"),
        @"
        ready (waits for its first consumer)
        progressing: it is not bound to a volume of the class now yet
        progressing: it is not bound: there is no storage class none, nor a free volume of it
        progressing: it is not bound: no free volume without a class fits
        progressing: it is not bound to its volume by-hand yet
        "
    );
}

#[test]
fn rules_of_the_user_replace_those_of_the_kind() {
    let widget = |annotations: Value, status: Value| {
        let mut widget = object("example.com/v1", "Widget", json!({}), status);
        widget.metadata_mut().insert("annotations".into(), annotations);
        told(&widget)
    };
    let running = || json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "reason": "No", "message": "Not yet."}]});
    insta::assert_snapshot!(
        [
            widget(json!({}), running()),
            widget(json!({READY_WHEN: "jsonpath={.status.phase}=Running"}), running()),
            widget(json!({READY_WHEN: "jsonpath=.status.phase=Done"}), running()),
            widget(json!({READY_WHEN: "jsonpath=.status.phase=Running; condition=Ready"}), running()),
            widget(json!({READY_WHEN: "condition=Ready=false"}), running()),
            widget(json!({READY_WHEN: "condition=Other"}), running()),
            widget(json!({READY_WHEN: "jsonpath={.status.address}"}), running()),
            widget(json!({FAILED_WHEN: "jsonpath=.status.phase=Running"}), running()),
            widget(json!({READY_WHEN: "ready"}), running()),
            widget(json!({READY_WHEN: "condition="}), running()),
        ]
        .join("\n"),
        @"
        progressing: No: Not yet
        ready
        progressing: waits for jsonpath=.status.phase=Done: it is Running
        progressing: waits for condition=Ready: it is False: No: Not yet
        ready
        progressing: waits for condition=Other: it has no such condition
        progressing: waits for jsonpath={.status.address}: there is nothing
        failed: jsonpath=.status.phase=Running: it is Running
        failed: `ready` is nothing to wait for: expected condition=NAME or jsonpath={.path}=VALUE
        failed: `condition=` is nothing to wait for: expected condition=NAME or condition=NAME=STATUS
        "
    );
}

#[test]
fn rules_can_be_given_by_kind() {
    let rule: Rule = "jsonpath={.status.state}=up".parse().unwrap();
    assert_eq!(rule.to_string(), "jsonpath={.status.state}=up");
    let rules = CustomRules { ready_when: vec![rule], failed_when: Vec::new() };
    let kind = GroupKind::new("example.com", "Widget");
    let options = Options { rules: [(kind, rules)].into(), ..Options::default() };
    let at = |state: &str| {
        of(&object("example.com/v1", "Widget", json!({}), json!({"state": state})), &options)
    };
    assert!(at("up").is_ready());
    assert_eq!(
        at("down").to_string(),
        "progressing: waits for jsonpath={.status.state}=up: it is down"
    );
}

#[test]
fn conditions_of_an_older_generation_do_not_count() {
    let status = |observed: i64| json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": observed}]});
    assert!(told(&object("example.com/v1", "Widget", json!({}), status(1))).starts_with("ready"));
    assert_eq!(
        told(&object("example.com/v1", "Widget", json!({}), status(0))),
        "progressing: its condition Ready is older than its last change"
    );
}

#[test]
fn pods_are_told_by_their_containers() {
    let pod = |spec: Value, status: Value| {
        let mut spec = spec;
        spec["nodeName"] = json!("n");
        told(&object("v1", "Pod", spec, status))
    };
    let app = || json!({"containers": [{"name": "app"}]});
    let state = |state: Value| json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "i:1", "state": state, "restartCount": 3}]});
    let waiting =
        |reason: &str| state(json!({"waiting": {"reason": reason, "message": "The message."}}));
    insta::assert_snapshot!(
        [
            pod(app(), json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."})),
            pod(app(), json!({"phase": "Unknown"})),
            pod(app(), json!({"phase": "Pending"})),
            pod(app(), waiting("CreateContainerError")),
            pod(app(), waiting("ErrImagePull")),
            pod(app(), waiting("SomethingNew")),
            pod(app(), state(json!({"running": {}}))),
            pod(app(), state(json!({"terminated": {"exitCode": 2, "message": "line 1\nline 2"}}))),
            pod(
                json!({"containers": [{"name": "app"}, {"name": "side"}]}),
                json!({"phase": "Pending"}),
            ),
            pod(
                json!({"containers": [{"name": "app"}], "readinessGates": [{"conditionType": "example.com/lb"}]}),
                json!({"phase": "Running", "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}}}]}),
            ),
            pod(
                json!({"initContainers": [{"name": "a"}, {"name": "proxy", "restartPolicy": "Always"}, {"name": "b"}], "containers": [{"name": "app"}]}),
                json!({"phase": "Pending", "initContainerStatuses": [
                    {"name": "a", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "proxy", "state": {"running": {}}},
                    {"name": "b", "state": {"running": {}}},
                ]}),
            ),
        ]
        .join("\n"),
        @"
        failed: Evicted: The node was low on memory
        progressing: its node does not answer
        progressing: container app is being created
        progressing: container app cannot be started: The message (CreateContainerError)
        progressing: container app cannot pull its image i:1: The message (ErrImagePull)
        progressing: container app cannot be started: The message (SomethingNew)
        progressing: container app runs but is not ready; it was restarted 3 times
        progressing: container app ended with code 2 (line 1 line 2); it was restarted 3 times
        progressing: the containers app, side are not ready
        progressing: its containers are ready; it waits for the condition example.com/lb
        progressing: init container b (2 of 2) is running
        "
    );
}

#[test]
fn the_cluster_itself_is_judged() {
    let condition = |name: &str, status: &str| json!({"conditions": [{"type": name, "status": status, "reason": "Why", "message": "Because."}]});
    let told = |api: &str, kind: &str, spec, status| told(&object(api, kind, spec, status));
    insta::assert_snapshot!(
        [
            told("v1", "Node", json!({}), condition("Ready", "Unknown")),
            told("v1", "Node", json!({"unschedulable": true}), condition("Ready", "True")),
            told("v1", "Node", json!({}), json!({})),
            told("v1", "Namespace", json!({}), json!({})),
            told("v1", "PersistentVolume", json!({}), json!({"phase": "Failed", "message": "No such disk."})),
            told("v1", "Service", json!({"type": "LoadBalancer"}), json!({})),
            told("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), json!({})),
            told("autoscaling/v1", "HorizontalPodAutoscaler", json!({}), json!({})),
            told("policy/v1", "PodDisruptionBudget", json!({}), condition("DisruptionAllowed", "True")),
        ]
        .join("\n"),
        @"
        progressing: Why: Because
        ready (it takes no new pods (cordoned))
        progressing: its kubelet has not reported yet
        progressing: it is not active yet
        failed: No such disk
        progressing: it has no address in the cluster yet
        progressing: it is not established yet
        ready
        ready
        "
    );
}

/// Values with the names that rules look for, in any shape.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..4).prop_map(Value::from),
        prop::sample::select(vec![
            "True", "False", "Ready", "Running", "Pending", "Failed", "OnDelete", ""
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let keys = prop::sample::select(vec![
            "conditions",
            "type",
            "status",
            "replicas",
            "phase",
            "containerStatuses",
            "name",
            "state",
            "waiting",
            "reason",
            "containers",
            "initContainers",
            "updateStrategy",
            "partition",
            "rollingUpdate",
            "terminated",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KINDS: [(&str, &str); 12] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "ReplicationController"),
    ("v1", "Pod"),
    ("batch/v1", "Job"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("v1", "Namespace"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("example.com/v1", "Widget"),
];

proptest! {
    #[test]
    fn whatever_the_status_is_there_is_a_verdict(at in 0..KINDS.len(), spec in values(), status in values()) {
        let (api, kind) = KINDS[at];
        let one = object(api, kind, spec, status);
        let told = told(&one);
        prop_assert!(!told.contains('\n'));
        let _ = pods::why(&one, std::slice::from_ref(&one), std::slice::from_ref(&one));
        let _ = pods_of(&one);
    }

    #[test]
    fn what_is_being_deleted_is_never_ready(at in 0..KINDS.len(), status in values()) {
        let (api, kind) = KINDS[at];
        let mut one = object(api, kind, json!({}), status);
        one.metadata_mut().insert("deletionTimestamp".into(), "2026-01-01T00:00:00Z".into());
        prop_assert!(matches!(of(&one, &Options::default()), Readiness::Terminating(_)));
    }

    #[test]
    fn an_unseen_change_is_never_ready(at in 0..KINDS.len(), seen in 0_i64..5) {
        let (api, kind) = KINDS[at];
        let mut one = object(api, kind, json!({}), json!({"observedGeneration": seen}));
        one.metadata_mut().insert("generation".into(), 5.into());
        prop_assert!(!of(&one, &Options::default()).is_ready());
    }
}

#[test]
fn op_b6_10_a_pod_whose_container_statuses_are_null_is_waited_for_with_a_reason() {
    for (statuses, reason) in [
        (json!({"phase": "Pending", "containerStatuses": null}), "progressing: "),
        (json!({"phase": "Running", "containerStatuses": [null]}), "progressing: "),
        (
            json!({"phase": "Running", "containerStatuses": [{"name": "app", "state": null}], "conditions": null}),
            "progressing: ",
        ),
        (json!({"phase": null, "initContainerStatuses": null}), "progressing: "),
    ] {
        let spec = json!({"nodeName": "n", "containers": [{"name": "app"}]});
        let shown = statuses.to_string();
        let told = told(&object("v1", "Pod", spec, statuses));
        assert!(told.starts_with(reason) && told.len() > reason.len(), "{shown}: {told}");
    }
}
