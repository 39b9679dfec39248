//! Ingresses, for `networking.k8s.io/v1`.

use diagnostics::DataPath;
use serde_json::{Map, Value, json};

use super::Work;

/// The annotation that named a controller before there were classes.
const CLASS: &str = "kubernetes.io/ingress.class";

pub(super) fn ingress(work: &mut Work, _: &str) {
    let mut spec = work.value.get_mut("spec").map(Value::take).unwrap_or_default();
    if let Some(map) = spec.as_object_mut() {
        default_backend(work, map);
        rules(work, map);
    }
    if !spec.is_null() {
        work.value["spec"] = spec;
    }
    let class = work.at("/metadata/annotations").and_then(|map| map.get(CLASS));
    if class.is_some() {
        work.changed(format!(
            "the annotation {CLASS} is kept; spec.ingressClassName is what replaces it"
        ));
    }
}

fn default_backend(work: &mut Work, spec: &mut Map<String, Value>) {
    let Some(backend) = spec.remove("backend").filter(|backend| !backend.is_null()) else { return };
    let path = DataPath::from(["spec", "backend"]);
    spec.insert("defaultBackend".into(), converted(work, &path, backend));
    work.changed("spec.backend becomes spec.defaultBackend");
}

fn rules(work: &mut Work, spec: &mut Map<String, Value>) {
    let (mut backends, mut types) = (0, 0);
    let rules = spec.get_mut("rules").and_then(Value::as_array_mut);
    for (number, rule) in rules.into_iter().flatten().enumerate() {
        let paths = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut);
        for (index, item) in paths.into_iter().flatten().enumerate() {
            let Some(item) = item.as_object_mut() else { continue };
            let path = DataPath::from(["spec", "rules"]).join(number).join("http").join("paths");
            let path = path.join(index).join("backend");
            let backend = item.remove("backend").unwrap_or_default();
            item.insert("backend".into(), converted(work, &path, backend));
            backends += 1;
            if item.get("pathType").is_none_or(Value::is_null) {
                item.insert("pathType".into(), "ImplementationSpecific".into());
                types += 1;
            }
        }
    }
    if backends > 0 {
        work.changed("backends say service.name and service.port");
    }
    if types > 0 {
        work.changed(
            "pathType: ImplementationSpecific, the default of the old version, is written out",
        );
    }
}

/// A backend in the new words.
fn converted(work: &mut Work, path: &DataPath, mut backend: Value) -> Value {
    let Some(map) = backend.as_object_mut() else {
        work.lost(path.clone(), "there is no backend", "name a service and its port");
        return backend;
    };
    let name = map.remove("serviceName").filter(|name| !name.is_null());
    let port = map.remove("servicePort").filter(|port| !port.is_null());
    if name.is_none() && port.is_none() && map.contains_key("resource") {
        return backend;
    }
    let (Some(name), Some(port)) = (name, port) else {
        work.lost(path.clone(), "the backend lacks serviceName or servicePort", "give both");
        return backend;
    };
    let port = match &port {
        Value::String(text) => match text.parse::<u16>() {
            // No port of a service has a name of digits alone.
            Ok(number) => json!({"number": number}),
            Err(_) => json!({"name": port}),
        },
        _ => json!({"number": port}),
    };
    map.insert("service".into(), json!({"name": name, "port": port}));
    backend
}
