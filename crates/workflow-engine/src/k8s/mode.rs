//! Which mode a task type is run in, and why.
/// x
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// a
    Pool,
    /// b
    Job,
    /// c
    Clustered {
        /// d
        size: u32,
        /// e
        flush: std::time::Duration,
    },
}
