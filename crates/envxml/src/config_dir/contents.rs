//! `contents/*.xml`: elements with a marker that says where they go.

use super::{Reader, Source, suspicious};
use crate::edit::{Edit, Problem, content_elements};
use crate::tree::{Element, XPath};

impl Reader<'_> {
    pub(super) fn content(&mut self, file: &str) {
        let files = self.files;
        let Some(text) = files.get(file) else { return };
        let place = |byte: usize| {
            let before = &text[..byte];
            let line = 1 + before.matches('\n').count();
            let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Source { file: file.to_owned(), line: number(line), column: number(column) }
        };
        let Some(marker) = Marker::find(text) else {
            self.error(place(0), "expected <!--XPATH: ... --> in front of the elements");
            return;
        };
        let line_start = text[..marker.start].rfind('\n').map_or(0, |at| at + 1);
        if text[line_start..marker.start].trim_start().starts_with('#') {
            let message = "the file is switched off: its marker is a comment (#)";
            self.warn(place(line_start), message);
            return;
        }
        let path: XPath = match text[marker.path.clone()].parse() {
            Ok(path) => path,
            Err(error) => {
                let error: crate::tree::XPathError = error;
                let byte = text[marker.path.clone()].char_indices().nth(error.at - 1);
                let at = marker.path.start + byte.map_or(marker.path.len(), |(byte, _)| byte);
                self.error(place(at), error.message);
                return;
            }
        };
        if path.attribute.is_some() {
            self.error(
                place(marker.path.start),
                "expected a path of elements, without an attribute",
            );
            return;
        }
        let content = blanked(text, marker.end);
        match content_elements(&content) {
            Ok(elements) => {
                for element in &elements {
                    self.suspect_element(file, element);
                }
                self.edit(Edit::AddContent { path, content }, place(marker.start));
            }
            Err(Problem::Content { line, column, message }) => {
                let at = Source { file: file.to_owned(), line, column };
                let empty = content.trim().is_empty();
                self.error(if empty { place(marker.start) } else { at }, message);
            }
            Err(problem) => self.error(place(marker.start), problem.to_string()),
        }
    }

    fn suspect_element(&mut self, file: &str, element: &Element) {
        for attribute in element.attributes() {
            if let (Some(message), Some(at)) =
                (suspicious::value(&attribute.value()), attribute.position())
            {
                let source = Source { file: file.to_owned(), line: at.line, column: at.column };
                self.warn(source, message);
            }
        }
        for child in element.elements() {
            self.suspect_element(file, child);
        }
    }
}

/// `<!--XPATH: path -->`.
struct Marker {
    start: usize,
    path: std::ops::Range<usize>,
    end: usize,
}

impl Marker {
    /// The first comment of a text that is a marker.
    fn find(text: &str) -> Option<Self> {
        let mut from = 0;
        loop {
            let start = from + text[from..].find("<!--")?;
            let inner = start + 4;
            let stop = inner + text[inner..].find("-->")?;
            let body = &text[inner..stop];
            let trimmed = body.trim_start();
            if let Some(rest) = trimmed.strip_prefix("XPATH:") {
                let path = rest.trim();
                let begin = stop - rest.len() + (rest.len() - rest.trim_start().len());
                return Some(Self { start, path: begin..begin + path.len(), end: stop + 3 });
            }
            from = stop + 3;
        }
    }
}

/// The text with blanks in place of what stands before a byte and of comment lines, so that places stay.
fn blanked(text: &str, end: usize) -> String {
    let blank =
        |text: &str| -> String { text.chars().map(|c| if c == '\n' { c } else { ' ' }).collect() };
    let mut content = blank(&text[..end]);
    let mut before_elements = true;
    for line in text[end..].split_inclusive('\n') {
        if before_elements && line.trim_start().starts_with('#') {
            content.push_str(&blank(line));
            continue;
        }
        before_elements &= line.trim().is_empty();
        content.push_str(line);
    }
    content
}
