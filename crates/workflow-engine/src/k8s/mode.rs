//! Which mode a task type is run in, and why.
