//! One buffer for all text of a workflow: names and configurations are spans into it.
//!
//! A workflow of a million processes repeats few words but has millions of names. Keeping the file's
//! text once and pointing into it costs 8 bytes a name instead of a heap allocation each.

/// A piece of a [`Text`]. Offsets at or past the file's length point into the extra part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { start: 0, len: 0 };

    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// The file's text, and what was made from it (unescaped names, expanded variables).
#[derive(Debug, Default)]
pub(crate) struct Text {
    file: String,
    extra: String,
}

impl Text {
    pub(crate) fn get(&self, span: Span) -> &str {
        let start = span.start as usize;
        let (part, start) = match start.checked_sub(self.file.len()) {
            Some(in_extra) => (&self.extra, in_extra),
            None => (&self.file, start),
        };
        part.get(start..start + span.len as usize).unwrap_or_default()
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn into_file(self) -> String {
        self.file
    }

    /// Puts back together a file's text and the extra part made while reading it.
    pub(crate) fn from_parts(file: String, extra: ExtraText) -> Self {
        Self { file, extra: extra.text }
    }
}

/// Collects the extra part while the file's text is still borrowed by the reader.
#[derive(Debug)]
pub(crate) struct ExtraText {
    file_start: usize,
    file_len: usize,
    text: String,
}

impl ExtraText {
    pub(crate) fn new(file: &str) -> Self {
        Self { file_start: file.as_ptr() as usize, file_len: file.len(), text: String::new() }
    }

    /// The span of a slice of the file's text; anything else is copied.
    pub(crate) fn borrowed(&mut self, text: &str) -> Span {
        let at = text.as_ptr() as usize;
        match at.checked_sub(self.file_start) {
            Some(offset) if offset + text.len() <= self.file_len => {
                Span { start: offset as u32, len: text.len() as u32 }
            }
            _ => self.push(text),
        }
    }

    /// Copies a string to the extra part.
    pub(crate) fn push(&mut self, text: &str) -> Span {
        let start = self.file_len + self.text.len();
        self.text.push_str(text);
        Span { start: start as u32, len: text.len() as u32 }
    }

    pub(crate) fn total_len(&self) -> usize {
        self.file_len + self.text.len()
    }

    pub(crate) fn get<'a>(&'a self, file: &'a str, span: Span) -> &'a str {
        let start = span.start as usize;
        let (part, start) = match start.checked_sub(self.file_len) {
            Some(in_extra) => (self.text.as_str(), in_extra),
            None => (file, start),
        };
        part.get(start..start + span.len as usize).unwrap_or_default()
    }
}
