//! HyperFlow's configuration for clusters: `jobAgglomerations`, `executionModels`, `jobvars`.
