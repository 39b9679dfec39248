//! Autoscalers of `autoscaling/v2beta1`, for `autoscaling/v2`.

use diagnostics::DataPath;
use serde_json::{Map, Value, json};

use super::Work;

pub(super) fn autoscaler(work: &mut Work, _: &str) {
    let metrics = work.value.pointer_mut("/spec/metrics").and_then(Value::as_array_mut);
    let Some(mut items) = metrics.map(std::mem::take) else { return };
    for (index, item) in items.iter_mut().enumerate() {
        let path = DataPath::from(["spec", "metrics"]).join(index);
        let Some(item) = item.as_object_mut() else { continue };
        for (key, metric) in [
            ("resource", "name"),
            ("containerResource", "name"),
            ("pods", "metricName"),
            ("object", "metricName"),
            ("external", "metricName"),
        ] {
            let Some(source) = item.get_mut(key).and_then(Value::as_object_mut) else { continue };
            if let Err(message) = source_of(source, key, metric) {
                work.lost(path.join(key), message, "give exactly one target");
            }
        }
    }
    let count = items.len();
    work.value["spec"]["metrics"] = Value::Array(items);
    if count > 0 {
        work.changed("metrics say what they measure in metric and target");
    }
}

/// Rewrites one source of numbers in place.
fn source_of(source: &mut Map<String, Value>, kind: &str, metric: &str) -> Result<(), String> {
    let mut take = |key: &str| source.remove(key).filter(|value| !value.is_null());
    let described = if kind == "object" { take("target") } else { None };
    let mut targets = Vec::new();
    for (old, target, new) in [
        ("targetAverageUtilization", "Utilization", "averageUtilization"),
        ("targetAverageValue", "AverageValue", "averageValue"),
        ("averageValue", "AverageValue", "averageValue"),
        ("targetValue", "Value", "value"),
    ] {
        if let Some(value) = take(old) {
            targets.push((old, json!({"type": target, new: value})));
        }
    }
    // An object of the old version had to have targetValue, and meant averageValue if that was there too.
    if kind == "object" && targets.len() == 2 {
        targets.retain(|(old, _)| *old == "averageValue");
    }
    let Ok([(_, target)]) = <[_; 1]>::try_from(targets) else {
        return Err("there is no target, or more than one".to_owned());
    };
    if metric == "metricName" {
        let mut identity = Map::new();
        identity.extend(take("metricName").map(|name| ("name".to_owned(), name)));
        let selector = take("metricSelector").or_else(|| take("selector"));
        identity.extend(selector.map(|selector| ("selector".to_owned(), selector)));
        source.insert("metric".into(), Value::Object(identity));
    }
    if let Some(described) = described {
        source.insert("describedObject".into(), described);
    }
    source.insert("target".into(), target);
    Ok(())
}
