//! Hosts that die, that nobody reaches, and that are busy.
