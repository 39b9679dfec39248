//! What all programs share at their edge: exit codes, messages, formats.
//!
//! For programs only. A library prints nothing and does not know that there are exit codes.
//!
//! ```no_run
//! fn run() -> anyhow::Result<cli::Exit> {
//!     let found = 2;
//!     cli::note(&cli::counted(found, "finding"));
//!     Ok(if found == 0 { cli::Exit::Ok } else { cli::Exit::Differences })
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     cli::finish("example", run(), cli::Exit::of)
//! }
//! ```

mod exit;
mod output;
mod words;

pub use exit::{Exit, InvalidInput, finish, invalid};
pub use output::{
    OutputFormat, colours, confirmed, error, is_broken_pipe, note, print_completions, printable,
    say,
};
pub use words::{bytes, counted, seconds};
