//! Programs on other hosts, through the system's own `ssh`.
