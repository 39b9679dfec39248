//! Lists: selectors and pages.

use serde_json::json;

use super::{At, on_both};

on_both!(
    objects_are_chosen_by_labels_and_fields,
    pages_are_of_one_version_and_in_order,
    selectors_that_mean_nothing_are_refused,
);

async fn objects_are_chosen_by_labels_and_fields(at: &At) {
    at.config_map("a", json!({"of": "test", "k": "1"})).await;
    at.config_map("b", json!({"of": "test", "k": "2"})).await;
    at.config_map("c", json!({"of": "test"})).await;
    let cases: [(&str, &[&str]); 9] = [
        ("labelSelector=of%3Dtest", &["a", "b", "c"]),
        ("labelSelector=of%3Dtest%2Ck%3D1", &["a"]),
        ("labelSelector=of%3Dtest%2Ck!%3D1", &["b", "c"]),
        ("labelSelector=k%20in%20(1%2C2)", &["a", "b"]),
        ("labelSelector=of%2Ck%20notin%20(1)", &["b", "c"]),
        ("labelSelector=of%2C!k", &["c"]),
        ("fieldSelector=metadata.name%3Db", &["b"]),
        ("labelSelector=of&fieldSelector=metadata.name!%3Db", &["a", "c"]),
        ("fieldSelector=metadata.name%3Dnone", &[]),
    ];
    for (query, names) in cases {
        let list = at.get(&at.path(&format!("configmaps?{query}"))).await;
        assert_eq!((list.code, list.text("/kind")), (200, "ConfigMapList"));
        assert_eq!(list.names(), names, "{query}");
        assert!(
            list.value["items"].as_array().unwrap().iter().all(|item| item.get("kind").is_none())
        );
    }
    let running = at.pod("runs", json!({})).await;
    at.pod("waits", json!({})).await;
    assert_eq!(
        at.merge(&format!("{running}/status"), &json!({"status": {"phase": "Running"}})).await.code,
        200
    );
    let cases: [(&str, &[&str]); 4] = [
        ("status.phase%3DRunning", &["runs"]),
        ("status.phase!%3DRunning", &["waits"]),
        ("spec.nodeName%3D", &["runs", "waits"]),
        ("spec.nodeName%3Dnone%2Cstatus.phase%3DRunning", &[]),
    ];
    for (selector, names) in cases {
        let list = at.get(&at.path(&format!("pods?fieldSelector={selector}"))).await;
        assert_eq!(list.names(), names, "{selector}");
    }
}

async fn pages_are_of_one_version_and_in_order(at: &At) {
    for name in ["e", "b", "d", "a", "c"] {
        at.config_map(name, json!({"of": "test"})).await;
    }
    let path = at.path("configmaps?labelSelector=of%3Dtest&limit=2");
    let first = at.get(&path).await;
    assert_eq!(first.names(), ["a", "b"]);
    assert!(first.value["metadata"].get("remainingItemCount").is_none());
    // What happens between the pages is in none of them.
    at.config_map("ca", json!({"of": "test"})).await;
    assert_eq!(at.delete(&at.path("configmaps/d"), &json!({})).await.code, 200);
    assert_eq!(at.merge(&at.path("configmaps/e"), &json!({"data": {"a": "2"}})).await.code, 200);
    let second = at.get(&format!("{path}&continue={}", first.text("/metadata/continue"))).await;
    assert_eq!((second.names(), second.version()), (vec!["c", "d"], first.version()));
    let third = at.get(&format!("{path}&continue={}", second.text("/metadata/continue"))).await;
    assert_eq!((third.names(), third.version()), (vec!["e"], first.version()));
    assert_eq!(third.value["items"][0]["data"]["a"], "1");
    assert_eq!(third.text("/metadata/continue"), "");
    let all = at.get(&at.path("configmaps?labelSelector=of%3Dtest")).await;
    assert_eq!(all.names(), ["a", "b", "c", "ca", "e"]);
    assert!(all.version() > first.version());
    let counted = at.get(&at.path("secrets?limit=1")).await;
    assert_eq!((counted.code, counted.names().len()), (200, 0));
    let counted = at.get(&at.path("configmaps?limit=1")).await;
    assert!(counted.value["metadata"]["remainingItemCount"].as_u64().unwrap() >= 4);
    assert_eq!(
        at.get(&at.path("configmaps?limit=1&continue=abc")).await.error(),
        (400, "BadRequest")
    );
}

async fn selectors_that_mean_nothing_are_refused(at: &At) {
    for query in [
        "fieldSelector=data.a%3D1",
        "fieldSelector=metadata.name",
        "labelSelector=a%3D%3D%3Db",
        "labelSelector=a%20in%20b",
        "limit=x",
    ] {
        let answer = at.get(&at.path(&format!("configmaps?{query}"))).await;
        assert_eq!(answer.error(), (400, "BadRequest"), "{query}");
    }
}
