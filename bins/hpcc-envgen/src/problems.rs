//! Problems of what the user gave, shown with their lines.

use cli::{Exit, say};
use diagnostics::{Problem, Source, render};

/// The texts that problems may be about.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sources: Vec<(String, String)>,
}

impl Report {
    /// Keeps a text, so that its lines can be shown.
    pub(crate) fn keep(&mut self, file: &str, text: &str) {
        self.sources.push((file.to_owned(), text.to_owned()));
    }

    /// Shows problems; nothing where there are none.
    pub(crate) fn show(&self, problems: &[Problem]) {
        let sources: Vec<Source<'_>> =
            self.sources.iter().map(|(file, text)| Source { file, text }).collect();
        let text = render(problems, &sources);
        if !text.is_empty() {
            say(text.trim_end());
        }
    }
}

/// Shows why something cannot be used.
pub(crate) fn refuse(problems: &[Problem], report: &Report) -> Exit {
    report.show(problems);
    Exit::Invalid
}
