//! What a pod's status says of its tasks.
//!
//! The pod is one of ours: `wf-worker` in the main container, which writes a [`BatchEnd`] as its termination message when
//! it ends in an orderly way. What an orderly worker says counts, unless the pod was being taken away at that time:
//! then only success does, for a task that failed while it was asked to end has not failed by itself.

use k8s_apply::object::Object;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};
use serde::Deserialize;
use worker::protocol::{BatchEnd, TaskEnd, TaskResult};

use crate::exec::PlatformFault;

/// Name of the container that the tasks run in.
pub const MAIN_CONTAINER: &str = "task";

/// How far a pod is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodState {
    /// Its tasks do not run yet.
    Waiting {
        /// What for.
        why: Waiting,
    },
    /// Its main container runs. A pod that is being deleted runs until it has ended.
    Running,
    /// Its main container runs no more, and will not again.
    Ended(PodEnd),
}

/// What a pod waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The scheduler did not look at it yet, or is held back by a gate.
    Unscheduled,
    /// The scheduler found no node for it.
    Unschedulable {
        /// What the scheduler says.
        message: String,
    },
    /// An image that cannot be pulled, at least for now.
    Image {
        /// Which, and why.
        message: String,
    },
    /// A container that cannot be started, at least for now.
    Config {
        /// Which, and why.
        message: String,
    },
    /// Its images, volumes and containers, in good order as far as can be seen.
    Starting,
}

/// What became of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodEnd {
    /// Its main container ended by itself.
    Completed {
        /// The main container's termination message, if there is any.
        message: Option<String>,
        /// The main container's exit code.
        exit: i32,
    },
    /// The memory that it was allowed ran out.
    OutOfMemory,
    /// The platform failed it.
    Fault {
        /// In which way.
        fault: PlatformFault,
        /// The words of Kubernetes, with the container's name where it is about one.
        message: String,
    },
}

/// A pod that comes from the API; `None`: it is none.
#[must_use]
pub fn pod(object: &Object) -> Option<Pod> {
    Pod::deserialize(object.value()).ok()
}

/// What a pod says.
#[must_use]
pub fn read(pod: &Pod) -> PodState {
    let look = Look::at(pod);
    if let Some(end) = look.end() {
        return PodState::Ended(end);
    }
    match look.waiting() {
        Some(why) => PodState::Waiting { why },
        None => PodState::Running,
    }
}

/// The ends that the pod's worker wrote down, whatever became of the pod then; and whether memory ran out after that.
#[must_use]
pub fn told(pod: &Pod) -> (Vec<TaskEnd>, bool) {
    let look = Look::at(pod);
    let Some(ended) = look.main.and_then(|main| terminated(main.state.as_ref())) else {
        return (Vec::new(), false);
    };
    let told = ended.message.as_deref().and_then(|text| BatchEnd::from_message(text).ok());
    (told.map(|told| told.ends).unwrap_or_default(), look.is_out_of_memory(ended))
}

/// What became of a pod that is there no more, by the last that was seen of it.
#[must_use]
pub fn read_deleted(pod: &Pod) -> PodEnd {
    let look = Look::at(pod);
    look.end().unwrap_or_else(|| {
        let (fault, message) = look.taken_away().unwrap_or_else(|| {
            (PlatformFault::Deleted, "the pod was deleted before it ended".to_owned())
        });
        PodEnd::Fault { fault, message }
    })
}

impl Waiting {
    /// As what it counts when nobody wants to wait any longer; `None` where there is no fault yet.
    #[must_use]
    pub fn fault(&self) -> Option<PlatformFault> {
        match self {
            Self::Unscheduled | Self::Starting => None,
            Self::Unschedulable { .. } => Some(PlatformFault::Unschedulable),
            Self::Image { .. } => Some(PlatformFault::Image),
            Self::Config { .. } => Some(PlatformFault::Config),
        }
    }
}

/// The parts of a pod that matter.
struct Look<'a> {
    pod: &'a Pod,
    status: Option<&'a PodStatus>,
    phase: &'a str,
    main: Option<&'a ContainerStatus>,
}

impl<'a> Look<'a> {
    fn at(pod: &'a Pod) -> Self {
        let status = pod.status.as_ref();
        let statuses = status.and_then(|status| status.container_statuses.as_deref());
        let statuses = statuses.unwrap_or_default();
        let described = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
        let name = described
            .iter()
            .find(|container| container.name == MAIN_CONTAINER)
            .or(described.first())
            .map(|container| container.name.as_str());
        let main = match name {
            Some(name) => statuses.iter().find(|status| status.name == name),
            None => statuses
                .iter()
                .find(|status| status.name == MAIN_CONTAINER)
                .or_else(|| statuses.first()),
        };
        let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
        Self { pod, status, phase, main }
    }

    fn init(&self) -> &'a [ContainerStatus] {
        self.status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default()
    }

    fn others(&self) -> impl Iterator<Item = &'a ContainerStatus> {
        let main = self.main.map(|main| main.name.as_str());
        self.status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default()
            .iter()
            .filter(move |status| Some(status.name.as_str()) != main)
    }

    /// What is true of the pod, by its type.
    fn condition(&self, kind: &str) -> Option<&'a PodCondition> {
        self.status?.conditions.as_deref()?.iter().find(|condition| condition.type_ == kind)
    }

    /// The pod's own message.
    fn message(&self) -> Option<&'a str> {
        self.status?.message.as_deref().filter(|text| !text.is_empty())
    }

    /// Whether a container that ends with this code is started again.
    fn restarts(&self, exit: i32) -> bool {
        let policy = self.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        match policy {
            Some("Never") => false,
            Some("OnFailure") => exit != 0,
            // What Kubernetes takes where nothing is said.
            _ => true,
        }
    }

    /// Whether the whole pod has ended.
    fn is_over(&self) -> bool {
        matches!(self.phase, "Succeeded" | "Failed")
    }

    fn end(&self) -> Option<PodEnd> {
        let terminated = self.main.and_then(|main| terminated(main.state.as_ref()));
        if let Some(terminated) = terminated
            && (self.is_over() || !self.restarts(terminated.exit_code))
        {
            return Some(self.main_ended(terminated));
        }
        match self.phase {
            "Succeeded" => return Some(PodEnd::Completed { message: None, exit: 0 }),
            "Failed" => {}
            // The node lifecycle controller's word for a pod that it gave up.
            "Unknown" if self.reason() == "NodeLost" => {}
            _ => {
                // The main container will never begin.
                let failed = self.init().iter().find_map(|status| {
                    let ended = terminated_badly(status)?;
                    (!self.restarts(ended.exit_code)).then(|| init_fault(status, ended))
                });
                return failed.filter(|_| terminated.is_none());
            }
        }
        if let Some((fault, message)) = self.taken_away() {
            return Some(PodEnd::Fault { fault, message });
        }
        let init = self
            .init()
            .iter()
            .find_map(|status| terminated_badly(status).map(|ended| init_fault(status, ended)));
        Some(init.unwrap_or_else(|| {
            let message = self.message().unwrap_or("the pod failed and does not say why");
            PodEnd::Fault { fault: PlatformFault::Other, message: message.to_owned() }
        }))
    }

    fn main_ended(&self, terminated: &ContainerStateTerminated) -> PodEnd {
        let message = terminated.message.clone().filter(|text| !text.is_empty());
        let orderly = message.as_deref().and_then(|text| BatchEnd::from_message(text).ok());
        let exit = terminated.exit_code;
        let reason = terminated.reason.as_deref().unwrap_or_default();
        if orderly.is_none() && self.is_out_of_memory(terminated) {
            return PodEnd::OutOfMemory;
        }
        let went_well = match &orderly {
            Some(end) => {
                !end.ends.is_empty() && end.ends.iter().all(|end| end.result == TaskResult::Exit(0))
            }
            None => exit == 0,
        };
        if went_well {
            return PodEnd::Completed { message, exit };
        }
        if let Some((fault, message)) = self.taken_away() {
            return PodEnd::Fault { fault, message };
        }
        let said = || self.of_container(self.main, message.as_deref().unwrap_or(reason));
        match reason {
            // The runtime could not start the program that is to run the tasks.
            "StartError" | "ContainerCannotRun" => {
                PodEnd::Fault { fault: PlatformFault::Config, message: said() }
            }
            // The node does not know what became of it: it was restarted, or is gone.
            "ContainerStatusUnknown" => {
                PodEnd::Fault { fault: PlatformFault::NodeLost, message: said() }
            }
            _ => PodEnd::Completed { message, exit },
        }
    }

    /// Whether memory ran out: in the main container, or, where that was killed, in another one of the pod.
    fn is_out_of_memory(&self, terminated: &ContainerStateTerminated) -> bool {
        let last = self.main.and_then(|main| main.last_state.as_ref());
        let unknown = terminated.reason.as_deref() == Some("ContainerStatusUnknown");
        is_oom(terminated)
            || unknown && self::terminated(last).is_some_and(is_oom)
            || terminated.exit_code == KILLED && self.others().any(was_oom)
    }

    fn reason(&self) -> &'a str {
        self.status.and_then(|status| status.reason.as_deref()).unwrap_or_default()
    }

    /// Who takes, or took, the pod away from its tasks, if anybody.
    fn taken_away(&self) -> Option<(PlatformFault, String)> {
        let disruption =
            self.condition("DisruptionTarget").filter(|condition| condition.status == "True");
        let by_pod = match self.reason() {
            "Evicted" => Some(PlatformFault::Evicted),
            "DeadlineExceeded" => Some(PlatformFault::Deadline),
            "NodeLost" => Some(PlatformFault::NodeLost),
            // The kubelet's words have changed over the years.
            "Shutdown" | "NodeShutdown" | "Terminated" => Some(PlatformFault::NodeShutdown),
            "Preempting" => Some(PlatformFault::Preempted),
            "NodeAffinity" | "UnexpectedAdmissionError" => Some(PlatformFault::NodeRefused),
            other if other.starts_with("OutOf") => Some(PlatformFault::NodeRefused),
            _ => None,
        };
        let by_condition = disruption.map(|condition| {
            match condition.reason.as_deref().unwrap_or_default() {
                "PreemptionByScheduler" => PlatformFault::Preempted,
                "DeletionByTaintManager" | "DeletionByPodGC" => PlatformFault::NodeLost,
                // `EvictionByEvictionAPI`, `TerminationByKubelet`, and what may come.
                _ => PlatformFault::Evicted,
            }
        });
        let deleted = self.pod.metadata.deletion_timestamp.is_some();
        let fault =
            by_pod.or(by_condition).or_else(|| deleted.then_some(PlatformFault::Deleted))?;
        let message = self
            .message()
            .or_else(|| disruption?.message.as_deref().filter(|text| !text.is_empty()))
            .or_else(|| Some(self.reason()).filter(|text| !text.is_empty()))
            .unwrap_or("the pod was deleted before it ended");
        Some((fault, message.to_owned()))
    }

    /// What it waits for; `None`: it runs.
    fn waiting(&self) -> Option<Waiting> {
        let state = self.main.and_then(|main| main.state.as_ref());
        if state.is_some_and(|state| state.running.is_some()) {
            return None;
        }
        let scheduled = self.condition("PodScheduled");
        let has_node = self.pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())
            || scheduled.is_some_and(|condition| condition.status == "True")
            || self.main.is_some();
        if self.phase == "Pending" && !has_node {
            let refused = scheduled
                .filter(|condition| condition.status == "False")
                .filter(|condition| condition.reason.as_deref() == Some("Unschedulable"));
            return Some(match refused {
                Some(condition) => Waiting::Unschedulable {
                    message: condition.message.clone().unwrap_or_default(),
                },
                None => Waiting::Unscheduled,
            });
        }
        let found = self
            .init()
            .iter()
            .chain(self.main)
            .chain(self.others())
            .find_map(|status| self.obstacle(status));
        if found.is_some() {
            return found;
        }
        let begins =
            state.is_some_and(|state| state.waiting.is_some() || state.terminated.is_some());
        (self.phase == "Pending" || begins).then_some(Waiting::Starting)
    }

    /// What keeps a container from starting.
    fn obstacle(&self, status: &ContainerStatus) -> Option<Waiting> {
        let waiting = status.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let words = waiting.message.as_deref().filter(|text| !text.is_empty());
        let message = |extra: &str| self.of_container(Some(status), &format!("{reason}: {extra}"));
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => {
                let image = format!("image {}", status.image);
                Some(Waiting::Image { message: message(words.unwrap_or(&image)) })
            }
            "CrashLoopBackOff" => {
                let last = terminated(status.last_state.as_ref());
                let extra = match last {
                    Some(last) if is_oom(last) => "its memory ran out".to_owned(),
                    Some(last) => format!("it ended with exit code {}", last.exit_code),
                    None => words.unwrap_or("it ends again and again").to_owned(),
                };
                Some(Waiting::Config { message: message(&extra) })
            }
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PreCreateHookError"
            | "PreStartHookError"
            | "PostStartHookError" => {
                Some(Waiting::Config { message: message(words.unwrap_or("no reason was given")) })
            }
            _ => None,
        }
    }

    /// Says which container it is about.
    fn of_container(&self, status: Option<&ContainerStatus>, words: &str) -> String {
        match status {
            None => words.to_owned(),
            Some(status) if self.init().iter().any(|init| init.name == status.name) => {
                format!("init container {}: {words}", status.name)
            }
            Some(status) => format!("container {}: {words}", status.name),
        }
    }
}

/// The exit code of a program that SIGKILL ended.
const KILLED: i32 = 137;

fn terminated(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    state?.terminated.as_ref()
}

fn is_oom(terminated: &ContainerStateTerminated) -> bool {
    terminated.reason.as_deref() == Some("OOMKilled")
}

fn was_oom(status: &ContainerStatus) -> bool {
    [&status.state, &status.last_state]
        .into_iter()
        .any(|state| terminated(state.as_ref()).is_some_and(is_oom))
}

fn terminated_badly(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    terminated(status.state.as_ref()).filter(|ended| ended.exit_code != 0)
}

/// An init container makes the pod ready for the task: what goes wrong there is not the task's.
fn init_fault(status: &ContainerStatus, ended: &ContainerStateTerminated) -> PodEnd {
    let reason = ended.reason.as_deref().unwrap_or_default();
    let fault = match reason {
        "StartError" | "ContainerCannotRun" => PlatformFault::Config,
        _ => PlatformFault::Other,
    };
    let what = if was_oom(status) {
        "its memory ran out".to_owned()
    } else {
        format!("it ended with exit code {}", ended.exit_code)
    };
    let words = ended.message.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let words = words.map(|text| format!(": {text}")).unwrap_or_default();
    PodEnd::Fault { fault, message: format!("init container {}: {what}{words}", status.name) }
}

#[cfg(test)]
mod tests;
