//! What a pod of a run waits for, in words.

use k8s_apply::object::Object;
use k8s_openapi::api::core::v1::Pod;
use workflow_engine::k8s::fault::{self, PodEnd, PodState, Waiting};

/// What a pod waits for.
pub(super) fn waits_for(object: &Object) -> String {
    let Ok(pod) = serde_json::from_value::<Pod>(object.value().clone()) else {
        return "something unknown".to_owned();
    };
    match fault::read(&pod) {
        PodState::Waiting { why } => match why {
            Waiting::Unscheduled => "a node".to_owned(),
            Waiting::Unschedulable { message } => format!("room on a node: {message}"),
            Waiting::Image { message } => format!("an image: {message}"),
            Waiting::Config { message } => format!("its container: {message}"),
            Waiting::Starting => "its containers to start".to_owned(),
        },
        PodState::Running => "nothing".to_owned(),
        PodState::Ended(end) => match end {
            PodEnd::Completed { exit, .. } => format!("nothing: it ended with exit code {exit}"),
            PodEnd::OutOfMemory => "nothing: its memory ran out".to_owned(),
            PodEnd::Fault { message, .. } => format!("nothing: {message}"),
        },
    }
}
