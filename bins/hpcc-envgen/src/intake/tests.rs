//! Both ways to tell what is wrong.

use super::*;

fn words(typed: &[&str]) -> Vec<OsString> {
    typed.iter().map(OsString::from).collect()
}

/// Error line, whether the usage follows, and exit code with `--compat`.
fn compat(typed: &[&str]) -> (String, bool, Exit) {
    let answer = take(&words(typed), true).unwrap_err();
    (answer.stderr, answer.stdout == USAGE, answer.exit)
}

#[test]
fn compat_tells_the_first_problem_in_envgens_words() {
    let unknown = |argument: &str| {
        (format!("Error: unknown command line parameter: {argument}\n"), true, Exit::Failed)
    };
    let bad = |text: &str| (format!("Error: {text}\n"), false, Exit::Failed);
    let file = "Error: Output environment xml file is required. Please specify.\n";
    let table: [(&[&str], _); 11] = [
        (&["-foo", "-thornodes", "x"], unknown("-foo")),
        (&["-env", "e", "stray"], unknown("stray")),
        (&["-ip", "1", "--env", "e"], unknown("--env")),
        (&["-thornodes", "x", "-foo"], bad("non-integer parameter 'x' specified.")),
        (
            &["-thornodes", "1x"],
            bad("non-integer characters found in '1x' when expecting integer input."),
        ),
        (&["-espnodes", "3000000000"], bad("integer '3000000000' is out of range.")),
        (
            &["-o", "log=/var/log"],
            bad("Directory Override must contain [NAME] and either [INST] or [COMPONENT]"),
        ),
        (&["-ip", "1"], (file.to_owned(), true, Exit::Failed)),
        (&[], (file.to_owned(), true, Exit::Failed)),
        // What envgen passes over is passed over.
        (&["-o", "log", "-override", "esp"], (file.to_owned(), true, Exit::Failed)),
        (&["-ip", "1", "-env"], bad("-env needs 1 more value")),
    ];
    for (typed, expected) in table {
        assert_eq!(compat(typed), expected, "of {typed:?}");
    }
}

#[test]
fn help_counts_from_where_it_stands() {
    assert_eq!(take(&words(&["-env", "e", "-HELP", "-foo"]), true).unwrap_err(), Answer::help());
    assert_eq!(take(&words(&["-?"]), true).unwrap_err(), Answer::help());
    assert_eq!(compat(&["-foo", "-help"]).2, Exit::Failed);
    // Without compat who asks for help gets it.
    assert_eq!(take(&words(&["-foo", "-help"]), false).unwrap_err(), Answer::help());
}

#[test]
fn every_problem_is_told_at_once_without_compat() {
    let typed = [
        "-thornode",
        "3",
        "-roxienodes",
        "two",
        "-o",
        "log",
        "-o",
        "data=/d",
        "-override",
        "esp,@a",
        "--ipfile",
        "f",
        "-assign_ips",
        "thor",
    ];
    let answer = take(&words(&typed), false).unwrap_err();
    let expected = "\
hpcc-envgen: 9 problems in the arguments:
  unknown command line parameter: -thornode; did you mean -thornodes?
  unknown command line parameter: 3
  -roxienodes: non-integer parameter 'two' specified.
  -o log: expected CATEGORY=DIRECTORY
  -o: Directory Override must contain [NAME] and either [INST] or [COMPONENT]
  -override esp,@a: expected BUILDSET,@ATTRIBUTE,VALUE
  unknown command line parameter: --ipfile; did you mean -ipfile?
  unknown command line parameter: f
  -assign_ips needs 1 more value
";
    assert_eq!(answer.stderr, expected);
    assert_eq!((answer.stdout.as_str(), answer.exit), ("", Exit::Invalid));
}

#[test]
fn one_problem_is_one_line_with_its_cause() {
    let missing = io::Error::from(io::ErrorKind::NotFound);
    let problem = ArgumentError::Unreadable { path: "ips".into(), source: missing };
    let answer = Answer::refusal(&[problem], false);
    assert_eq!(answer.stderr, "hpcc-envgen: failed to read addresses ips: entity not found\n");
}

#[test]
fn the_file_is_the_callers_affair_without_compat() {
    assert_eq!(take(&[], false).unwrap(), EnvgenArgs::default());
}

#[test]
fn every_option_is_in_the_usage() {
    for name in option_names().filter(|name| *name != "-set-xpath-attrib-value") {
        let listed = USAGE
            .lines()
            .any(|line| line.starts_with("  -") && line.split([' ', ',']).any(|word| word == name));
        assert!(listed, "{name}");
    }
    assert!(USAGE.lines().all(|line| line.len() <= 110));
}
