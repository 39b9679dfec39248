//! Custom resource definitions, for `apiextensions.k8s.io/v1`.
//!
//! Source: the migration guide of Kubernetes, section 1.22, and the page on custom resource
//! definitions of its documentation.

use diagnostics::DataPath;
use serde_json::{Map, Value, json};

use super::{Work, schema};

/// What groups of Kubernetes itself must say about a review.
const APPROVED: &str = "api-approved.kubernetes.io";

pub(super) fn definition(work: &mut Work, _: &str) {
    let Some(mut spec) =
        work.value.get_mut("spec").and_then(Value::as_object_mut).map(std::mem::take)
    else {
        work.lost(["spec"].into(), "spec is missing", "write the definition");
        return;
    };
    let keeps_unknown = match spec.remove("preserveUnknownFields") {
        Some(Value::Bool(keeps)) => keeps,
        _ => true,
    };
    versions(work, &mut spec);
    per_version(work, &mut spec, keeps_unknown);
    conversion(work, &mut spec);
    work.value["spec"] = Value::Object(spec);
    work.default("/spec/scope", "Namespaced");
    approval(work);
}

/// `version` becomes an item of `versions`.
fn versions(work: &mut Work, spec: &mut Map<String, Value>) {
    let version = spec.remove("version").filter(|version| !version.is_null());
    let has_list =
        spec.get("versions").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    match version {
        Some(version) if !has_list => {
            spec.insert(
                "versions".into(),
                json!([{"name": version, "served": true, "storage": true}]),
            );
            work.changed("spec.version becomes the only item of spec.versions");
        }
        Some(_) => work.changed("spec.version, which spec.versions says too, is left out"),
        None if has_list => {}
        None => work.lost(["spec", "versions"].into(), "there is no version", "name one"),
    }
}

/// What stood once for all versions now stands in each of them.
fn per_version(work: &mut Work, spec: &mut Map<String, Value>, keeps_unknown: bool) {
    let mut common = Vec::new();
    for (old, new) in [
        ("validation", "schema"),
        ("subresources", "subresources"),
        ("additionalPrinterColumns", "additionalPrinterColumns"),
    ] {
        if let Some(value) = spec.remove(old).filter(|value| !value.is_null()) {
            work.changed(format!("spec.{old} becomes {new} of every version"));
            common.push((old, new, value));
        }
    }
    let mut written = Written::default();
    let list = spec.get_mut("versions").and_then(Value::as_array_mut);
    for (index, version) in list.into_iter().flatten().enumerate() {
        let Some(version) = version.as_object_mut() else { continue };
        let mut path = DataPath::from(["spec", "versions"]).join(index).join("schema");
        for (old, new, value) in &common {
            if version.get(*new).is_none_or(Value::is_null) {
                version.insert((*new).to_owned(), value.clone());
                if *new == "schema" {
                    path = DataPath::from(["spec", *old]);
                }
            }
        }
        columns(version, &mut written);
        let schema = version.entry("schema").or_insert(Value::Null);
        let root = schema.get_mut("openAPIV3Schema").filter(|root| root.is_object());
        let Some(root) = root else {
            *schema = json!({"openAPIV3Schema": schema::anything()});
            written.anything = true;
            continue;
        };
        for fault in schema::structural(root, &path.join("openAPIV3Schema"), &mut work.changes) {
            // One schema of several versions is told once.
            if !work.losses.contains(&fault) {
                work.losses.push(fault);
            }
        }
        if keeps_unknown {
            schema::keep_unknown(root);
            written.keeps = true;
        }
    }
    written.tell(work);
}

/// What was done to some version, to be told once.
#[derive(Default)]
struct Written {
    columns: bool,
    keeps: bool,
    anything: bool,
}

impl Written {
    fn tell(&self, work: &mut Work) {
        if self.columns {
            work.changed("JSONPath of printer columns becomes jsonPath");
        }
        if self.keeps {
            work.changed(
                "x-kubernetes-preserve-unknown-fields is written in every object of the schema, as \
                 preserveUnknownFields was true",
            );
        }
        if self.anything {
            work.changed("a version without a schema has one that allows everything");
        }
    }
}

fn columns(version: &mut Map<String, Value>, written: &mut Written) {
    let columns = version.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut);
    for column in columns.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(path) = column.remove("JSONPath") {
            column.insert("jsonPath".into(), path);
            written.columns = true;
        }
    }
}

/// What is said of a conversion webhook moves into one mapping.
fn conversion(work: &mut Work, spec: &mut Map<String, Value>) {
    let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) else {
        return;
    };
    let client = conversion.remove("webhookClientConfig").filter(|client| !client.is_null());
    let reviews = conversion.remove("conversionReviewVersions").filter(|list| !list.is_null());
    if conversion.get("strategy").and_then(Value::as_str) != Some("Webhook") {
        if client.is_some() || reviews.is_some() {
            work.changed("what spec.conversion says of a webhook is left out, as none is used");
        }
        return;
    }
    let Some(client) = client else {
        work.lost(
            ["spec", "conversion"].into(),
            "webhookClientConfig is missing",
            "say where the webhook is",
        );
        return;
    };
    if reviews.is_none() {
        work.changed(
            "conversionReviewVersions: [v1beta1], the default of the old version, is written out",
        );
    }
    let reviews = reviews.unwrap_or_else(|| json!(["v1beta1"]));
    conversion.insert(
        "webhook".into(),
        json!({"clientConfig": client, "conversionReviewVersions": reviews}),
    );
    work.changed(
        "webhookClientConfig and conversionReviewVersions move into spec.conversion.webhook",
    );
}

/// Groups of Kubernetes itself need a word about their review.
fn approval(work: &mut Work) {
    let group = work.at("/spec/group").and_then(Value::as_str).unwrap_or_default();
    let is_protected = ["k8s.io", "kubernetes.io"].iter().any(|domain| {
        group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    let annotations = work.at("/metadata/annotations");
    if is_protected && annotations.and_then(|map| map.get(APPROVED)).is_none() {
        let message = format!(
            "the group {group} is reserved for Kubernetes, and lacks the annotation {APPROVED}"
        );
        let help =
            "annotate it with the address of its review, or with `unapproved, ` and a reason";
        work.lost(["metadata", "annotations"].into(), message, help);
    }
}
