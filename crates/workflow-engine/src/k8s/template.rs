//! HyperFlow's `job-template.yaml`.
