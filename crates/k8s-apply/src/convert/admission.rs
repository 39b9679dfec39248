//! Admission webhooks, for `admissionregistration.k8s.io/v1`.

use std::collections::HashSet;

use diagnostics::DataPath;
use serde_json::{Value, json};

use super::Work;

pub(super) fn webhooks(work: &mut Work, _: &str) {
    let mut webhooks = work.value.get_mut("webhooks").map(Value::take).unwrap_or_default();
    let mut names = HashSet::new();
    let mut written: Vec<&str> = Vec::new();
    for (index, webhook) in webhooks.as_array_mut().into_iter().flatten().enumerate() {
        let path = DataPath::from(["webhooks"]).join(index);
        let Some(webhook) = webhook.as_object_mut() else { continue };
        for (key, value) in [
            ("failurePolicy", json!("Ignore")),
            ("matchPolicy", json!("Exact")),
            ("timeoutSeconds", json!(30)),
            ("admissionReviewVersions", json!(["v1beta1"])),
        ] {
            if webhook.get(key).is_none_or(Value::is_null) {
                webhook.insert(key.to_owned(), value);
                if !written.contains(&key) {
                    written.push(key);
                }
            }
        }
        match webhook.get("sideEffects").and_then(Value::as_str) {
            Some("None" | "NoneOnDryRun") => {}
            found => work.lost(
                path.join("sideEffects"),
                format!("sideEffects is {}, which is no longer allowed", found.unwrap_or("not given")),
                "write None if it changes nothing elsewhere, or NoneOnDryRun if it does so only outside of dry runs",
            ),
        }
        if let Some(name) = webhook.get("name").and_then(Value::as_str)
            && !names.insert(name.to_owned())
        {
            work.lost(
                path.join("name"),
                format!("two webhooks have the name {name}"),
                "rename one",
            );
        }
    }
    if !webhooks.is_null() {
        work.value["webhooks"] = webhooks;
    }
    for key in written {
        work.changed(format!("{key}, where it was left out, has the default of the old version"));
    }
}
