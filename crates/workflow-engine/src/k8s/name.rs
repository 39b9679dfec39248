//! Names and labels of what a run makes on a cluster.
