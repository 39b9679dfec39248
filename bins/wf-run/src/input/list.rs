//! The file of `--input-urls`: a line for each file, `URL [sha256=HEX] [path=NAME]`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use diagnostics::{Place, Problem, nearest};
use reqwest::Url;

/// The words that a line may have.
const WORDS: [&str; 2] = ["sha256", "path"];
/// Bytes of a SHA-256 in hexadecimal.
const HEX_LENGTH: usize = 64;

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Where it comes from.
    pub(crate) url: Url,
    /// What it must be, in lower case.
    pub(crate) sha256: Option<String>,
    /// Where it goes, in the work directory.
    pub(crate) path: PathBuf,
}

/// What is wrong, and in which column.
struct Fault {
    column: usize,
    code: &'static str,
    message: String,
}

/// The words of a line with their columns, without its comment.
fn words(line: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let (mut column, mut rest) = (1, line);
    loop {
        let trimmed = rest.trim_start();
        column += rest[..rest.len() - trimmed.len()].chars().count();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return words;
        }
        let (word, after) =
            trimmed.split_at(trimmed.find(char::is_whitespace).unwrap_or(trimmed.len()));
        words.push((column, word));
        column += word.chars().count();
        rest = after;
    }
}

/// A path that stays in its directory, without `.`.
fn inside(text: &str) -> Result<PathBuf, String> {
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => {
                return Err(format!("the path {text} is absolute"));
            }
            Component::ParentDir => return Err(format!("the path {text} leaves the directory")),
        }
    }
    if path.as_os_str().is_empty() || text.ends_with('/') {
        return Err(format!("the path \"{text}\" names no file"));
    }
    Ok(path)
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("the URL has the scheme {other}; expected http or https")),
    }
}

/// One line; `None` if nothing stands there. The column is that of the path, or of the URL that gives it.
fn line(text: &str, faults: &mut Vec<Fault>) -> Option<(usize, Input)> {
    let words = words(text);
    let (&(url_column, first), options) = words.split_first()?;
    let before = faults.len();
    let mut fault = |column, code, message| faults.push(Fault { column, code, message });
    let url = url(first).map_err(|message| fault(url_column, "url", message)).ok();
    let (mut sha256, mut path) = (None, None);
    for &(column, word) in options {
        let Some((name, value)) = word.split_once('=') else {
            fault(column, "word", format!("{word} is not known; expected sha256=HEX or path=NAME"));
            continue;
        };
        let is_repeated = match name {
            "sha256" => sha256.is_some(),
            "path" => path.is_some(),
            _ => false,
        };
        if is_repeated {
            fault(column, "word", format!("{name} stands here twice"));
            continue;
        }
        match name {
            "sha256" => {
                let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
                if !is_hex || value.len() != HEX_LENGTH {
                    let message = format!("a sha256 has {HEX_LENGTH} hexadecimal digits");
                    fault(column, "sha256", message);
                }
                sha256 = Some(value.to_ascii_lowercase());
            }
            "path" => {
                let checked = inside(value).map_err(|message| fault(column, "path", message));
                path = Some((column, checked.unwrap_or_default()));
            }
            _ => {
                let hint = nearest(name, WORDS).map(|known| format!("; did you mean {known}?"));
                let hint = hint.unwrap_or_else(|| "; expected sha256=HEX or path=NAME".to_owned());
                fault(column, "word", format!("{name} is not known{hint}"));
            }
        }
    }
    if path.is_none()
        && let Some(url) = &url
    {
        let last = url.path().rsplit('/').next().unwrap_or_default();
        match inside(last) {
            Ok(named) => path = Some((url_column, named)),
            Err(_) => {
                fault(url_column, "path", "the URL ends without a name; add path=NAME".to_owned());
            }
        }
    }
    if faults.len() > before {
        return None;
    }
    let (column, path) = path?;
    Some((column, Input { url: url?, sha256, path }))
}

/// All files of a list, or all that is wrong with it.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Input>, Vec<Problem>> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut problems = Vec::new();
    // The line of each path.
    let mut taken: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (number, text) in (1..).zip(text.lines()) {
        let mut faults = Vec::new();
        if let Some((column, input)) = line(text, &mut faults) {
            let path = &input.path;
            let below =
                taken.keys().find(|other| other.starts_with(path) || path.starts_with(other));
            if let Some(other) = below {
                let line = taken[other];
                let message = if other == path {
                    format!("{} is the path of line {line} too", path.display())
                } else {
                    format!(
                        "{} and {} of line {line} cannot both be files",
                        path.display(),
                        other.display()
                    )
                };
                faults.push(Fault { column, code: "path", message });
            } else {
                taken.insert(path.clone(), number);
                inputs.push(input);
            }
        }
        problems.extend(faults.into_iter().map(|fault| {
            let place = Place { file: file.to_owned(), line: number, column: fault.column };
            Problem::error(fault.code, fault.message).placed(place)
        }));
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_comments_and_names_are_read() {
        let sum = "AB".repeat(32);
        let text = format!(
            "# all\n\nhttp://h/d/a.fits?x=1 # one\n  https://h/b path=./in//b.fits sha256={sum}\n"
        );
        let inputs = parse("l", &text).unwrap();
        assert_eq!(inputs.len(), 2);
        assert_eq!((inputs[0].path.to_str(), &inputs[0].sha256), (Some("a.fits"), &None));
        assert_eq!(inputs[1].path.to_str(), Some("in/b.fits"));
        assert_eq!(inputs[1].sha256, Some("ab".repeat(32)));
    }

    #[test]
    fn all_faults_are_told_with_their_places() {
        let text = "ftp://h/a sha=1\nhttp://h/a path=/etc/a sha256=12\nhttp://h/x path=../x more\nhttp://h/\n\
                    http://h/a\nhttps://g/a\nhttp://h/b path=a/b\nhttp://h/c path=c path=d\nnone";
        let told: Vec<String> =
            parse("l", text).unwrap_err().iter().map(ToString::to_string).collect();
        let wanted = [
            "l:1:1: error: the URL has the scheme ftp; expected http or https [url]",
            "l:1:11: error: sha is not known",
            "l:2:12: error: the path /etc/a is absolute [path]",
            "l:2:24: error: a sha256 has 64 hexadecimal digits [sha256]",
            "l:3:12: error: the path ../x leaves the directory [path]",
            "l:3:22: error: more is not known; expected sha256=HEX or path=NAME [word]",
            "l:4:1: error: the URL ends without a name; add path=NAME [path]",
            "l:6:1: error: a is the path of line 5 too [path]",
            "l:7:12: error: a/b and a of line 5 cannot both be files [path]",
            "l:8:19: error: path stands here twice [word]",
            "l:9:1: error: not a URL",
        ];
        assert_eq!(told.len(), wanted.len(), "{told:#?}");
        for (told, wanted) in told.iter().zip(wanted) {
            assert!(told.starts_with(wanted), "{told} is not {wanted}");
        }
    }
}
