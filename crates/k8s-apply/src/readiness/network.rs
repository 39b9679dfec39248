//! Services and Ingresses.

use serde_json::Value;

use super::Address;
use super::verdict::Readiness;
use crate::object::Object;

/// How ready a Service is. Only one of the type `LoadBalancer` has to wait for something.
pub(super) fn service(object: &Object, address: Address) -> Readiness {
    if object.text("/spec/type") != Some("LoadBalancer") {
        return Readiness::ready();
    }
    if object.text("/spec/clusterIP").is_none_or(str::is_empty) {
        return Readiness::progressing("it has no address in the cluster yet");
    }
    addressed(object, address, "no load balancer has given it an address yet")
}

/// How ready an Ingress is.
pub(super) fn ingress(object: &Object, address: Address) -> Readiness {
    addressed(object, address, "no controller has given it an address yet")
}

fn addressed(object: &Object, address: Address, text: &str) -> Readiness {
    let addresses = object.at("/status/loadBalancer/ingress").and_then(Value::as_array);
    match address {
        _ if addresses.is_some_and(|all| !all.is_empty()) => Readiness::ready(),
        Address::Required => Readiness::progressing(text),
        Address::Optional => Readiness::ready_note(text),
    }
}
