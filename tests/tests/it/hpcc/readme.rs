//! What the README shows is what the example prints.

use std::fs;

use super::{Scratch, example};

/// The commands of the README's section on `hpcc-envgen`, each with the lines that it is said to print.
fn shown() -> Vec<(String, Vec<String>)> {
    let readme = fs::read_to_string(tests::repository().join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|part| part.starts_with("HPCC clusters")).unwrap();
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for block in section.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ hpcc-envgen ") {
                Some(command) => commands.push((command.to_owned(), Vec::new())),
                None => commands.last_mut().unwrap().1.push(line.to_owned()),
            }
        }
    }
    commands
}

#[test]
fn the_readme_shows_what_the_example_prints() {
    let mut scratch = Scratch::new().with("out/.keep", "");
    for name in ["pods.json", "pods-one-more-thor.json", "hpcc.yaml"] {
        scratch = scratch.with(name, fs::read(example().join(name)).unwrap());
    }
    let commands = shown();
    assert!(commands.len() >= 4, "{commands:?}");
    for (command, lines) in commands {
        let ran = scratch.run(&command.split(' ').collect::<Vec<_>>());
        assert!(matches!(ran.code, Some(0 | 3)), "{command}: {ran:?}");
        let printed = ran.err.clone() + &ran.out;
        // In their order; `...` stands for what was left out.
        let mut rest = printed.as_str();
        for piece in
            lines.iter().flat_map(|line| line.split("...")).filter(|piece| !piece.is_empty())
        {
            let at = rest
                .find(piece)
                .unwrap_or_else(|| panic!("{command}: {piece:?} is not in\n{printed}"));
            rest = &rest[at + piece.len()..];
        }
    }
    // The commands of the example are those of the README, and some more.
    let script = fs::read_to_string(example().join("run")).unwrap();
    for (command, _) in shown().iter().filter(|(command, _)| !command.starts_with("explain")) {
        assert!(script.contains(command), "{command}");
    }
}

#[test]
fn the_example_has_no_fault_on_pods() {
    let scratch = Scratch::new().with("hpcc.yaml", fs::read(example().join("hpcc.yaml")).unwrap());
    let pods = example().join("pods.json");
    let pods = pods.to_str().unwrap();
    let ran =
        scratch.done(&["--pods", pods, "--host-names", "--cluster", "hpcc.yaml", "-env", "e.xml"]);
    assert_eq!(ran.err, "e.xml written\n");
    scratch.done(&["lint", "--pods", pods, "e.xml"]);
}
