//! plan
/// plan
#[derive(Debug)]
pub struct RestartPlan;
