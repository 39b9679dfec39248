//! Forms of lists, and faults in them.

use std::error::Error;

use discovery::read_pods;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::pods::*;

fn read(value: &Value) -> Result<Vec<String>, String> {
    match read_pods(&value.to_string(), "cluster.local") {
        Ok(pods) => Ok(pods.into_iter().map(|pod| pod.name).collect()),
        Err(error) => Err(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }),
    }
}

#[test]
fn lists_come_in_several_forms() {
    let one = pod("a");
    for form in [
        json!({"kind": "PodList", "apiVersion": "v1", "items": [one]}),
        json!({"kind": "List", "items": [one]}),
        json!({"items": [one]}),
        json!([one]),
        one.clone(),
    ] {
        assert_eq!(read(&form).unwrap(), ["a"]);
    }
    for empty in [json!({"kind": "PodList", "items": null}), json!({"kind": "PodList"}), json!([])]
    {
        assert!(read(&empty).unwrap().is_empty());
    }
}

#[test]
fn fields_of_other_versions_are_passed_over() {
    let odd = pod("a").set("/spec", "fromTheFuture", json!({"x": [1]})).set("", "x", json!(1));
    assert_eq!(read(&json!([odd])).unwrap(), ["a"]);
    // The least that is a pod.
    assert_eq!(read(&json!([{"metadata": {"name": "a"}}])).unwrap(), ["a"]);
}

#[test]
fn faults_name_item_and_field() {
    let mut shown = String::new();
    for faulty in [
        json!({"kind": "Service", "metadata": {"name": "x"}}),
        json!({"metadata": {"name": "x"}}),
        json!("text"),
        json!({"kind": "PodList", "items": {}}),
        json!([pod("a"), {"kind": "Service", "metadata": {"name": "x"}}]),
        json!([pod("a"), pod("b").set("/metadata", "labels", json!(["x"]))]),
        json!([pod("a").set("/status", "podIP", json!("None"))]),
        json!([pod("a").set("/status", "podIPs", json!([{"ip": "10.0.0.256"}]))]),
        json!([pod("a").set("/metadata", "name", json!(null))]),
        json!([pod("a").set("/spec", "containers", json!("x"))]),
        json!([pod("a").set("/metadata", "deletionTimestamp", json!("yesterday"))]),
        json!([pod("a").set("/spec", "hostname", json!("a_b")).set(
            "/spec",
            "subdomain",
            json!("s")
        )]),
    ] {
        shown += &read(&faulty).unwrap_err();
        shown += "\n";
    }
    shown += &read_pods("{", "cluster.local").unwrap_err().to_string();
    assert_snapshot!(shown);
}
