//! Lines of a file, and text that knows its columns.

use super::Source;

/// Characters with the columns that they come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marked {
    characters: Vec<(char, u32)>,
    /// The column after the last one.
    end: u32,
}

impl Marked {
    pub(super) fn text(&self) -> String {
        self.characters.iter().map(|(character, _)| character).collect()
    }

    /// The column of a character, counted from 1.
    pub(super) fn column(&self, at: usize) -> u32 {
        self.characters.get(at.saturating_sub(1)).map_or(self.end, |(_, column)| *column)
    }

    fn push(&mut self, character: char, column: u32) {
        self.characters.push((character, column));
        self.end = column + 1;
    }

    /// Splits at the first character that fits outside of quotes and brackets.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let (mut quote, mut depth) = (None, 0u32);
        let at = self.characters.iter().position(|(character, _)| {
            match (*character, quote) {
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                (c @ ('"' | '\''), None) if depth > 0 => quote = Some(c),
                ('[', None) => depth += 1,
                (']', None) => depth = depth.saturating_sub(1),
                (c, None) => return c == separator && depth == 0,
            }
            false
        })?;
        let end = self.characters[at].1;
        let before = Self { characters: self.characters[..at].to_vec(), end };
        let after = Self { characters: self.characters[at + 1..].to_vec(), end: self.end };
        Some((before, after))
    }

    /// Without white space around it.
    pub(super) fn trimmed(&self) -> Self {
        let blank = |entry: &(char, u32)| entry.0.is_whitespace();
        let start = self.characters.iter().take_while(|entry| blank(entry)).count();
        let stop =
            self.characters.iter().rposition(|entry| !blank(entry)).map_or(start, |last| last + 1);
        let end = self.characters.get(stop).map_or(self.end, |(_, column)| *column);
        Self { characters: self.characters[start..stop].to_vec(), end }
    }

    /// Takes the characters of a range away.
    pub(super) fn cut(&mut self, range: std::ops::Range<usize>) {
        self.characters.drain(range);
    }
}

/// A line that is neither blank nor a comment.
pub(super) struct Line<'t> {
    pub(super) number: u32,
    /// The column of the first character of `text`.
    pub(super) column: u32,
    /// Without white space around it.
    pub(super) text: &'t str,
    /// The column of white space after it, if there is some.
    pub(super) trailing: Option<u32>,
}

impl Line<'_> {
    pub(super) fn source(&self, file: &str, column: u32) -> Source {
        Source { file: file.to_owned(), line: self.number, column }
    }

    /// The line with columns, where `\"`, `\\\"` and the like stand for the quote itself.
    pub(super) fn marked(&self) -> Marked {
        let mut marked = Marked { characters: Vec::new(), end: self.column };
        let mut characters = (self.column..).zip(self.text.chars()).peekable();
        while let Some((column, character)) = characters.next() {
            if character == '\\' {
                while characters.next_if(|(_, next)| *next == '\\').is_some() {}
                if let Some((_, escaped)) = characters.next() {
                    marked.push(escaped, column);
                }
            } else {
                marked.push(character, column);
            }
        }
        marked
    }

    /// The words of a line of arguments: quotes hold words together and are taken away, a backslash keeps what follows
    /// it.
    ///
    /// # Errors
    ///
    /// The column of a quote without an end.
    pub(super) fn words(&self) -> Result<Vec<Marked>, u32> {
        let mut words = Vec::new();
        let mut word: Option<Marked> = None;
        let mut quote: Option<(char, u32)> = None;
        let mut characters = (self.column..).zip(self.text.chars()).peekable();
        while let Some((column, character)) = characters.next() {
            match (character, quote) {
                ('\\', _) => {
                    while characters.next_if(|(_, next)| *next == '\\').is_some() {}
                    if let Some((_, escaped)) = characters.next() {
                        word.get_or_insert_default().push(escaped, column);
                    }
                }
                (c, Some((open, _))) if c == open => quote = None,
                ('"' | '\'', None) => {
                    quote = Some((character, column));
                    word.get_or_insert_default().end = column;
                }
                (c, None) if c.is_whitespace() => words.extend(word.take()),
                (c, _) => word.get_or_insert_default().push(c, column),
            }
        }
        words.extend(word.take());
        match quote {
            Some((_, column)) => Err(column),
            None => Ok(words),
        }
    }
}

/// The lines of a text that say something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let numbered = (1u32..).zip(text.split('\n'));
    numbered.filter_map(|(number, whole)| {
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        let text = whole.trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let column = 1 + count(&whole[..whole.len() - whole.trim_start().len()]);
        let trailing = (whole.trim_end() != whole).then(|| column + count(text));
        Some(Line { number, column, text, trailing })
    })
}
