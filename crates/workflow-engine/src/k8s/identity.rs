//! A run's own certificates.
