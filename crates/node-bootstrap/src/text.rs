//! Formats of files on a host: pure functions from text to text.
