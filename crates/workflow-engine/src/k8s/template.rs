//! HyperFlow's `job-template.yaml`.
/// x
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template;
