//! `envgen`'s goldens: byte for byte where `envgen` sorted its output, canonically equal where it did not.

use std::ffi::OsString;
use std::path::Path;

use envxml::Document;
use envxml::catalogue::Catalogue;
use envxml::compat::{self, EnvgenArgs};
use envxml::place;
use envxml::tree::canonical;

use crate::data::shared;

/// The words of a shell command: `\` and `$'...\n'` as bash's `printf %q` writes them.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut rest = text.trim().chars();
    let mut quoted = false;
    let mut at_start = true;
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('n') if quoted => word.push('\n'),
                Some(other) => word.push(other),
                None => {}
            },
            '\'' if quoted => quoted = false,
            '$' if at_start => {
                assert_eq!(rest.next(), Some('\''));
                quoted = true;
            }
            ' ' if !quoted => {
                words.push(std::mem::take(&mut word));
                at_start = true;
                continue;
            }
            other => word.push(other),
        }
        at_start = false;
    }
    words.push(word);
    words
}

/// The arguments and addresses of a file with a command line.
#[expect(clippy::unwrap_used, reason = "only tests call it")]
fn command(path: &Path) -> (EnvgenArgs, String) {
    let words = words(&std::fs::read_to_string(path).unwrap());
    let words: Vec<OsString> = words.iter().skip(1).map(OsString::from).collect();
    let request = EnvgenArgs::parse_first(&words).unwrap();
    let addresses = request.address_texts(|_| Ok(String::new())).unwrap().concat();
    (request, addresses)
}

#[test]
fn the_goldens_come_out() {
    let Some(folder) = shared("envgen", "the_goldens_come_out") else { return };
    let mut seen = 0;
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cmd") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let version = if name.starts_with("72") { "7.2" } else { "10" };
        let catalogue = Catalogue::for_version(version).unwrap().catalogue;
        let (request, addresses) = command(&path);
        let sorted = request.overrides.is_empty() && request.xpath_values.is_empty();
        let expected = std::fs::read_to_string(path.with_extension("xml"));
        let messages = std::fs::read_to_string(path.with_extension("err")).unwrap();
        // Lines of a log hold times; what follows them is envgen's message.
        let messages: String = messages
            .lines()
            .filter(|line| !line.starts_with("0000"))
            .collect::<Vec<_>>()
            .join("\n");
        let result = compat::generate(&request, &addresses, catalogue, "HOST", &|_| None);
        let same = match (&result, &expected) {
            (Ok(made), Ok(text)) => {
                let alike = if sorted {
                    made.document.to_envgen_text() == *text
                } else {
                    canonical(&made.document.root)
                        == canonical(&Document::parse(text).unwrap().root)
                };
                alike && made.warnings.concat().trim() == messages.trim()
            }
            (Err(error), Err(_)) => error.to_string().trim() == messages.trim(),
            _ => false,
        };
        if !same {
            failed.push(name);
        }
        seen += 1;
    }
    assert!(failed.is_empty(), "{failed:?}");
    assert!(seen >= 38, "only {seen} goldens");
}

#[test]
fn without_compat_only_what_envgen_places_wrongly_differs() {
    let Some(folder) = shared("envgen", "without_compat_only_what_envgen_places_wrongly_differs")
    else {
        return;
    };
    let mut differ = Vec::new();
    let mut refused = Vec::new();
    let mut notes = Vec::new();
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "cmd"));
    names.sort();
    for path in names {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let version = if name.starts_with("72") { "7.2" } else { "10" };
        let catalogue = Catalogue::for_version(version).unwrap().catalogue;
        let (request, addresses) = command(&path);
        match place::from_list(&request, &addresses, catalogue, false, &|_| None) {
            Err(problems) => {
                for problem in problems {
                    refused.push(format!("{name}: {problem}"));
                }
            }
            Ok(placed) => {
                notes.extend(placed.notes.iter().map(|note| format!("{name}: {note}")));
                let made = placed.blueprint.document(catalogue, "HOST");
                let golden = std::fs::read_to_string(path.with_extension("xml")).unwrap();
                let golden = Document::parse(&golden).unwrap();
                let sorted = request.overrides.is_empty() && request.xpath_values.is_empty();
                if sorted && canonical(&made.root) != canonical(&golden.root) {
                    differ.push(name);
                }
            }
        }
    }
    insta::assert_snapshot!(format!(
        "differ: {}\n\nrefused:\n{}\n\nnotes:\n{}",
        differ.join(" "),
        refused.join("\n"),
        notes.join("\n")
    ));
}
