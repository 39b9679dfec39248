//! The documents that kubeadm reads, and what joining needs: tokens, hashes of keys, kubeconfig files.

pub mod ca_hash;
mod documents;
pub mod kubeconfig;
#[cfg(test)]
mod tests;
mod token;

pub use documents::{
    Argument, BootstrapToken, CgroupDriver, ClusterConfiguration, ControlPlaneComponent, Discovery,
    Document, Etcd, ExternalEtcd, FileDiscovery, InitConfiguration, JoinConfiguration,
    JoinControlPlane, KubeProxyConfiguration, KubeletConfiguration, LocalApiEndpoint, LocalEtcd,
    MemorySwap, Networking, NodeRegistration, Patches, ResetConfiguration, Switch, Taint, Timeouts,
    TokenDiscovery, UpgradeApply, UpgradeConfiguration, UpgradeNode, render, render_redacted,
};
pub use token::{CertificateKey, InvalidSecret, Token};
