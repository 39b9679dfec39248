//! Failures that are not the task's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a task did not end although it did nothing wrong: what it ran on failed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PlatformFault {
    /// Its pod was evicted.
    Evicted,
    /// Its pod made room for a more important one.
    Preempted,
    /// Its node is gone, or does not answer.
    NodeLost,
    /// Its node was shut down.
    NodeShutdown,
    /// The node that the scheduler chose would not have the pod.
    NodeRefused,
    /// An image cannot be had.
    Image,
    /// The pod cannot be started as it is described.
    Config,
    /// No node can take the pod.
    Unschedulable,
    /// Its pod or Job ran longer than Kubernetes was told to allow.
    Deadline,
    /// A quota does not let the pod exist.
    Quota,
    /// Somebody deleted its pod.
    Deleted,
    /// The connection to its worker broke, and the worker did not come back.
    WorkerLost,
    /// Something else.
    Other,
}

impl PlatformFault {
    /// Whether the same task may go well on another try with nothing changed.
    #[must_use]
    pub fn helps_to_try_again(self) -> bool {
        match self {
            Self::Evicted
            | Self::Preempted
            | Self::NodeLost
            | Self::NodeShutdown
            | Self::NodeRefused
            | Self::Deleted
            | Self::WorkerLost
            | Self::Other => true,
            Self::Image | Self::Config | Self::Unschedulable | Self::Deadline | Self::Quota => {
                false
            }
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Evicted => {
                "ask for the memory and the ephemeral storage that the task really uses, so that its node does not run short of them"
            }
            Self::Preempted => {
                "give its pods a higher priorityClassName, or the cluster more nodes"
            }
            Self::NodeLost => {
                "see `kubectl get nodes`; on nodes that come and go this is to be expected"
            }
            Self::NodeShutdown => "on nodes that come and go this is to be expected",
            Self::NodeRefused => "see its message; another try usually finds another node",
            Self::Image => {
                "check the image's name and tag, and the imagePullSecrets of the service account"
            }
            Self::Config => "check the job template: what it mounts and refers to must exist",
            Self::Unschedulable => {
                "ask for less, loosen the nodeSelector, or give the cluster nodes that fit"
            }
            Self::Deadline => "raise activeDeadlineSeconds in the job template, or remove it",
            Self::Quota => "raise the namespace's ResourceQuota, or ask for less",
            Self::Deleted => "find out who deletes pods in this namespace",
            Self::WorkerLost => {
                "see `kubectl describe pod` of the worker, and the network between it and the engine"
            }
            Self::Other => "see `kubectl describe pod`",
        }
    }
}

impl fmt::Display for PlatformFault {
    /// What it means. How to mend it says [`PlatformFault::help`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicted => "its pod was evicted",
            Self::Preempted => "its pod was stopped for a more important one",
            Self::NodeLost => "its node was lost",
            Self::NodeShutdown => "its node was shut down",
            Self::NodeRefused => "its node refused the pod",
            Self::Image => "an image could not be pulled",
            Self::Config => "its pod could not be started as it is described",
            Self::Unschedulable => "no node can take its pod",
            Self::Deadline => "its pod ran longer than activeDeadlineSeconds",
            Self::Quota => "a quota forbids its pod",
            Self::Deleted => "its pod was deleted",
            Self::WorkerLost => "its worker was lost",
            Self::Other => "its pod failed",
        })
    }
}
