//! `envgen`'s goldens: byte for byte where `envgen` sorted its output, canonically equal where it did not.

use std::ffi::OsString;

use envxml::Document;
use envxml::catalogue::Catalogue;
use envxml::compat::{self, EnvgenArgs};
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
        let words = words(&std::fs::read_to_string(&path).unwrap());
        let words: Vec<OsString> = words.iter().skip(1).map(OsString::from).collect();
        let request = EnvgenArgs::parse_first(&words).unwrap();
        let addresses = request.address_texts(|_| Ok(String::new())).unwrap().concat();
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
