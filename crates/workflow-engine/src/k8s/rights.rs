//! The smallest Role that a run needs.
