//! Deleting: preconditions, finalizers, dependents, namespaces.

use serde_json::{Value, json};

use super::{At, job, on_both};

on_both!(
    a_deletion_is_told_and_done,
    preconditions_are_held,
    finalizers_hold_an_object_until_they_are_gone,
    a_pod_on_a_node_waits_for_its_kubelet,
    dependents_go_stay_or_go_first,
    many_are_deleted_at_once,
    nothing_new_is_made_in_a_namespace_that_ends,
);

async fn a_deletion_is_told_and_done(at: &At) {
    let path = at.config_map("a", json!({})).await;
    let uid = at.get(&path).await.text("/metadata/uid").to_owned();
    let deleted = at.delete(&path, &json!({})).await;
    assert_eq!(
        (deleted.code, deleted.text("/kind"), deleted.text("/status")),
        (200, "Status", "Success")
    );
    assert_eq!(deleted.value["details"], json!({"name": "a", "kind": "configmaps", "uid": uid}));
    assert_eq!(at.get(&path).await.code, 404);
    assert_eq!(at.delete(&path, &json!({})).await.error(), (404, "NotFound"));
    // A pod is answered as an object.
    let path = at.pod("p", json!({})).await;
    let deleted = at.delete(&path, &json!({})).await;
    assert_eq!((deleted.code, deleted.text("/kind")), (200, "Pod"));
    assert_eq!(at.get(&path).await.code, 404);
}

async fn preconditions_are_held(at: &At) {
    let path = at.config_map("a", json!({})).await;
    let object = at.get(&path).await;
    let wrong = at.delete(&path, &json!({"preconditions": {"uid": "another"}})).await;
    assert_eq!(wrong.error(), (409, "Conflict"));
    assert!(wrong.message().starts_with("Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (another) does not match"));
    let wrong = at.delete(&path, &json!({"preconditions": {"resourceVersion": "1"}})).await;
    assert_eq!(wrong.error(), (409, "Conflict"));
    assert!(wrong.message().contains("the ResourceVersion in the precondition (1) does not match"));
    let right = json!({"preconditions": {"uid": object.text("/metadata/uid"), "resourceVersion": object.version()}});
    assert_eq!(at.delete(&path, &right).await.code, 200);
    assert_eq!(at.get(&path).await.code, 404);
}

async fn finalizers_hold_an_object_until_they_are_gone(at: &At) {
    let path = at.config_map("a", json!({})).await;
    assert_eq!(
        at.merge(&path, &json!({"metadata": {"finalizers": ["a.example/b"]}})).await.code,
        200
    );
    let deleted = at.delete(&path, &json!({})).await;
    assert_eq!((deleted.code, deleted.text("/kind")), (200, "ConfigMap"));
    assert!(!deleted.text("/metadata/deletionTimestamp").is_empty());
    assert_eq!(deleted.value["metadata"]["deletionGracePeriodSeconds"], 0);
    let again = at.delete(&path, &json!({})).await;
    assert_eq!((again.code, again.version()), (200, deleted.version()));
    let more = json!({"metadata": {"finalizers": ["a.example/b", "a.example/c"]}});
    let more = at.merge(&path, &more).await;
    assert_eq!(
        (more.error(), more.text("/details/causes/0/reason")),
        ((422, "Invalid"), "FieldValueForbidden")
    );
    assert_eq!(at.merge(&path, &json!({"data": {"a": "2"}})).await.code, 200);
    let freed = at.merge(&path, &json!({"metadata": {"finalizers": null}})).await;
    assert_eq!((freed.code, freed.text("/data/a")), (200, "2"));
    assert_eq!(at.get(&path).await.code, 404);
    // One with finalizers of generations.
    let mut held = job("j");
    held["metadata"]["finalizers"] = json!(["a.example/b"]);
    assert_eq!(at.post(&at.jobs(""), &held).await.code, 201);
    let deleted = at.delete(&at.jobs("/j"), &json!({"propagationPolicy": "Background"})).await;
    assert_eq!((deleted.code, &deleted.value["metadata"]["generation"]), (200, &json!(2)));
    assert_eq!(at.merge(&at.jobs("/j"), &json!({"metadata": {"finalizers": []}})).await.code, 200);
    assert_eq!(at.get(&at.jobs("/j")).await.code, 404);
}

async fn a_pod_on_a_node_waits_for_its_kubelet(at: &At) {
    let pod = json!({
        "metadata": {"name": "p"},
        "spec": {
            "nodeName": "no-such-node", "terminationGracePeriodSeconds": 60,
            "containers": [{"name": "c", "image": "none.example/none:1"}],
        },
    });
    // The account of the namespace is there when another pod could be made.
    at.pod("other", json!({})).await;
    let path = at.path("pods/p");
    assert_eq!(at.post(&at.path("pods"), &pod).await.code, 201);
    let marked = at.delete(&path, &json!({})).await;
    assert_eq!(
        (marked.code, &marked.value["metadata"]["deletionGracePeriodSeconds"]),
        (200, &json!(60))
    );
    assert_eq!(at.get(&path).await.code, 200);
    assert_eq!(at.delete(&path, &json!({"gracePeriodSeconds": 0})).await.code, 200);
    at.is_gone(&path).await;
    // One that has ended waits for nobody.
    assert_eq!(at.post(&at.path("pods"), &pod).await.code, 201);
    let ended = json!({"status": {"phase": "Succeeded"}});
    assert_eq!(at.merge(&format!("{path}/status"), &ended).await.code, 200);
    assert_eq!(at.delete(&path, &json!({})).await.code, 200);
    at.is_gone(&path).await;
}

/// A Job and a ConfigMap that belongs to it. Answers their paths.
async fn owned(at: &At, name: &str) -> [String; 2] {
    let made = at.post(&at.jobs(""), &job(name)).await;
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": made.text("/metadata/uid"),
        "blockOwnerDeletion": true, "controller": true,
    });
    let part = json!({"metadata": {"name": format!("{name}-part"), "ownerReferences": [owner]}});
    assert_eq!(at.post(&at.path("configmaps"), &part).await.code, 201);
    [at.jobs(&format!("/{name}")), at.path(&format!("configmaps/{name}-part"))]
}

async fn dependents_go_stay_or_go_first(at: &At) {
    let [job, part] = owned(at, "background").await;
    assert_eq!(
        at.delete(&job, &json!({"propagationPolicy": "Background"})).await.text("/kind"),
        "Status"
    );
    at.is_gone(&part).await;
    assert_eq!(at.get(&job).await.code, 404);

    let [job, part] = owned(at, "foreground").await;
    let finalizers = json!({"metadata": {"finalizers": ["a.example/b"]}});
    assert_eq!(at.merge(&part, &finalizers).await.code, 200);
    let marked = at.delete(&job, &json!({"propagationPolicy": "Foreground"})).await;
    assert_eq!(marked.value["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    // The part holds it.
    while at.get(&part).await.text("/metadata/deletionTimestamp").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(at.get(&job).await.code, 200);
    assert_eq!(at.merge(&part, &json!({"metadata": {"finalizers": []}})).await.code, 200);
    at.is_gone(&part).await;
    at.is_gone(&job).await;

    // Jobs leave theirs behind, unless something else is said.
    for (name, options) in
        [("orphan", json!({"propagationPolicy": "Orphan"})), ("default", json!({}))]
    {
        let [job, part] = owned(at, name).await;
        let marked = at.delete(&job, &options).await;
        assert_eq!(marked.value["metadata"]["finalizers"], json!(["orphan"]), "{name}");
        at.is_gone(&job).await;
        let left = at.get(&part).await;
        assert_eq!(
            (left.code, left.value["metadata"].get("ownerReferences")),
            (200, None::<&Value>),
            "{name}"
        );
    }
}

async fn many_are_deleted_at_once(at: &At) {
    at.config_map("a", json!({"of": "test"})).await;
    at.config_map("b", json!({"of": "test"})).await;
    let kept = at.config_map("c", json!({})).await;
    let deleted = at.delete(&at.path("configmaps?labelSelector=of"), &json!({})).await;
    assert_eq!(
        (deleted.code, deleted.text("/kind"), deleted.names()),
        (200, "ConfigMapList", vec!["a", "b"])
    );
    assert_eq!(at.get(&at.path("configmaps?labelSelector=of")).await.names(), [""; 0]);
    assert_eq!(at.get(&kept).await.code, 200);
}

async fn nothing_new_is_made_in_a_namespace_that_ends(at: &At) {
    let held = at.config_map("held", json!({})).await;
    assert_eq!(
        at.merge(&held, &json!({"metadata": {"finalizers": ["a.example/b"]}})).await.code,
        200
    );
    let namespace = format!("/api/v1/namespaces/{}", at.namespace);
    assert_eq!(at.get(&namespace).await.text("/status/phase"), "Active");
    let ends = at.delete(&namespace, &json!({})).await;
    assert_eq!((ends.code, ends.text("/status/phase")), (200, "Terminating"));
    let refused = at.post(&at.path("configmaps"), &json!({"metadata": {"name": "new"}})).await;
    assert_eq!(refused.error(), (403, "Forbidden"));
    assert!(refused.message().contains("because it is being terminated"), "{}", refused.message());
    while at.get(&held).await.text("/metadata/deletionTimestamp").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(at.merge(&held, &json!({"metadata": {"finalizers": []}})).await.code, 200);
    assert_eq!(at.get(&held).await.code, 404);
}
