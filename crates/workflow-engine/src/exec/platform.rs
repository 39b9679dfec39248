//! What can befall a task that is no fault of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a cluster did not bring a task to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlatformFault {
    /// The node was short of something.
    Evicted,
    /// A pod of higher priority took its place.
    Preempted,
    /// The node is gone.
    NodeLost,
    /// The node was shut down.
    NodeShutdown,
    /// An image cannot be pulled.
    Image,
    /// A container cannot be made as it is configured.
    Config,
    /// No node has room for it, or none is allowed.
    Unschedulable,
    /// Kubernetes' own deadline for the pod or Job has passed.
    Deadline,
    /// The namespace's quota does not allow it.
    Quota,
    /// Somebody deleted it.
    Deleted,
    /// The worker that ran it is gone.
    WorkerLost,
    /// Something else.
    Other,
}

impl PlatformFault {
    /// Whether another attempt may go better without anyone mending something.
    #[must_use]
    pub fn helps_to_try_again(self) -> bool {
        !matches!(
            self,
            Self::Image | Self::Config | Self::Unschedulable | Self::Deadline | Self::Quota
        )
    }
}

impl fmt::Display for PlatformFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicted => "evicted from its node",
            Self::Preempted => "preempted",
            Self::NodeLost => "its node was lost",
            Self::NodeShutdown => "its node was shut down",
            Self::Image => "its image cannot be had",
            Self::Config => "its container cannot be made",
            Self::Unschedulable => "cannot be scheduled",
            Self::Deadline => "Kubernetes' deadline passed",
            Self::Quota => "refused by a quota",
            Self::Deleted => "deleted from outside",
            Self::WorkerLost => "its worker was lost",
            Self::Other => "the cluster failed it",
        })
    }
}
