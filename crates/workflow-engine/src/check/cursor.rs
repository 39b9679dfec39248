//! A cursor over JSON text that is known to be sound: finds where things are, keeps nothing.
//!
//! Not a parser: syntax was checked before. A document tree with positions would take many times the
//! size of the file; this takes nothing, so that a faulty file of a gigabyte can be reported on.

/// The deepest nesting that is read (`serde_json` has the same limit).
pub(super) const DEEPEST: usize = 128;

/// The offset where nesting becomes too deep, found in one pass over the bytes.
pub(super) fn too_deep(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at) - 1,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(at);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The offset after the string that starts at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The byte offset of a line and column as `serde_json` counts them (bytes, from 1; column 0 is the
/// end of the line before).
pub(super) fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(at) => start += at + 1,
            None => break,
        }
    }
    let mut offset = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl JsonKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Null => "null",
        }
    }
}

/// A position in sound JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

/// A value's extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.space();
        cursor
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    pub(super) fn kind(&self) -> JsonKind {
        match self.byte() {
            b'{' => JsonKind::Object,
            b'[' => JsonKind::Array,
            b'"' => JsonKind::String,
            b't' | b'f' => JsonKind::Bool,
            b'n' | 0 => JsonKind::Null,
            _ => JsonKind::Number,
        }
    }

    /// Passes over one value.
    pub(super) fn skip(&mut self) -> Extent {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.byte() {
                b'"' => self.at = end_of_string(bytes, self.at),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                0 if self.at >= bytes.len() => break,
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    // At least one byte: a NUL outside a string is unsound, but must not hold us up.
                    self.at += 1;
                    while !matches!(
                        self.byte(),
                        0 | b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r'
                    ) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                break;
            }
        }
        Extent { start, end: self.at.min(bytes.len()) }
    }

    /// Where the value here starts.
    pub(super) fn start(&self) -> usize {
        self.at
    }

    /// The extent of the value here, without moving.
    pub(super) fn extent(&self) -> Extent {
        let mut ahead = *self;
        ahead.skip()
    }

    pub(super) fn slice(&self, extent: Extent) -> &'t str {
        self.text.get(extent.start..extent.end).unwrap_or_default()
    }

    /// Calls `visit` for each member of the object here, with the cursor at the member's value. The key
    /// comes as its raw text with quotes, and its extent.
    pub(super) fn each_member(&mut self, mut visit: impl FnMut(&'t str, Extent, Cursor<'t>)) {
        self.at += 1;
        loop {
            self.space();
            match self.byte() {
                b'"' => {}
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => break,
            }
            let key = self.skip();
            self.space();
            self.at += 1; // the colon
            self.space();
            visit(self.slice(key), key, *self);
            self.skip();
        }
        self.at += 1;
    }

    /// Calls `visit` for each item of the array here, with the cursor at the item.
    pub(super) fn each_item(&mut self, mut visit: impl FnMut(u32, Cursor<'t>)) {
        self.at += 1;
        let mut index = 0;
        loop {
            self.space();
            match self.byte() {
                b']' | 0 => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            visit(index, *self);
            index += 1;
            self.skip();
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_passed_over_whole() {
        let mut cursor = Cursor::new(r#" {"a\"]": [1, {"b": "}"}], "c": true } "#);
        let mut seen = Vec::new();
        cursor.each_member(|key, _, value| seen.push((key, value.slice(value.extent()))));
        assert_eq!(seen, [(r#""a\"]""#, r#"[1, {"b": "}"}]"#), (r#""c""#, "true")]);
    }

    #[test]
    fn a_nul_byte_does_not_hold_the_cursor_up() {
        let mut cursor = Cursor::new("[\0\0, \0x]");
        assert_eq!(cursor.skip(), Extent { start: 0, end: 8 });
    }

    #[test]
    fn brackets_inside_strings_are_not_nesting() {
        assert_eq!(too_deep(format!(r#"["{}"]"#, "[".repeat(200)).as_bytes()), None);
        assert_eq!(too_deep("[".repeat(129).as_bytes()), Some(128));
        assert_eq!(too_deep("[".repeat(128).as_bytes()), None);
    }
}
