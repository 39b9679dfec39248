//! Folders of files, from this crate's tests or from a collection of OpenPAI's own files that a machine may have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use openpai::{Loaded, SourceFile, load, report};

/// Files by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder(pub(crate) BTreeMap<String, String>);

impl Folder {
    pub(crate) fn of(path: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
        Self(files)
    }

    /// A folder of this crate's tests.
    pub(crate) fn own(name: &str) -> Self {
        Self::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name))
    }

    /// The sound set with a change in one file.
    pub(crate) fn changed(file: &str, from: &str, to: &str) -> Self {
        Self::own("sound").with(file, from, to)
    }

    pub(crate) fn with(mut self, file: &str, from: &str, to: &str) -> Self {
        let text = self.0.get_mut(file).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
        self
    }

    /// The sound set with files of another folder in place of its own.
    pub(crate) fn over_sound(name: &str) -> Self {
        let mut files = Self::own("sound").0;
        files.extend(Self::own(name).0);
        Self(files)
    }

    pub(crate) fn load(&self) -> Loaded {
        let files: Vec<SourceFile<'_>> =
            self.0.iter().map(|(path, text)| SourceFile { path, text }).collect();
        load(&files)
    }

    /// The problems as they are shown.
    pub(crate) fn report(&self) -> String {
        let files: Vec<SourceFile<'_>> =
            self.0.iter().map(|(path, text)| SourceFile { path, text }).collect();
        report(&load(&files).problems, &files)
    }
}

/// A folder of the collection of OpenPAI's own files, `data/pai`: skipped visibly where it is absent.
pub(crate) fn collection(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WINDLASS_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("pai").join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}
