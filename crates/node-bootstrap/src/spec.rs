//! `node.yaml`: what a host shall be.
