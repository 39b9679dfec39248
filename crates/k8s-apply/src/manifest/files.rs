//! Files and folders, and what their bytes say.

use std::io;
use std::path::{Path, PathBuf};

use diagnostics::{Place, Problem};

/// What names of manifests end in.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The files that a path stands for: itself, or those of a folder, sorted.
pub(super) fn find(path: &Path, recursive: bool, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    let before = problems.len();
    walk(path, recursive, &mut found, problems);
    if found.is_empty() && problems.len() == before {
        let mut problem = Problem::error(
            "no-manifests",
            format!("the folder {} has no manifests", path.display()),
        );
        problem = problem.help("files must end in .yaml, .yml or .json");
        problems.push(problem);
    }
    found
}

fn walk(folder: &Path, recursive: bool, found: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = match std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(unreadable(&folder.display().to_string(), &error));
            return;
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        // Links to folders are not followed, because they may lead back.
        let is_link = path.is_symlink();
        if path.is_dir() {
            if recursive && !is_link {
                walk(&path, recursive, found, problems);
            }
        } else if path
            .extension()
            .is_some_and(|end| ENDINGS.iter().any(|known| end.eq_ignore_ascii_case(known)))
        {
            found.push(path);
        }
    }
}

/// That a file or folder cannot be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Problem {
    let problem = Problem::error("unreadable-file", format!("cannot be read: {error}"))
        .placed(Place { file: name.to_owned(), line: 1, column: 1 });
    if name.starts_with("http:/") || name.starts_with("https:/") {
        problem.help("fetch it first, and give the file")
    } else {
        problem
    }
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, as some shells on Windows write it.
///
/// A carriage return alone ends a line in YAML, but for hardly any other program. It becomes a line feed, which reads the
/// same, so that all count lines alike.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let mut text = characters(bytes)?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    let is_alone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if text.match_indices('\r').any(|(at, _)| is_alone(at)) {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    Ok(text)
}

fn characters(bytes: Vec<u8>) -> Result<String, String> {
    let utf16 = |pairs: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = pairs.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map_err(|_| "is no text: expected UTF-16, as its first bytes say".to_owned())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("is no text: expected UTF-8, found another byte at offset {at}")
        }),
    }
}
