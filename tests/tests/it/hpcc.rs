//! `hpcc-envgen`, as its users run it.

mod bad_input;
mod cluster;
mod commands;
mod compat;
mod live;
mod order;
mod pods;
mod readme;
mod roles;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use envxml::view::{Environment, Part};
use serde_json::Value;
use tests::hpcc_envgen_in;

/// How a run ended and what it said.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// The standard output as JSON.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// The standard output as an environment.
    fn environment(&self) -> envxml::Document {
        envxml::Document::parse(&self.out).unwrap()
    }
}

/// A folder that vanishes, with files in it.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The same folder with one more file; folders on the way to it are made.
    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The names of the files in it.
    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Runs `hpcc-envgen` in it.
    fn run(&self, args: &[&str]) -> Ran {
        ended(&mut hpcc_envgen_in(self.path(), args))
    }

    /// Runs it and expects it to be done without a fault.
    fn done(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        ran
    }
}

fn ended(command: &mut std::process::Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The folder with the example that the README shows.
fn example() -> PathBuf {
    tests::repository().join("examples/hpcc")
}

/// A small environment in this folder, with two roxie servers and three thor slaves.
fn small(scratch: &Scratch) {
    scratch.done(&[
        "-env",
        "e.xml",
        "-ip",
        "10.1.0.1;10.1.1.1-2;10.1.2.1-3",
        "-roxienodes",
        "2",
        "-thornodes",
        "3",
        "--hpcc-version",
        "7.2",
    ]);
}

/// The addresses of each component's instances; those of a thor's master under `NAME:master`.
fn placed(document: &envxml::Document) -> BTreeMap<String, BTreeSet<String>> {
    let environment = Environment::new(document);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for component in &environment.components {
        for instance in &component.instances {
            let name = match instance.part {
                Part::ThorMaster => format!("{}:master", component.name),
                _ => component.name.to_string(),
            };
            let address = instance.address.as_ref().unwrap().to_string();
            found.entry(name).or_default().insert(address);
        }
    }
    found
}

/// Addresses as a set.
fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(ToString::to_string).collect()
}
