//! The grammar of `envgen2`'s arguments, with places.
//!
//! `category:component#name|like@a=v^b=v|old` and
//! `category:component#name:path/to#key@a=v:child@a=v`.

use super::{Assignment, Child, Selector};

/// A part of an argument that knows where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    /// The first character's place, from 1.
    pub(super) at: usize,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

impl<'t> Piece<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 1 }
    }

    /// The part from a byte on.
    fn from(self, byte: usize) -> Self {
        let at = self.at + self.text[..byte].chars().count();
        Self { text: &self.text[byte..], at }
    }

    fn upto(self, byte: usize) -> Self {
        Self { text: &self.text[..byte], at: self.at }
    }

    /// The place after the last character.
    pub(super) fn end(self) -> usize {
        self.at + self.text.chars().count()
    }

    pub(super) fn fault(self, message: impl Into<String>) -> Fault {
        Fault { at: self.at, message: message.into() }
    }

    pub(super) fn fault_at_end(self, message: impl Into<String>) -> Fault {
        Fault { at: self.end(), message: message.into() }
    }

    /// What stands before and after the first of a character.
    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let byte = self.text.find(separator)?;
        Some((self.upto(byte), self.from(byte + separator.len_utf8())))
    }

    /// What stands before, and what stands after the first of a character, if it is there.
    pub(super) fn cut(self, separator: char) -> (Self, Option<Self>) {
        self.split_once(separator).map_or((self, None), |(before, after)| (before, Some(after)))
    }

    pub(super) fn split(self, separator: char) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self;
        while let Some((piece, after)) = rest.split_once(separator) {
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        pieces
    }

    /// Cuts at each `:` behind which a new part begins. A `:` inside a value (`fe80::1`, `http://...`) stays.
    pub(super) fn parts(self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self;
        let mut from = 0;
        while let Some(found) = rest.text[from..].find(':') {
            let colon = from + found;
            let after = &rest.text[colon + 1..];
            let name = after.find(|c| !is_name(c)).unwrap_or(after.len());
            let begins = match after[name..].chars().next() {
                Some('@' | '#') => name > 0,
                _ => !rest.text[..colon].contains('@'),
            };
            if begins {
                pieces.push(rest.upto(colon));
                rest = rest.from(colon + 1);
                from = 0;
            } else {
                from = colon + 1;
            }
        }
        pieces.push(rest);
        pieces
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '/')
}

/// A name that must not be empty.
pub(super) fn word(piece: Piece<'_>, what: &str) -> Result<String, Fault> {
    let text = piece.text.trim();
    if text.is_empty() {
        return Err(piece.fault(format!("expected {what}")));
    }
    if let Some(byte) = piece.text.find(['"', '\'']) {
        return Err(piece.from(byte).fault(format!("a quote cannot stand in {what}")));
    }
    Ok(text.to_owned())
}

/// `a=v^b=v|old`.
pub(super) fn assignments(piece: Piece<'_>) -> Result<Vec<Assignment>, Fault> {
    piece.split('^').into_iter().map(assignment).collect()
}

fn assignment(piece: Piece<'_>) -> Result<Assignment, Fault> {
    let Some((name, value)) = piece.split_once('=') else {
        word(piece, "an attribute's name and =")?;
        return Err(piece.fault_at_end("expected = and a value after the attribute's name"));
    };
    let name = word(name, "an attribute's name")?;
    if let Some(byte) = value.text.find('=') {
        return Err(value.from(byte).fault("= inside a value is written [equal]"));
    }
    let (value, old) = match value.split_once('|') {
        Some((value, old)) => {
            let value = value.text.strip_suffix('\\').unwrap_or(value.text);
            (unescape(value), Some(unescape(old.text)))
        }
        None => (unescape(value.text), None),
    };
    Ok(Assignment { name, value, old })
}

/// Writes out `[equal]`, `[colon]`, `[caret]` and `[bar]`.
fn unescape(text: &str) -> String {
    [("[equal]", "="), ("[colon]", ":"), ("[caret]", "^"), ("[bar]", "|")]
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// `path/to#key`.
pub(super) fn selector(piece: Piece<'_>) -> Result<Selector, Fault> {
    let (path, key) = piece.cut('#');
    let path: Result<Vec<_>, _> = path.split('/').into_iter().map(|p| word(p, "a tag")).collect();
    let key = key.map(|key| word(key, "a name after #")).transpose()?;
    Ok(Selector { path: path?, key })
}

/// `child@a=v`.
pub(super) fn child(piece: Piece<'_>) -> Result<Child, Fault> {
    let (tag, attributes) = piece.cut('@');
    Ok(Child {
        tag: word(tag, "a tag")?,
        attributes: attributes.map_or(Ok(Vec::new()), assignments)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(usize, &str)> {
        Piece::new(text).parts().into_iter().map(|piece| (piece.at, piece.text)).collect()
    }

    #[test]
    fn a_colon_separates_only_where_a_new_part_begins() {
        assert_eq!(
            parts("thor#t:master@ip=fe80::1:slave@ip=10.1.1.1"),
            [(1, "thor#t"), (8, "master@ip=fe80::1"), (26, "slave@ip=10.1.1.1")]
        );
        assert_eq!(
            parts("esp#e:Binding#b@url=http://x"),
            [(1, "esp#e"), (7, "Binding#b@url=http://x")]
        );
        assert_eq!(parts("t:cluster#c:eclagent"), [(1, "t"), (3, "cluster#c"), (13, "eclagent")]);
    }

    #[test]
    fn values_keep_what_is_escaped_and_the_former_value() {
        let list = assignments(Piece::new("a=x[equal]1^b=new|old^c=")).unwrap();
        let shown: Vec<_> =
            list.iter().map(|a| (a.name.as_str(), a.value.as_str(), a.old.as_deref())).collect();
        assert_eq!(shown, [("a", "x=1", None), ("b", "new", Some("old")), ("c", "", None)]);
    }

    #[test]
    fn what_is_missing_is_told_with_its_place() {
        let fault = |text| assignments(Piece::new(text)).unwrap_err();
        assert_eq!(fault("a=1^b").at, 6);
        assert_eq!(fault("a=1^=2").at, 5);
        assert_eq!(fault("ä=1=2").at, 4);
        assert_eq!(fault("a\"b=1").at, 2);
        assert_eq!(selector(Piece::new("a//b")).unwrap_err().at, 3);
    }
}
