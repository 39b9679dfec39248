//! What a pod's status says of its tasks.
