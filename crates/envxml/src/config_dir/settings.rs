//! The `.envgen2` files: arguments, overrides, values of paths.

use super::lines::{Line, Marked, lines};
use super::{Reader, Source};
use crate::edit::{Assignment, Edit, parse};

impl Reader<'_> {
    fn trailing(&mut self, file: &str, line: &Line<'_>) {
        if let Some(column) = line.trailing {
            self.warn(
                line.source(file, column),
                "white space at the end of the line is taken away",
            );
        }
    }

    /// A file of arguments.
    pub(super) fn settings(&mut self, file: &str) {
        let files = self.files;
        let Some(text) = files.get(file) else { return };
        for line in lines(text) {
            self.trailing(file, &line);
            let mut words = match line.words() {
                Ok(words) => words,
                Err(column) => {
                    self.error(line.source(file, column), "expected an end quote");
                    continue;
                }
            };
            for word in &mut words {
                self.unquote_values(file, &line, word);
            }
            let texts: Vec<String> = words.iter().map(Marked::text).collect();
            let other = |name: &str| {
                let base = name.rsplit('/').next().unwrap_or(name);
                let known = files.get(name).or_else(|| files.get(base));
                known.cloned().ok_or_else(|| format!("the file {name:?} is not in the directory"))
            };
            match parse(&texts, &other) {
                Ok(edits) => {
                    for edit in edits {
                        self.suspect_edit(&edit, file, &line, &words);
                        self.edit(edit, line.source(file, line.column));
                    }
                }
                Err(errors) => {
                    for error in errors {
                        let column =
                            words.get(error.argument).map_or(1, |word| word.column(error.at));
                        self.error(line.source(file, column), error.message);
                    }
                }
            }
        }
    }

    /// Takes quotes around values inside an argument away: `a="b"^c=d`.
    fn unquote_values(&mut self, file: &str, line: &Line<'_>, word: &mut Marked) {
        while let Some((start, stop)) = quoted_value(&word.text()) {
            let message = "quotes around a value would become part of it and are taken away";
            self.warn(line.source(file, word.column(start + 1)), message);
            word.cut(stop..stop + 1);
            word.cut(start..start + 1);
        }
    }

    fn suspect_edit(&mut self, edit: &Edit, file: &str, line: &Line<'_>, words: &[Marked]) {
        let assignments: &[Assignment] = match edit {
            Edit::Add { attributes, .. }
            | Edit::AddElement { attributes, .. }
            | Edit::Modify { attributes, .. } => attributes,
            Edit::AddNodes(nodes) => &nodes.attributes,
            Edit::AddCluster(cluster) | Edit::ModifyCluster(cluster) => &cluster.attributes,
            Edit::Override { value, .. } | Edit::SetPath { value, .. } => {
                self.suspect(&line.source(file, line.column), value);
                return;
            }
            _ => return,
        };
        for Assignment { name, value, .. } in assignments {
            let wanted = format!("{name}=");
            let column = words.iter().find_map(|word| {
                let text = word.text();
                let byte = text.find(&wanted)? + wanted.len();
                Some(word.column(text[..byte].chars().count() + 1))
            });
            let source = line.source(file, column.unwrap_or(line.column));
            self.suspect(&source, value);
        }
    }

    /// `BUILDSET,@ATTRIBUTE,VALUE` on each line.
    pub(super) fn overrides(&mut self, file: &str, text: &str) {
        for line in lines(text) {
            self.trailing(file, &line);
            let marked = line.marked();
            let (head, value) = match marked.split_once(',') {
                Some((build_set, rest)) => match rest.split_once(',') {
                    Some((target, value)) => {
                        let value = self.unquoted(file, &line, value.trimmed());
                        let source = line.source(file, value.column(1));
                        self.suspect(&source, &value.text());
                        let head =
                            format!("{},{}", build_set.trimmed().text(), target.trimmed().text());
                        (head, Some(value.text()))
                    }
                    None => (marked.text(), None),
                },
                None => (marked.text(), None),
            };
            let argument = value.map_or_else(|| head.clone(), |value| format!("{head},{value}"));
            self.parsed(file, &line, &marked, &["-override", &argument]);
        }
    }

    /// `XPATH,ATTRIBUTE,VALUE` on each line.
    pub(super) fn paths(&mut self, file: &str, text: &str) {
        for line in lines(text) {
            self.trailing(file, &line);
            let marked = line.marked();
            let source = |column| line.source(file, column);
            let parts = marked.split_once(',').and_then(|(path, rest)| {
                let (attribute, value) = rest.split_once(',')?;
                Some((path.trimmed(), attribute.trimmed(), value.trimmed()))
            });
            let Some((path, attribute, value)) = parts else {
                let open = marked.text().matches(',').count() > 1;
                let message = if open {
                    "expected an end to what [ or a quote begins, and XPATH,ATTRIBUTE,VALUE"
                } else {
                    "expected XPATH,ATTRIBUTE,VALUE"
                };
                self.error(source(line.column), message);
                continue;
            };
            if let Some(at) = stray_quote(&path.text()) {
                let message = "a stray quote: quotes stand only around values in [ ]";
                self.error(source(path.column(at)), message);
                continue;
            }
            let value = self.unquoted(file, &line, value);
            self.suspect(&source(value.column(1)), &value.text());
            let arguments = [path.text(), attribute.text(), value.text()];
            let [path_text, attribute_text, value_text] = &arguments;
            let all = ["-set-xpath-attrib-value", path_text, attribute_text, value_text];
            match parse(&all, &|_| Err(String::new())) {
                Ok(edits) => {
                    for edit in edits {
                        self.edit(edit, source(line.column));
                    }
                }
                Err(errors) => {
                    for error in errors {
                        let part = if error.argument < 2 { &path } else { &attribute };
                        self.error(source(part.column(error.at)), error.message);
                    }
                }
            }
        }
    }

    /// Takes over the edits of one option whose value is the whole line.
    fn parsed(&mut self, file: &str, line: &Line<'_>, marked: &Marked, arguments: &[&str]) {
        match parse(arguments, &|_| Err(String::new())) {
            Ok(edits) => {
                for edit in edits {
                    self.edit(edit, line.source(file, line.column));
                }
            }
            Err(errors) => {
                for error in errors {
                    let source: Source = line.source(file, marked.column(error.at));
                    self.error(source, error.message);
                }
            }
        }
    }
}

/// Where a value begins and ends with quotes: characters of both quotes, from 0.
fn quoted_value(text: &str) -> Option<(usize, usize)> {
    let characters: Vec<char> = text.chars().collect();
    let starts = characters
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] == '=' && matches!(pair[1], '"' | '\''));
    for (equals, pair) in starts {
        let start = equals + 1;
        let end = characters[start..].iter().position(|c| matches!(c, '^' | '|'));
        let end = end.map_or(characters.len(), |length| start + length);
        if end > start + 1 && characters[end - 1] == pair[1] {
            return Some((start, end - 1));
        }
    }
    None
}

/// The first quote of a path that does not stand in brackets: the character, from 1.
fn stray_quote(path: &str) -> Option<usize> {
    let mut depth = 0u32;
    for (index, character) in path.chars().enumerate() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '"' | '\'' if depth == 0 => return Some(index + 1),
            _ => {}
        }
    }
    None
}
