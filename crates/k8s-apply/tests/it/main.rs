//! Tests over the public interface.

mod data;
