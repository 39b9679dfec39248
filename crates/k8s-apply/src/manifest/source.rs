//! The texts that manifests stand in, and the places in them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use diagnostics::yaml::Places;
use diagnostics::{DataPath, Place, Source, Step};

/// The texts that were read, to show the lines of problems. Documents that hold a Secret, or may hold one, are not shown.
#[derive(Clone, Default)]
pub struct Sources(Vec<Shown>);

#[derive(Clone)]
struct Shown {
    text: Arc<Text>,
    /// The text without its secrets, if there are any.
    without: Option<String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|shown| &shown.text)).finish()
    }
}

/// What stands for a line that is not shown.
const HIDDEN: &str = "(a Secret is not shown)";

impl Sources {
    /// The texts as [`diagnostics::render`] takes them.
    #[must_use]
    pub fn texts(&self) -> Vec<Source<'_>> {
        self.0
            .iter()
            .map(|shown| {
                let text = shown.without.as_ref().unwrap_or(&shown.text.text);
                Source { file: &shown.text.name, text }
            })
            .collect()
    }

    /// Adds a text, with the parts of it that are not shown.
    pub(super) fn add(&mut self, text: Arc<Text>, mut hidden: Vec<Range<usize>>) {
        hidden.sort_by_key(|part| part.start);
        let without = (!hidden.is_empty()).then(|| {
            let mut out = String::new();
            let (mut offset, mut next) = (0, 0);
            for line in text.text.split_inclusive('\n') {
                let end = offset + line.len();
                while hidden.get(next).is_some_and(|part| part.end <= offset) {
                    next += 1;
                }
                if hidden.get(next).is_some_and(|part| part.start < end) {
                    out.push_str(HIDDEN);
                    out.push('\n');
                } else {
                    out.push_str(line);
                }
                offset = end;
            }
            out
        });
        self.0.push(Shown { text, without });
    }
}

/// One file, or what stands for one. `Debug` shows only its name.
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({:?})", self.name)
    }
}

/// One document of a text. Its places are looked up when the first one is asked for.
#[derive(Debug)]
pub(super) struct Document {
    text: Arc<Text>,
    range: Range<usize>,
    /// Lines before it.
    lines: usize,
    /// Characters before it in its first line.
    columns: usize,
    /// Lines and columns from its beginning to the first character that is neither comment nor space.
    content: (usize, usize),
    places: OnceLock<Option<Places>>,
}

impl Document {
    pub(super) fn new(text: Arc<Text>, range: Range<usize>, lines: usize, columns: usize) -> Self {
        let content = content(&text.text[range.clone()]);
        Self { text, range, lines, columns, content, places: OnceLock::new() }
    }

    pub(super) fn file(&self) -> &str {
        &self.text.name
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    pub(super) fn text(&self) -> &str {
        &self.text.text[self.range.clone()]
    }

    /// Where it begins, without comments.
    pub(super) fn start(&self) -> Place {
        let (line, column) = self.content;
        self.moved(Place { file: self.file().to_owned(), line: line + 1, column: column + 1 })
    }

    /// Where a path is: its key or item, or the last that there is on the way to it.
    pub(super) fn find(&self, path: &DataPath) -> Place {
        if path.is_root() {
            return self.start();
        }
        let places = self.places.get_or_init(|| Places::of(self.file(), self.text()).ok());
        match places {
            Some(places) => {
                let place = self.moved(places.find(path));
                // What is not there at all is told at the first line, not at a comment before it.
                place.max(self.start())
            }
            None => self.start(),
        }
    }

    /// The place of the text, from the one of this document.
    pub(super) fn moved(&self, mut place: Place) -> Place {
        if place.line == 1 {
            place.column += self.columns;
        }
        place.line += self.lines;
        place
    }

    /// The template that `helm template` made this of: its comment says so.
    pub(super) fn template(&self) -> Option<&str> {
        self.text()
            .lines()
            .take_while(|line| line.starts_with("---") || line.starts_with('#') || line.is_empty())
            .find_map(|line| line.strip_prefix("# Source: "))
            .map(str::trim)
    }
}

/// Lines and columns before the first character that is neither space, comment nor marker.
fn content(text: &str) -> (usize, usize) {
    for (number, line) in text.lines().enumerate() {
        let (rest, before) = match line.strip_prefix("---") {
            Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t']) => (rest, 3),
            _ => (line, 0),
        };
        let trimmed = rest.trim_start();
        if !trimmed.is_empty() && !trimmed.starts_with(['#', '%']) {
            return (number, before + rest.chars().take_while(|c| c.is_whitespace()).count());
        }
    }
    (0, 0)
}

/// One path after another.
pub(super) fn concat(first: &DataPath, second: &DataPath) -> DataPath {
    first.steps().iter().chain(second.steps()).cloned().collect::<DataPath>()
}

/// A path from its steps.
pub(super) fn path(steps: &[Step]) -> DataPath {
    steps.iter().cloned().collect()
}
