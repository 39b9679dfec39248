//! The objects that a run makes: Jobs, the Secret and the Service of its workers, the relay.
