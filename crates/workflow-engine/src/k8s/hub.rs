//! Connections of workers: TLS in, messages out and in.
