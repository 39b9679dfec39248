//! A block between two marker lines, in a file that others write too.

use super::{TextError, end_line};

/// The line before a block.
pub const BEGIN: &str = "# BEGIN node-prep";
/// The line after a block.
pub const END: &str = "# END node-prep";

/// Where a block is, in bytes: with and without its marker lines.
struct Span {
    outer: std::ops::Range<usize>,
    inner: std::ops::Range<usize>,
}

fn locate(text: &str) -> Result<Option<Span>, TextError> {
    let mut begin: Option<(usize, usize, usize)> = None;
    let mut found: Option<Span> = None;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let next = at + line.len();
        match (line.trim_end(), begin) {
            (BEGIN, None) if found.is_none() => begin = Some((number, at, next)),
            (END, Some((_, outer, inner))) => {
                found = Some(Span { outer: outer..next, inner: inner..at });
                begin = None;
            }
            (BEGIN | END, _) => return Err(TextError::StrayMarker { line: number }),
            _ => {}
        }
        at = next;
    }
    match begin {
        Some((line, ..)) => Err(TextError::UnterminatedBlock { line }),
        None => Ok(found),
    }
}

/// What stands between the markers, if there is a block.
///
/// # Errors
/// If the markers do not fit each other.
pub fn find(text: &str) -> Result<Option<&str>, TextError> {
    Ok(locate(text)?.map(|span| &text[span.inner]))
}

/// The text before the block and the text after it; all of it and nothing where there is none.
///
/// # Errors
/// If the markers do not fit each other.
pub fn around(text: &str) -> Result<(&str, &str), TextError> {
    Ok(match locate(text)? {
        Some(span) => (&text[..span.outer.start], &text[span.outer.end..]),
        None => (text, ""),
    })
}

/// Writes `body` as the block: in place of the one that is there, else at the end.
///
/// ```
/// use node_bootstrap::text::block;
///
/// let text = block::upsert("127.0.0.1 localhost\n", "10.0.0.1 n1")?;
/// assert_eq!(text, "127.0.0.1 localhost\n# BEGIN node-prep\n10.0.0.1 n1\n# END node-prep\n");
/// assert_eq!(block::remove(&text)?, "127.0.0.1 localhost\n");
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the markers in the text do not fit each other, or `body` holds one.
pub fn upsert(text: &str, body: &str) -> Result<String, TextError> {
    if let Some(line) = body.lines().find(|line| [BEGIN, END].contains(&line.trim_end())) {
        return Err(TextError::MarkerInside { line: line.trim_end().to_owned() });
    }
    let mut block = format!("{BEGIN}\n{body}");
    end_line(&mut block);
    block.push_str(END);
    block.push('\n');
    let Some(span) = locate(text)? else {
        let mut out = text.to_owned();
        end_line(&mut out);
        return Ok(out + &block);
    };
    if span.outer.end == text.len() && !text.ends_with('\n') {
        block.pop();
    }
    Ok([&text[..span.outer.start], &block, &text[span.outer.end..]].concat())
}

/// Takes the block away. A text without one stays as it is.
///
/// # Errors
/// If the markers do not fit each other.
pub fn remove(text: &str) -> Result<String, TextError> {
    let (before, after) = around(text)?;
    Ok([before, after].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_is_replaced_where_it_stands() {
        let text = "a\n# BEGIN node-prep\nold\n# END node-prep\nb";
        assert_eq!(upsert(text, "new\n").unwrap(), "a\n# BEGIN node-prep\nnew\n# END node-prep\nb");
        assert_eq!(find(text).unwrap(), Some("old\n"));
        assert_eq!(remove(text).unwrap(), "a\nb");
    }

    #[test]
    fn markers_that_do_not_fit_are_errors_with_their_line() {
        let cases = [
            ("x\n# BEGIN node-prep\n", TextError::UnterminatedBlock { line: 2 }),
            ("# END node-prep\n", TextError::StrayMarker { line: 1 }),
            (
                "# BEGIN node-prep\n# BEGIN node-prep\n# END node-prep\n",
                TextError::StrayMarker { line: 2 },
            ),
            (
                "# BEGIN node-prep\n# END node-prep\n# BEGIN node-prep\n# END node-prep\n",
                TextError::StrayMarker { line: 3 },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(upsert(text, "").unwrap_err(), error, "{text}");
            assert_eq!(remove(text).unwrap_err(), error, "{text}");
        }
        assert_eq!(upsert("", END).unwrap_err(), TextError::MarkerInside { line: END.to_owned() });
    }

    proptest! {
        #[test]
        fn a_second_upsert_changes_nothing_and_removal_restores(
            text in "([a-z#. ]{0,8}\n){0,5}", body in "([a-z#. ]{0,8}\n){1,5}", other in "([a-z]{0,8}\n){1,3}",
        ) {
            let once = upsert(&text, &body).unwrap();
            prop_assert_eq!(&upsert(&once, &body).unwrap(), &once);
            prop_assert_eq!(find(&once).unwrap(), Some(body.as_str()));
            prop_assert_eq!(remove(&once).unwrap(), text.clone());
            prop_assert_eq!(upsert(&upsert(&text, &other).unwrap(), &body).unwrap(), once);
        }
    }
}
