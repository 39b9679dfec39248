//! Texts are cut into documents before they are read, so that one bad document does not hide the others.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Place, Problem, yaml};
use serde_json::Value;

use super::source::{Document, Text};
use super::tree::Tree;

/// A document with its number from 1, and its value.
pub(super) type Read = (usize, Arc<Document>, Value);

/// Reads every document of a text that is not empty. The second list says where those are that cannot be read.
pub(super) fn read(
    text: &Arc<Text>,
    problems: &mut Vec<Problem>,
) -> (Vec<Read>, Vec<Range<usize>>) {
    let mut found = Vec::new();
    let mut unread = Vec::new();
    let mut number = 0;
    let mut pieces = pieces(&text.text);
    // Two markers in a row, as at the beginning of a file, have nothing between them that one would count.
    pieces.retain(|piece| text.text[piece.start..piece.end].lines().any(is_content));
    for (piece, values) in pieces.iter().zip(all_values(text, &pieces)) {
        let content = &text.text[piece.start..piece.end];
        for (start, end, value) in values {
            number += 1;
            let (from, to) = (piece.start + start, piece.start + end);
            let before = &content[..start];
            let line = piece.lines + before.matches('\n').count();
            let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count());
            let document = Document::new(Arc::clone(text), from..to, line, column);
            match value {
                Ok(Value::Null) => {}
                Ok(value) => found.push((number, Arc::new(document), value)),
                Err(mut problem) => {
                    problem.place = problem.place.map(|place| document.moved(place));
                    if let Some(template) = document.template() {
                        let _ = write!(problem.message, " (made of {template})");
                    }
                    problems.push(problem);
                    unread.push(document.range());
                }
            }
        }
    }
    (found, unread)
}

/// A part of a text between markers.
struct Piece {
    start: usize,
    end: usize,
    /// Lines before it.
    lines: usize,
}

/// Cuts at `---`, which is kept, and after `...`. Both are markers wherever they begin a line: no scalar of a
/// mapping can hold them there.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut start, mut first_line) = (0, 0);
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line, "---") && offset > start {
            pieces.push(Piece { start, end: offset, lines: first_line });
            (start, first_line) = (offset, number);
        }
        if is_marker(line, "...") {
            pieces.push(Piece { start, end: offset, lines: first_line });
            (start, first_line) = (offset + line.len(), number + 1);
        }
        offset += line.len();
    }
    pieces.push(Piece { start, end: text.len(), lines: first_line });
    pieces
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether a line is more than space, a comment, a marker or a directive.
fn is_content(line: &str) -> bool {
    let rest = if is_marker(line, "---") { &line[3..] } else { line };
    let rest = rest.trim();
    !rest.is_empty() && !rest.starts_with('#') && !line.starts_with('%')
}

/// From how many bytes on a text is read by several threads.
const LARGE: usize = 256 * 1024;

/// The values of all pieces. Those of a large text are read by several threads, because reading YAML is slow.
fn all_values(text: &Text, pieces: &[Piece]) -> Vec<Vec<Found>> {
    let read = |pieces: &[Piece]| -> Vec<Vec<Found>> {
        let content = |piece: &Piece| values(&text.name, &text.text[piece.start..piece.end]);
        pieces.iter().map(content).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    if text.text.len() < LARGE || threads == 1 || pieces.len() < threads {
        return read(pieces);
    }
    std::thread::scope(|scope| {
        let parts = pieces.chunks(pieces.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| (part, scope.spawn(move || read(part)))).collect();
        // A thread that broke down has its part read again here, so that the reason shows.
        running
            .into_iter()
            .flat_map(|(part, run)| run.join().unwrap_or_else(|_| read(part)))
            .collect()
    })
}

/// A value with its beginning and end, or why it is none.
type Found = (usize, usize, Result<Value, Problem>);

/// The values of a piece: several JSON documents in a row, or one document of YAML. What begins like JSON and is
/// none may still be YAML.
fn values(name: &str, text: &str) -> Vec<Found> {
    let mut json = None;
    if text.trim_start().starts_with('{') {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Tree>();
        let mut found = Vec::new();
        loop {
            let start = stream.byte_offset();
            let start = start + text[start..].len() - text[start..].trim_start().len();
            match stream.next() {
                None => return found,
                Some(Ok(Tree(value))) => found.push((start, stream.byte_offset(), Ok(value))),
                Some(Err(error)) => {
                    let place = Place {
                        file: name.to_owned(),
                        line: error.line().max(1),
                        column: error.column().max(1),
                    };
                    let message = error.to_string();
                    let message =
                        message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
                    json = Some(Problem::error("json", message).placed(place));
                    break;
                }
            }
        }
    }
    let value = match yaml::read::<Tree>(name, text) {
        Ok(Tree(value)) => Ok(value),
        Err(unreadable) => match json {
            Some(problem) if is_json_file(name) => Err(problem),
            _ => Err(*unreadable.problem),
        },
    };
    vec![(0, text.len(), value)]
}

fn is_json_file(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
}
