//! Reads IPAC tables, the text format in which Montage's programs exchange metadata.
//!
//! A table has comment lines (`\...`), up to four header lines (`|name|name|`: names, types, units,
//! nulls) and rows. A value stands below its header: its bytes run from the column's left bar to
//! the byte before the next bar, so rows are cut at positions and never at blanks. The last column
//! runs to the end of the line.

use std::collections::HashMap;
use std::str::FromStr;

/// Why a table cannot be used. `file` is the name that the caller gave for messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The text ends before a header line was seen.
    #[error("{file}: no header line `| name | ... |` found; expected an IPAC table")]
    NoHeader {
        /// Name of the table.
        file: String,
    },
    /// A column that is needed is not in the header.
    #[error("{file}: no column `{column}`; {hint}")]
    NoColumn {
        /// Name of the table.
        file: String,
        /// The missing column.
        column: String,
        /// What writes a table that has the column.
        hint: &'static str,
    },
    /// A value cannot be read.
    #[error("{file}, line {line}: column `{column}` holds `{value}`, expected {expected}")]
    BadValue {
        /// Name of the table.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// Column of the value.
        column: String,
        /// The text found there.
        value: String,
        /// What should have been there.
        expected: &'static str,
    },
    /// The table has a header and no rows.
    #[error("{file}: the table has no rows; {hint}")]
    NoRows {
        /// Name of the table.
        file: String,
        /// What an empty table means here.
        hint: &'static str,
    },
}

/// A table cut into columns; values stay text until they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Table<'t> {
    file: &'t str,
    columns: HashMap<String, usize>,
    bars: Vec<usize>,
    lines: Vec<(usize, &'t str)>,
}

impl<'t> Table<'t> {
    /// Finds the header and the rows of `text`.
    pub(crate) fn parse(file: &'t str, text: &'t str) -> Result<Self, TableError> {
        let mut header = None;
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('\\') || line.trim().is_empty() {
                continue;
            }
            if line.starts_with('|') {
                header.get_or_insert(line);
            } else {
                lines.push((index + 1, line));
            }
        }
        let header = header.ok_or_else(|| TableError::NoHeader { file: file.to_owned() })?;
        let bars: Vec<usize> = header.match_indices('|').map(|(at, _)| at).collect();
        let names = header.split('|').skip(1).map(|name| name.trim().to_lowercase());
        let columns = names.zip(0..).filter(|(name, _)| !name.is_empty()).collect();
        Ok(Self { file, columns, bars, lines })
    }

    /// Position of a column, or an error that carries `hint`.
    pub(crate) fn column(&self, name: &str, hint: &'static str) -> Result<Column, TableError> {
        match self.columns.get(name) {
            Some(&at) => Ok(Column { name: name.to_owned(), at }),
            None => Err(TableError::NoColumn {
                file: self.file.to_owned(),
                column: name.to_owned(),
                hint,
            }),
        }
    }

    /// All rows in the order of the text.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines.iter().map(|&(line, text)| Row { table: self, line, text })
    }
}

/// A column that is known to exist.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    name: String,
    at: usize,
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'t> {
    table: &'t Table<'t>,
    line: usize,
    text: &'t str,
}

impl Row<'_> {
    /// The trimmed text below a column; empty when the line is too short.
    pub(crate) fn text(&self, column: &Column) -> &str {
        let bars = &self.table.bars;
        let start = bars.get(column.at).copied().unwrap_or(usize::MAX);
        let end = match bars.get(column.at + 1) {
            // The last column has only the closing bar after it: names may stick out.
            Some(&end) if column.at + 2 < bars.len() => end.min(self.text.len()),
            _ => self.text.len(),
        };
        self.text.get(start..end).unwrap_or("").trim()
    }

    /// The value below a column, parsed.
    pub(crate) fn value<T: FromStr>(
        &self,
        column: &Column,
        expected: &'static str,
    ) -> Result<T, TableError> {
        self.text(column).parse().map_err(|_| self.bad(column, expected))
    }

    /// A finite number below a column.
    pub(crate) fn number(&self, column: &Column) -> Result<f64, TableError> {
        let value: f64 = self.value(column, "a number")?;
        if value.is_finite() { Ok(value) } else { Err(self.bad(column, "a finite number")) }
    }

    /// An error about the value below a column.
    pub(crate) fn bad(&self, column: &Column, expected: &'static str) -> TableError {
        TableError::BadValue {
            file: self.table.file.to_owned(),
            line: self.line,
            column: column.name.clone(),
            value: self.text(column).to_owned(),
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\\ made by hand\n|  id | name     |\n| int | char     |\n    7  two words and more\n   x8  b\n";

    #[test]
    fn values_are_cut_at_bars_and_the_last_column_runs_on() {
        let table = Table::parse("t.tbl", TEXT).unwrap();
        let id = table.column("id", "").unwrap();
        let name = table.column("name", "").unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows[0].value::<usize>(&id, "").unwrap(), 7);
        assert_eq!(rows[0].text(&name), "two words and more");
    }

    #[test]
    fn a_bad_value_is_reported_with_file_line_and_expectation() {
        let table = Table::parse("t.tbl", TEXT).unwrap();
        let id = table.column("id", "").unwrap();
        let row = table.rows().nth(1).unwrap();
        let error = row.value::<usize>(&id, "a whole number").unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.tbl, line 5: column `id` holds `x8`, expected a whole number"
        );
    }

    #[test]
    fn missing_header_and_missing_column_are_told_apart() {
        let none = Table::parse("a.tbl", "1 2 3\n").unwrap_err();
        assert!(matches!(none, TableError::NoHeader { .. }));
        let table = Table::parse("t.tbl", TEXT).unwrap();
        let error = table.column("ra1", "run mImgtbl with -c").unwrap_err();
        assert_eq!(error.to_string(), "t.tbl: no column `ra1`; run mImgtbl with -c");
    }

    #[test]
    fn a_cut_inside_a_character_gives_an_empty_value_and_no_panic() {
        let table = Table::parse("t.tbl", "|a|b|c|\n1é2\n").unwrap();
        let b = table.column("b", "").unwrap();
        let _ = table.rows().next().unwrap().text(&b);
    }
}
