//! Looks up where problems are: one pass over the text for all of them.

use hashbrown::HashMap;

use super::cursor::{Cursor, Extent, JsonKind};
use super::{Place, Position, Problem, Step};

/// The paths that are asked for, as a tree.
#[derive(Default)]
struct Wanted {
    keys: HashMap<&'static str, Wanted>,
    indexes: HashMap<u32, Wanted>,
    problems: Vec<usize>,
}

/// Fills in the positions and puts the problems in the order of the text.
pub(super) fn locate(text: &str, problems: &mut [Problem]) {
    let mut root = Wanted::default();
    let mut extents = vec![None; problems.len()];
    for (at, problem) in problems.iter().enumerate() {
        match &problem.place {
            Place::Bytes(offset, length) => {
                extents[at] = Some(Extent { start: *offset, end: offset + length });
            }
            Place::Path(steps) => {
                let mut node = &mut root;
                for step in steps {
                    node = match step {
                        Step::Key(key) => node.keys.entry(key).or_default(),
                        Step::Index(index) => node.indexes.entry(*index).or_default(),
                    };
                }
                node.problems.push(at);
            }
        }
    }
    // Without paths there is nothing to look for, and the text may be unsound.
    if problems.iter().any(|problem| matches!(problem.place, Place::Path(_))) {
        walk(Cursor::new(text), &root, 0, &mut extents);
    }
    let mut lines = Lines::default();
    let mut order: Vec<usize> = (0..problems.len()).collect();
    order.sort_by_key(|&at| extents[at].map_or(0, |extent: Extent| extent.start));
    for &at in &order {
        if let Some(extent) = extents[at] {
            let position = lines.position(text, extent.start, extent.end - extent.start);
            problems[at].position = Some(position);
        }
    }
    problems.sort_by_key(|problem| problem.position.map_or(0, |position| position.offset));
}

/// Aliases of keys at top level.
fn canonical(depth: usize, key: &str) -> &str {
    match (depth, key) {
        (0, "tasks") => "processes",
        (0, "data") => "signals",
        _ => key,
    }
}

fn walk(mut cursor: Cursor<'_>, wanted: &Wanted, depth: usize, extents: &mut [Option<Extent>]) {
    // Passing over a value costs its length: only for those that are asked for themselves.
    let start = cursor.start();
    mark_below(wanted, start, extents);
    if !wanted.problems.is_empty() {
        let here = cursor.extent();
        for &problem in &wanted.problems {
            extents[problem] = Some(here);
        }
    }
    match cursor.kind() {
        JsonKind::Object if !wanted.keys.is_empty() => cursor.each_member(|key, _, value| {
            let key = canonical(depth, key.trim_matches('"'));
            if let Some(inner) = wanted.keys.get(key) {
                walk(value, inner, depth + 1, extents);
            }
        }),
        JsonKind::Array if !wanted.indexes.is_empty() => cursor.each_item(|index, value| {
            if let Some(inner) = wanted.indexes.get(&index) {
                walk(value, inner, depth + 1, extents);
            }
        }),
        _ => {}
    }
}

/// Everything below `wanted` is at least here; deeper visits overwrite it with the exact place.
fn mark_below(wanted: &Wanted, start: usize, extents: &mut [Option<Extent>]) {
    let mut open: Vec<&Wanted> = wanted.keys.values().chain(wanted.indexes.values()).collect();
    while let Some(node) = open.pop() {
        for &problem in &node.problems {
            extents[problem] = Some(Extent { start, end: start + 1 });
        }
        open.extend(node.keys.values().chain(node.indexes.values()));
    }
}

/// Line numbers of ascending offsets, counted on from the last one.
#[derive(Debug, Default)]
pub(super) struct Lines {
    offset: usize,
    line: usize,
    /// Characters between the line's start and the offset.
    column: usize,
}

impl Lines {
    pub(super) fn position(&mut self, text: &str, offset: usize, length: usize) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        if offset < self.offset {
            *self = Self::default();
        }
        let passed = &text[self.offset..offset];
        let since = match passed.rfind('\n') {
            Some(last) => {
                self.line += passed.bytes().filter(|&byte| byte == b'\n').count();
                self.column = 0;
                &passed[last + 1..]
            }
            None => passed,
        };
        self.column += since.chars().count();
        self.offset = offset;
        let column = self.column + 1;
        let mut end = offset.saturating_add(length).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        let length = end - offset;
        Position { line: self.line + 1, column, offset, length }
    }
}
