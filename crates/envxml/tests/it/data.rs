//! Real files of `data/envgen`: skipped visibly where they are absent.

use std::path::PathBuf;

use envxml::Document;

/// The folder with the shared data, if it is there.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub(crate) fn shared(folder: &str, test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WINDLASS_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {test}: {} is not there", path.display());
    None
}

#[test]
fn every_golden_and_sample_is_written_as_it_was_read() {
    let Some(folder) = shared("envgen", "every_golden_and_sample_is_written_as_it_was_read") else {
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let document =
                Document::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(document.to_text() == text, "{} changed", path.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} files");
}

#[test]
fn a_golden_in_envgens_layout_is_what_envgen_wrote() {
    let Some(folder) = shared("envgen", "a_golden_in_envgens_layout_is_what_envgen_wrote") else {
        return;
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_xml = path.extension().is_some_and(|extension| extension == "xml");
        let unsorted = ["02-", "03-", "12-"].iter().any(|case| name.contains(case));
        if is_xml && !name.starts_with("sample") && !unsorted {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(Document::parse(&text).unwrap().to_envgen_text(), text, "{name}");
        }
    }
}
