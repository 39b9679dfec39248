//! The socket buffers that HPCC's Roxie demands of the kernel.
//!
//! Its UDP library throws at the start where the kernel allows less. Sources: HPCC Platform, roxie/udplib.

/// What the kernel has to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoxieFloor {
    /// `net.core.rmem_max`, in bytes.
    pub rmem_max: u64,
    /// `net.core.wmem_max`, in bytes.
    pub wmem_max: u64,
}

/// Attributes of a `RoxieCluster` in environment.xml that decide on the buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoxieBuffers {
    /// `udpQueueSize`, in packets.
    pub udp_queue_size: u64,
    /// `udpFlowSocketsSize`, in bytes.
    pub udp_flow_sockets_size: u64,
    /// `udpLocalWriteSocketSize`, in bytes.
    pub udp_local_write_socket_size: u64,
}

impl Default for RoxieBuffers {
    /// Roxie's own defaults.
    fn default() -> Self {
        Self {
            udp_queue_size: 100,
            udp_flow_sockets_size: 131_072,
            udp_local_write_socket_size: 1_024_000,
        }
    }
}

/// The largest payload of a packet, in bytes.
const PAYLOAD: u64 = 8192;

impl RoxieBuffers {
    /// What the kernel has to allow.
    ///
    /// ```
    /// use node_bootstrap::data::roxie::RoxieBuffers;
    ///
    /// let floor = RoxieBuffers::default().floor();
    /// assert_eq!((floor.rmem_max, floor.wmem_max), (1_638_400, 1_024_000));
    /// ```
    #[must_use]
    pub fn floor(self) -> RoxieFloor {
        let queue = self.udp_queue_size.saturating_mul(PAYLOAD).saturating_mul(2);
        RoxieFloor {
            rmem_max: self.udp_flow_sockets_size.max(queue),
            wmem_max: self.udp_local_write_socket_size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Node, Profile, Sysctl};

    #[test]
    fn the_profile_has_the_floor_of_the_defaults() {
        let node = Node::from_profile(Profile::Hpcc).unwrap();
        let floor = RoxieBuffers::default().floor();
        assert_eq!(node.sysctls["net.core.rmem_max"], Sysctl::at_least(floor.rmem_max));
        assert_eq!(node.sysctls["net.core.wmem_max"], Sysctl::at_least(floor.wmem_max));
    }

    #[test]
    fn the_larger_of_flow_and_queue_counts() {
        let small = RoxieBuffers { udp_queue_size: 1, ..RoxieBuffers::default() };
        assert_eq!(small.floor().rmem_max, 131_072);
        let large = RoxieBuffers { udp_queue_size: 200, ..RoxieBuffers::default() };
        assert_eq!(large.floor().rmem_max, 3_276_800);
        let absurd = RoxieBuffers { udp_queue_size: u64::MAX, ..RoxieBuffers::default() };
        assert_eq!(absurd.floor().rmem_max, u64::MAX);
    }
}
