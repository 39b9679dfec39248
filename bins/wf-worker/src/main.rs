//! Runs the tasks of a workflow in a pod.

fn main() {}
