#![allow(
    clippy::needless_pass_by_value,
    reason = "the macro that makes values takes references only"
)]

use serde_json::{Value, json};
use worker::protocol::{TaskEnd, TaskKey};

use super::*;

/// A pod of ours with this status.
fn pod(status: Value) -> Pod {
    made(json!({"nodeName": "n1"}), json!({}), status)
}

/// With parts of its description, parts of its metadata, and its status.
fn made(spec: Value, metadata: Value, status: Value) -> Pod {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "restartPolicy": "Never",
            "initContainers": [{"name": "installer"}],
            "containers": [{"name": "logger"}, {"name": "task"}],
        },
        "status": status,
    });
    for (part, values) in [("spec", spec), ("metadata", metadata)] {
        for (key, value) in values.as_object().unwrap() {
            pod[part][key] = value.clone();
        }
    }
    serde_json::from_value(pod).unwrap()
}

fn container(name: &str, state: Value) -> Value {
    json!({"name": name, "image": "i:1", "imageID": "", "ready": false, "restartCount": 0, "state": state})
}

fn ended(exit: i32, reason: &str, message: &str) -> Value {
    json!({"terminated": {"exitCode": exit, "reason": reason, "message": message}})
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn runs() -> Value {
    json!({"running": {}})
}

/// A failed pod whose main container ended so.
fn failed(exit: i32, reason: &str, message: &str) -> Value {
    json!({"phase": "Failed", "containerStatuses": [container("task", ended(exit, reason, message))]})
}

fn with(mut status: Value, key: &str, value: Value) -> Value {
    status[key] = value;
    status
}

fn disrupted(status: Value, reason: &str) -> Value {
    let condition =
        json!([{"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "why"}]);
    with(status, "conditions", condition)
}

/// A worker's termination message.
fn said(results: &[TaskResult]) -> String {
    let key = TaskKey { process: 1, firing: 1, attempt: 1 };
    let end = |result: &TaskResult| TaskEnd {
        key,
        result: result.clone(),
        wall_micros: 0,
        cpu_micros: 0,
        peak_bytes: 0,
        files: Vec::new(),
        out: worker::protocol::Tail::default(),
        err: worker::protocol::Tail::default(),
    };
    BatchEnd { ends: results.iter().map(end).collect() }.to_message()
}

#[track_caller]
fn fault_of(pod: &Pod) -> (PlatformFault, String) {
    match read(pod) {
        PodState::Ended(PodEnd::Fault { fault, message }) => (fault, message),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn waiting_of(pod: &Pod) -> Waiting {
    match read(pod) {
        PodState::Waiting { why } => why,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn end_of(pod: &Pod) -> PodEnd {
    match read(pod) {
        PodState::Ended(end) => end,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_without_a_node_waits_for_the_scheduler() {
    let scheduled = |reason: &str, message: &str| {
        let condition = json!([{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}]);
        made(json!({}), json!({}), json!({"phase": "Pending", "conditions": condition}))
    };
    assert_eq!(waiting_of(&made(json!({}), json!({}), json!({}))), Waiting::Unscheduled);
    assert_eq!(waiting_of(&scheduled("SchedulingGated", "")), Waiting::Unscheduled);
    let message = "0/3 nodes are available: 3 Insufficient memory.";
    let why = waiting_of(&scheduled("Unschedulable", message));
    assert_eq!(why, Waiting::Unschedulable { message: message.to_owned() });
    assert_eq!(why.fault(), Some(PlatformFault::Unschedulable));
}

#[test]
fn a_pod_on_a_node_starts_then_runs() {
    assert_eq!(waiting_of(&pod(json!({"phase": "Pending"}))), Waiting::Starting);
    let creating = json!({
        "phase": "Pending",
        "initContainerStatuses": [container("installer", waits("PodInitializing", ""))],
        "containerStatuses": [container("task", waits("PodInitializing", ""))],
    });
    assert_eq!(waiting_of(&pod(creating)), Waiting::Starting);
    // The container beside it runs already.
    let beside = json!({
        "phase": "Running",
        "containerStatuses": [
            container("logger", runs()),
            container("task", waits("ContainerCreating", "")),
        ],
    });
    assert_eq!(waiting_of(&pod(beside)), Waiting::Starting);
    let running = json!({"phase": "Running", "containerStatuses": [container("task", runs())]});
    assert_eq!(read(&pod(running.clone())), PodState::Running);
    assert_eq!(read(&pod(json!({"phase": "Running"}))), PodState::Running);
    // Being deleted, even for a reason, it still runs.
    let leaving = made(
        json!({"nodeName": "n1"}),
        json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        disrupted(running, "EvictionByEvictionAPI"),
    );
    assert_eq!(read(&leaving), PodState::Running);
}

#[test]
fn images_that_cannot_be_pulled_are_told_with_the_container() {
    for reason in ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"] {
        let status = |which: &str, name: &str| {
            let mut status = json!({"phase": "Pending"});
            status[which] = json!([container(name, waits(reason, "not found"))]);
            pod(status)
        };
        let message = format!("container task: {reason}: not found");
        let why = waiting_of(&status("containerStatuses", "task"));
        assert_eq!(why, Waiting::Image { message });
        assert_eq!(why.fault(), Some(PlatformFault::Image));
        let message = format!("init container installer: {reason}: not found");
        let why = waiting_of(&status("initContainerStatuses", "installer"));
        assert_eq!(why, Waiting::Image { message });
    }
    let silent = container("task", json!({"waiting": {"reason": "ErrImagePull"}}));
    let why = waiting_of(&pod(json!({"phase": "Pending", "containerStatuses": [silent]})));
    assert_eq!(
        why,
        Waiting::Image { message: "container task: ErrImagePull: image i:1".to_owned() }
    );
}

#[test]
fn containers_that_cannot_be_started_are_told() {
    for reason in ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"] {
        let state = waits(reason, "secret \"s\" not found");
        let status = json!({"phase": "Pending", "containerStatuses": [container("task", state)]});
        let why = waiting_of(&pod(status));
        let message = format!("container task: {reason}: secret \"s\" not found");
        assert_eq!(why, Waiting::Config { message });
        assert_eq!(why.fault(), Some(PlatformFault::Config));
    }
}

#[test]
fn a_container_that_is_started_again_and_again_is_told() {
    let mut task = container("task", waits("CrashLoopBackOff", "back-off 10s"));
    let again = |task: &Value| {
        made(
            json!({"nodeName": "n1", "restartPolicy": "OnFailure"}),
            json!({}),
            json!({"phase": "Running", "containerStatuses": [task]}),
        )
    };
    let told = |words: &str| Waiting::Config {
        message: format!("container task: CrashLoopBackOff: {words}"),
    };
    assert_eq!(waiting_of(&again(&task)), told("back-off 10s"));
    task["lastState"] = ended(3, "Error", "");
    assert_eq!(waiting_of(&again(&task)), told("it ended with exit code 3"));
    task["lastState"] = ended(137, "OOMKilled", "");
    assert_eq!(waiting_of(&again(&task)), told("its memory ran out"));
    // Between two starts.
    task["state"] = ended(3, "Error", "");
    assert_eq!(waiting_of(&again(&task)), Waiting::Starting);
}

#[test]
fn a_worker_that_ended_says_how() {
    let message = said(&[TaskResult::Exit(0)]);
    let status = json!({"phase": "Succeeded", "containerStatuses": [
        container("logger", ended(0, "Completed", "mine")),
        container("task", ended(0, "Completed", &message)),
    ]});
    assert_eq!(end_of(&pod(status)), PodEnd::Completed { message: Some(message), exit: 0 });
    // Exit != 0, with and without a message.
    let message = said(&[TaskResult::Exit(2)]);
    let completed = PodEnd::Completed { message: Some(message.clone()), exit: 1 };
    assert_eq!(end_of(&pod(failed(1, "Error", &message))), completed);
    let completed = PodEnd::Completed { message: None, exit: 1 };
    assert_eq!(end_of(&pod(failed(1, "Error", ""))), completed);
    // The container beside it still runs, so the pod does.
    let status = json!({"phase": "Running", "containerStatuses": [
        container("logger", runs()),
        container("task", ended(0, "Completed", "")),
    ]});
    assert_eq!(end_of(&pod(status)), PodEnd::Completed { message: None, exit: 0 });
    // No statuses were kept.
    let completed = PodEnd::Completed { message: None, exit: 0 };
    assert_eq!(end_of(&pod(json!({"phase": "Succeeded"}))), completed);
}

#[test]
fn without_a_container_called_task_the_first_is_the_main_one() {
    let status = json!({"phase": "Failed", "containerStatuses": [
        container("b", ended(0, "Completed", "")),
        container("a", ended(7, "Error", "")),
    ]});
    let spec = json!({"containers": [{"name": "a"}, {"name": "b"}]});
    let exit = PodEnd::Completed { message: None, exit: 7 };
    assert_eq!(end_of(&made(spec, json!({}), status)), exit);
}

#[test]
fn memory_that_ran_out_is_the_tasks_fault() {
    assert_eq!(end_of(&pod(failed(137, "OOMKilled", ""))), PodEnd::OutOfMemory);
    // The runtime may call it so although the worker lived on and said which task it was.
    let message = said(&[TaskResult::OutOfMemory]);
    assert_eq!(
        end_of(&pod(failed(1, "OOMKilled", &message))),
        PodEnd::Completed { message: Some(message), exit: 1 }
    );
    // What is no worker's message, such as the end of a log, changes nothing.
    assert_eq!(end_of(&pod(failed(137, "OOMKilled", "some log"))), PodEnd::OutOfMemory);
    // Known only from before.
    let mut task = container("task", ended(137, "ContainerStatusUnknown", "gone"));
    task["lastState"] = ended(137, "OOMKilled", "");
    let status = json!({"phase": "Failed", "containerStatuses": [task]});
    assert_eq!(end_of(&pod(status)), PodEnd::OutOfMemory);
    // Another container used it up, and ours was killed; or ended by itself.
    let beside = |exit: i32| {
        pod(json!({"phase": "Failed", "containerStatuses": [
            container("logger", ended(137, "OOMKilled", "")),
            container("task", ended(exit, "Error", "")),
        ]}))
    };
    assert_eq!(end_of(&beside(137)), PodEnd::OutOfMemory);
    assert_eq!(end_of(&beside(1)), PodEnd::Completed { message: None, exit: 1 });
    // Also where the pod was then evicted.
    let evicted = disrupted(failed(137, "OOMKilled", ""), "TerminationByKubelet");
    assert_eq!(end_of(&pod(evicted)), PodEnd::OutOfMemory);
}

#[test]
fn a_failed_init_container_is_no_fault_of_the_task() {
    let status = |phase: &str, state: Value| {
        pod(json!({
            "phase": phase,
            "initContainerStatuses": [container("installer", state)],
            "containerStatuses": [container("task", waits("PodInitializing", ""))],
        }))
    };
    for phase in ["Pending", "Failed"] {
        for (state, fault, message) in [
            (
                ended(2, "Error", "no space left\n"),
                PlatformFault::Other,
                "init container installer: it ended with exit code 2: no space left",
            ),
            (
                ended(137, "OOMKilled", ""),
                PlatformFault::Other,
                "init container installer: its memory ran out",
            ),
            (
                ended(128, "StartError", "exec: \"/wf-worker\": no such file"),
                PlatformFault::Config,
                "init container installer: it ended with exit code 128: exec: \"/wf-worker\": no such file",
            ),
        ] {
            assert_eq!(fault_of(&status(phase, state)), (fault, message.to_owned()));
        }
    }
    assert_eq!(waiting_of(&status("Pending", ended(0, "Completed", ""))), Waiting::Starting);
}

#[test]
fn a_program_that_cannot_be_started_or_is_lost_is_told() {
    let (fault, message) = fault_of(&pod(failed(128, "StartError", "no such file")));
    assert_eq!((fault, message.as_str()), (PlatformFault::Config, "container task: no such file"));
    let (fault, _) = fault_of(&pod(failed(128, "ContainerCannotRun", "")));
    assert_eq!(fault, PlatformFault::Config);
    let (fault, message) = fault_of(&pod(failed(137, "ContainerStatusUnknown", "")));
    assert_eq!(fault, PlatformFault::NodeLost);
    assert_eq!(message, "container task: ContainerStatusUnknown");
}

#[test]
fn the_pods_reason_tells_the_fault() {
    for (reason, fault) in [
        ("Evicted", PlatformFault::Evicted),
        ("DeadlineExceeded", PlatformFault::Deadline),
        ("NodeLost", PlatformFault::NodeLost),
        ("Shutdown", PlatformFault::NodeShutdown),
        ("NodeShutdown", PlatformFault::NodeShutdown),
        ("Terminated", PlatformFault::NodeShutdown),
        ("Preempting", PlatformFault::Preempted),
        ("NodeAffinity", PlatformFault::NodeRefused),
        ("UnexpectedAdmissionError", PlatformFault::NodeRefused),
        ("OutOfcpu", PlatformFault::NodeRefused),
        ("OutOfmemory", PlatformFault::NodeRefused),
        ("OutOfpods", PlatformFault::NodeRefused),
    ] {
        let named =
            |status: Value| with(with(status, "reason", reason.into()), "message", "m".into());
        let told = (fault, "m".to_owned());
        // Before anything ran, and with what was killed.
        assert_eq!(fault_of(&pod(named(json!({"phase": "Failed"})))), told, "{reason}");
        assert_eq!(fault_of(&pod(named(failed(143, "Error", "")))), told, "{reason}");
        let stopped = said(&[TaskResult::Exit(0), TaskResult::Stopped]);
        assert_eq!(fault_of(&pod(named(failed(1, "Error", &stopped)))), told, "{reason}");
        // What had ended well by then has ended well.
        let done = named(failed(0, "Completed", ""));
        assert_eq!(end_of(&pod(done)), PodEnd::Completed { message: None, exit: 0 });
        let message = said(&[TaskResult::Exit(0)]);
        let done = named(failed(0, "Completed", &message));
        let completed = PodEnd::Completed { message: Some(message), exit: 0 };
        assert_eq!(end_of(&pod(done)), completed, "{reason}");
    }
    // Where it says nothing the reason must do.
    let bare = with(json!({"phase": "Failed"}), "reason", "Evicted".into());
    assert_eq!(fault_of(&pod(bare)), (PlatformFault::Evicted, "Evicted".to_owned()));
}

#[test]
fn the_disruption_tells_the_fault() {
    for (reason, fault) in [
        ("PreemptionByScheduler", PlatformFault::Preempted),
        ("DeletionByTaintManager", PlatformFault::NodeLost),
        ("DeletionByPodGC", PlatformFault::NodeLost),
        ("EvictionByEvictionAPI", PlatformFault::Evicted),
        ("TerminationByKubelet", PlatformFault::Evicted),
    ] {
        for status in [json!({"phase": "Failed"}), failed(143, "Error", "")] {
            let told = fault_of(&pod(disrupted(status, reason)));
            assert_eq!(told, (fault, "why".to_owned()), "{reason}");
        }
    }
    // The kubelet says more in the pod's reason.
    let status = disrupted(failed(143, "Error", ""), "TerminationByKubelet");
    let status = with(with(status, "reason", "Terminated".into()), "message", "shutdown".into());
    assert_eq!(fault_of(&pod(status)), (PlatformFault::NodeShutdown, "shutdown".to_owned()));
    // A condition that is not true says nothing.
    let mut status = disrupted(failed(1, "Error", ""), "EvictionByEvictionAPI");
    status["conditions"][0]["status"] = "False".into();
    assert_eq!(end_of(&pod(status)), PodEnd::Completed { message: None, exit: 1 });
}

#[test]
fn a_lost_node_ends_the_pod_only_when_kubernetes_gave_it_up() {
    let status = |phase: &str| pod(json!({"phase": phase, "reason": "NodeLost", "message": "m"}));
    assert_eq!(read(&status("Running")), PodState::Running);
    for phase in ["Unknown", "Failed"] {
        assert_eq!(fault_of(&status(phase)), (PlatformFault::NodeLost, "m".to_owned()));
    }
    assert_eq!(read(&pod(json!({"phase": "Unknown"}))), PodState::Running);
}

#[test]
fn a_deleted_pod_is_told() {
    let deleted = |status: Value| {
        let metadata = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        made(json!({"nodeName": "n1"}), metadata, status)
    };
    assert_eq!(fault_of(&deleted(failed(143, "Error", ""))).0, PlatformFault::Deleted);
    let completed = PodEnd::Completed { message: None, exit: 0 };
    assert_eq!(end_of(&deleted(failed(0, "Completed", ""))), completed);
    let running = json!({"phase": "Running", "containerStatuses": [container("task", runs())]});
    // It went without having been seen to end.
    let PodEnd::Fault { fault, message } = read_deleted(&pod(running.clone())) else {
        panic!("it was deleted");
    };
    assert_eq!(
        (fault, message.as_str()),
        (PlatformFault::Deleted, "the pod was deleted before it ended")
    );
    let preempted = deleted(disrupted(running, "PreemptionByScheduler"));
    let fault = PodEnd::Fault { fault: PlatformFault::Preempted, message: "why".to_owned() };
    assert_eq!(read_deleted(&preempted), fault);
    let done = deleted(failed(3, "Error", &said(&[TaskResult::Exit(0)])));
    assert!(matches!(read_deleted(&done), PodEnd::Completed { exit: 3, .. }));
}

#[test]
fn a_failed_pod_that_says_nothing_failed_nevertheless() {
    let told = (PlatformFault::Other, "the pod failed and does not say why".to_owned());
    assert_eq!(fault_of(&pod(json!({"phase": "Failed"}))), told);
    let status = json!({"phase": "Failed", "message": "disk broken"});
    assert_eq!(fault_of(&pod(status)), (PlatformFault::Other, "disk broken".to_owned()));
}
