//! Making, reading and changing objects.

use serde_json::json;

use super::{At, job, on_both};

on_both!(
    an_object_is_made_with_what_the_server_says_of_it,
    what_cannot_be_made_is_refused_with_a_reason,
    an_update_needs_the_version_that_is_there,
    patches_change_what_they_name,
    patches_that_do_not_fit_are_refused,
    a_status_has_a_path_of_its_own,
    a_dry_run_changes_nothing,
    secrets_have_their_plain_data_encoded,
    all_kinds_are_discovered,
);

async fn an_object_is_made_with_what_the_server_says_of_it(at: &At) {
    let object = json!({
        "metadata": {"name": "a", "uid": "mine", "creationTimestamp": "1999-01-01T00:00:00Z", "labels": {}},
        "data": {"x": "1"},
    });
    let made = at.post(&at.path("configmaps"), &object).await;
    assert_eq!((made.code, made.text("/kind"), made.text("/apiVersion")), (201, "ConfigMap", "v1"));
    assert_eq!(made.text("/metadata/namespace"), at.namespace);
    assert_eq!(
        (made.text("/metadata/uid").len(), made.text("/metadata/creationTimestamp").len()),
        (36, 20)
    );
    assert!(made.text("/metadata/creationTimestamp") > "2020");
    assert!(
        made.value["metadata"].get("labels").is_none()
            && made.value["metadata"].get("generation").is_none()
    );
    assert!(made.version().parse::<u64>().unwrap() > 0);
    let got = at.get(&at.path("configmaps/a")).await;
    assert_eq!((got.code, &got.value), (200, &made.value));

    let named = json!({"metadata": {"generateName": "run-"}});
    let [first, second] = [
        at.post(&at.path("configmaps"), &named).await,
        at.post(&at.path("configmaps"), &named).await,
    ];
    assert!(
        first.text("/metadata/name").starts_with("run-") && first.text("/metadata/name").len() == 9
    );
    assert_ne!(first.text("/metadata/name"), second.text("/metadata/name"));

    let made = at.post(&at.jobs(""), &job("j")).await;
    assert_eq!(
        (made.code, &made.value["metadata"]["generation"], &made.value["status"]),
        (201, &json!(1), &json!({}))
    );
    assert_eq!(made.value["spec"]["backoffLimit"], 6);
    let pod = at.get(&at.pod("p", json!({})).await).await;
    assert_eq!((pod.text("/status/phase"), pod.text("/spec/restartPolicy")), ("Pending", "Always"));
}

async fn what_cannot_be_made_is_refused_with_a_reason(at: &At) {
    let maps = at.path("configmaps");
    at.config_map("a", json!({})).await;
    let again = at.post(&maps, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(again.error(), (409, "AlreadyExists"));
    assert_eq!(again.message(), "configmaps \"a\" already exists");
    assert_eq!(again.value["details"], json!({"name": "a", "kind": "configmaps"}));
    assert_eq!(at.post(&at.jobs(""), &job("j")).await.code, 201);
    let again = at.post(&at.jobs(""), &job("j")).await;
    assert_eq!(again.message(), "jobs.batch \"j\" already exists");
    assert_eq!(again.value["details"], json!({"name": "j", "group": "batch", "kind": "jobs"}));
    let cases = [
        (json!({"metadata": {"name": "A_b"}}), (422, "Invalid")),
        (json!({"data": {}}), (422, "Invalid")),
        (json!({"metadata": {"name": "x", "namespace": "other"}}), (400, "BadRequest")),
        (
            json!({"metadata": {"name": "x"}, "kind": "Secret", "apiVersion": "v1"}),
            (400, "BadRequest"),
        ),
        (json!({"metadata": {"name": "x", "resourceVersion": "5"}}), (500, "")),
    ];
    for (object, error) in cases {
        assert_eq!(at.post(&maps, &object).await.error(), error, "{object}");
    }
    let invalid = at.post(&maps, &json!({"metadata": {"name": "A_b"}})).await;
    assert_eq!(invalid.text("/details/causes/0/field"), "metadata.name");
    assert_eq!(invalid.text("/details/causes/0/reason"), "FieldValueInvalid");
    let nowhere = "/api/v1/namespaces/is-not-there/configmaps";
    let nowhere = at.post(nowhere, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(
        (nowhere.error(), nowhere.message()),
        ((404, "NotFound"), "namespaces \"is-not-there\" not found")
    );
    let missing = at.get(&at.path("configmaps/none")).await;
    assert_eq!(
        (missing.error(), missing.message()),
        ((404, "NotFound"), "configmaps \"none\" not found")
    );
    assert_eq!(at.get(&at.path("nonsense")).await.error(), (404, "NotFound"));
    assert_eq!(
        at.post(&at.path("configmaps/a"), &json!({})).await.error(),
        (405, "MethodNotAllowed")
    );
}

async fn an_update_needs_the_version_that_is_there(at: &At) {
    let path = at.config_map("a", json!({})).await;
    let mut object = at.get(&path).await.value;
    object["data"]["x"] = "2".into();
    let changed = at.put(&path, &object).await;
    assert_eq!((changed.code, changed.text("/data/x")), (200, "2"));
    assert_ne!(changed.version(), object["metadata"]["resourceVersion"]);
    let late = at.put(&path, &object).await;
    assert_eq!(late.error(), (409, "Conflict"));
    assert_eq!(
        late.message(),
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    assert_eq!(late.value["details"], json!({"name": "a", "kind": "configmaps"}));
    // The same again is no change.
    assert_eq!(at.put(&path, &changed.value).await.version(), changed.version());
    // Whoever names no version means any.
    let any = at.put(&path, &json!({"metadata": {"name": "a"}, "data": {"y": "3"}})).await;
    assert_eq!((any.code, &any.value["data"]), (200, &json!({"y": "3"})));
    assert_eq!(any.text("/metadata/uid"), changed.text("/metadata/uid"));
    let other = json!({"metadata": {"name": "a", "uid": "another"}});
    assert_eq!(at.put(&path, &other).await.error(), (409, "Conflict"));
    assert_eq!(
        at.put(&path, &json!({"metadata": {"name": "b"}})).await.error(),
        (400, "BadRequest")
    );
    let none = at.put(&at.path("configmaps/none"), &json!({"metadata": {"name": "none"}})).await;
    assert_eq!(none.error(), (404, "NotFound"));
    // Leases are made by PUT as well.
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/l", at.namespace);
    assert_eq!(at.put(&lease, &json!({"metadata": {"name": "l"}, "spec": {}})).await.code, 201);
}

async fn patches_change_what_they_name(at: &At) {
    let path = at.config_map("a", json!({"k": "v"})).await;
    let merged = at
        .merge(&path, &json!({"metadata": {"labels": {"k": null, "l": "w"}}, "data": {"b": "2"}}))
        .await;
    assert_eq!((merged.code, &merged.value["data"]), (200, &json!({"a": "1", "b": "2"})));
    assert_eq!(merged.value["metadata"]["labels"], json!({"l": "w"}));
    let patched = at
        .json_patch(
            &path,
            &json!([
                {"op": "test", "path": "/data/a", "value": "1"},
                {"op": "replace", "path": "/data/a", "value": "9"},
                {"op": "add", "path": "/metadata/annotations", "value": {"n": "m"}},
                {"op": "remove", "path": "/data/b"},
            ]),
        )
        .await;
    assert_eq!((patched.code, &patched.value["data"]), (200, &json!({"a": "9"})));
    assert_eq!(patched.value["metadata"]["annotations"], json!({"n": "m"}));
    // A version in a patch is a condition.
    let held = json!({"metadata": {"resourceVersion": patched.version()}, "data": {"a": "10"}});
    assert_eq!(at.merge(&path, &held).await.code, 200);
    assert_eq!(at.merge(&path, &held).await.error(), (409, "Conflict"));

    assert_eq!(at.post(&at.jobs(""), &job("j")).await.code, 201);
    let labelled = at.merge(&at.jobs("/j"), &json!({"metadata": {"labels": {"k": "v"}}})).await;
    assert_eq!(labelled.value["metadata"]["generation"], 1);
    let changed = at.merge(&at.jobs("/j"), &json!({"spec": {"parallelism": 2}})).await;
    assert_eq!((changed.code, &changed.value["metadata"]["generation"]), (200, &json!(2)));
}

async fn patches_that_do_not_fit_are_refused(at: &At) {
    let path = at.config_map("a", json!({})).await;
    let cases = [
        json!([{"op": "test", "path": "/data/a", "value": "7"}]),
        json!([{"op": "remove", "path": "/data/none"}]),
    ];
    for patch in cases {
        assert_eq!(at.json_patch(&path, &patch).await.error(), (422, "Invalid"), "{patch}");
    }
    assert_eq!(at.json_patch(&path, &json!({"op": "test"})).await.error(), (400, "BadRequest"));
    assert_eq!(
        at.merge(&path, &json!({"metadata": {"name": "b"}})).await.error(),
        (400, "BadRequest")
    );
    assert_eq!(at.merge(&path, &json!({"metadata": {"uid": "b"}})).await.error(), (422, "Invalid"));
    let text = at.send("PATCH", &path, "text/plain", b"{}".to_vec()).await;
    assert_eq!(text.error(), (415, "UnsupportedMediaType"));
    assert_eq!(at.merge(&at.path("configmaps/none"), &json!({})).await.error(), (404, "NotFound"));
    assert_eq!(at.get(&path).await.value["data"], json!({"a": "1"}));
}

async fn a_status_has_a_path_of_its_own(at: &At) {
    let path = at.pod("p", json!({})).await;
    let main = at
        .merge(&path, &json!({"metadata": {"labels": {"k": "v"}}, "status": {"phase": "Failed"}}))
        .await;
    assert_eq!((main.text("/metadata/labels/k"), main.text("/status/phase")), ("v", "Pending"));
    let status = format!("{path}/status");
    let patched = at
        .merge(&status, &json!({"spec": {"schedulerName": "x"}, "status": {"phase": "Running"}}))
        .await;
    assert_eq!((patched.code, patched.text("/status/phase")), (200, "Running"));
    assert_eq!(patched.text("/spec/schedulerName"), "nobody");
    assert_eq!(patched.value["metadata"]["generation"], main.value["metadata"]["generation"]);
    let mut object = patched.value;
    object["status"]["reason"] = "Because".into();
    assert_eq!(at.put(&status, &object).await.text("/status/reason"), "Because");
    object["status"]["reason"] = "Late".into();
    assert_eq!(at.put(&status, &object).await.error(), (409, "Conflict"));
    assert_eq!(at.get(&status).await.text("/status/reason"), "Because");
    at.config_map("a", json!({})).await;
    assert_eq!(at.get(&at.path("configmaps/a/status")).await.error(), (404, "NotFound"));
}

async fn a_dry_run_changes_nothing(at: &At) {
    let path = at.config_map("a", json!({})).await;
    let before = at.get(&path).await;
    let made =
        at.post(&at.path("configmaps?dryRun=All"), &json!({"metadata": {"name": "b"}})).await;
    assert_eq!((made.code, made.text("/metadata/uid").len()), (201, 36));
    assert_eq!(at.get(&at.path("configmaps/b")).await.code, 404);
    let merged = at.merge(&format!("{path}?dryRun=All"), &json!({"data": {"b": "2"}})).await;
    assert_eq!((merged.code, merged.text("/data/b")), (200, "2"));
    let dry = format!("{path}?dryRun=All");
    assert_eq!(at.send("DELETE", &dry, "application/json", Vec::new()).await.code, 200);
    assert_eq!(at.delete(&path, &json!({"dryRun": ["All"]})).await.code, 200);
    assert_eq!(at.get(&path).await.value, before.value);
    // With a body the query says nothing, not even this.
    assert_eq!(at.delete(&dry, &json!({})).await.code, 200);
    assert_eq!(at.get(&path).await.code, 404);
}

async fn secrets_have_their_plain_data_encoded(at: &At) {
    let secret =
        json!({"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}});
    let made = at.post(&at.path("secrets"), &secret).await;
    assert_eq!((made.code, made.text("/type")), (201, "Opaque"));
    assert_eq!(made.value["data"], json!({"a": "Yg==", "c": "ZA=="}));
    assert!(made.value.get("stringData").is_none());
}

async fn all_kinds_are_discovered(at: &At) {
    let old = at.get("/api/v1").await;
    let resources = old.value["resources"].as_array().unwrap();
    let pods = resources.iter().find(|one| one["name"] == "pods").unwrap();
    assert_eq!((&pods["kind"], &pods["namespaced"]), (&json!("Pod"), &json!(true)));
    assert!(resources.iter().any(|one| one["name"] == "pods/status"));
    let groups = at.get("/apis").await;
    let groups = groups.value["groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["name"] == "batch"));
    // As kube-rs does it.
    let found = kube::discovery::Discovery::new(at.client.clone()).run_aggregated().await.unwrap();
    for (group, version, kind) in [("", "v1", "Node"), ("batch", "v1", "Job"), ("", "v1", "Event")]
    {
        let gvk = kube::core::GroupVersionKind::gvk(group, version, kind);
        let (resource, capabilities) = found.resolve_gvk(&gvk).unwrap();
        assert_eq!(resource.kind, kind);
        let is_namespaced = capabilities.scope == kube::discovery::Scope::Namespaced;
        assert_eq!(is_namespaced, kind != "Node");
    }
}
