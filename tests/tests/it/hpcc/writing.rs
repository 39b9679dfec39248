//! What is written, and what is kept.

use super::pods::{list, of_2019, of_ours};
use super::{Scratch, small};

#[test]
fn a_second_run_writes_nothing() {
    let scratch = Scratch::new().with("pods.json", list(&of_2019()));
    let args = ["--pods", "pods.json", "-env", "e.xml"];
    assert_eq!(scratch.done(&args).out, "");
    let before = scratch.path().join("e.xml").metadata().unwrap().modified().unwrap();
    let again = scratch.done(&args);
    assert!(again.err.contains("e.xml is up to date"), "{again:?}");
    assert_eq!(scratch.names(), ["e.xml".to_owned(), "pods.json".to_owned()].into());
    assert_eq!(scratch.path().join("e.xml").metadata().unwrap().modified().unwrap(), before);
}

#[test]
fn a_changed_run_keeps_what_was_there_as_a_dated_backup() {
    let scratch = Scratch::new();
    small(&scratch);
    let before = scratch.text("e.xml");
    let ran = scratch.done(&["-env", "e.xml", "-ip", "10.1.0.1-4"]);
    assert_ne!(scratch.text("e.xml"), before);
    let backup = scratch.names().into_iter().find(|name| name != "e.xml").unwrap();
    assert!(backup.starts_with("e.xml.2") && backup.ends_with("Z.bak"), "{backup}");
    assert!(ran.err.contains(&backup), "{ran:?}");
    assert_eq!(scratch.text(&backup), before);

    // And once more: backups do not replace each other.
    scratch.done(&["-env", "e.xml", "-ip", "10.1.0.1-5"]);
    assert_eq!(scratch.names().len(), 3);
}

#[test]
fn check_shows_the_difference_and_writes_nothing() {
    let mut pods = of_ours();
    let scratch = Scratch::new().with("pods.json", list(&pods));
    let missing = scratch.run(&["--pods", "pods.json", "-env", "e.xml", "--check"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(3), ""));
    assert!(missing.err.contains("e.xml is not there"), "{missing:?}");
    assert_eq!(scratch.names().len(), 1);

    scratch.done(&["--pods", "pods.json", "-env", "e.xml"]);
    let before = scratch.text("e.xml");
    let same = scratch.done(&["--pods", "pods.json", "-env", "e.xml", "--check"]);
    assert_eq!(same.out, "");

    pods.push(super::pods::ours("g", "thor-slave", "fast", "10.3.2.3"));
    let scratch = scratch.with("pods.json", list(&pods));
    let differs = scratch.run(&["--pods", "pods.json", "-env", "e.xml", "--check"]);
    assert_eq!(differs.code, Some(3));
    insta::assert_snapshot!(differs.out);
    assert_eq!(scratch.text("e.xml"), before);
    assert_eq!(scratch.names().len(), 2);

    let nothing = scratch.run(&["--pods", "pods.json", "--check"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
}

#[test]
fn without_a_file_the_environment_is_printed() {
    let scratch = Scratch::new();
    small(&scratch);
    let args = [
        "-ip",
        "10.1.0.1;10.1.1.1-2;10.1.2.1-3",
        "-roxienodes",
        "2",
        "-thornodes",
        "3",
        "--hpcc-version",
        "7.2",
    ];
    let printed = scratch.done(&args);
    assert_eq!(printed.out, scratch.text("e.xml"));
    let dash: Vec<&str> = args.into_iter().chain(["-env", "-"]).collect();
    assert_eq!(scratch.done(&dash).out, printed.out);
    assert_eq!(scratch.names(), ["e.xml".to_owned()].into());
}

#[test]
fn pods_may_come_from_standard_input() {
    let scratch = Scratch::new().with("pods.json", list(&of_2019()));
    let from_file = scratch.done(&["--pods", "pods.json"]).out;
    let mut command = tests::hpcc_envgen_in(scratch.path(), &["--pods", "-"]);
    command.stdin(std::fs::File::open(scratch.path().join("pods.json")).unwrap());
    assert_eq!(super::ended(&mut command).out, from_file);
}

#[test]
fn the_folders_of_older_scripts_give_the_same_as_their_pods() {
    let scratch = Scratch::new()
        .with("pods.json", list(&of_2019()))
        .with("ips/support", "10.2.0.1;\n")
        .with("ips/thormaster-thor1", "10.2.2.100;\n")
        .with("ips/thor-thor1", "10.2.2.1;\n10.2.2.2;\n")
        .with("ips/roxie-roxie1", "10.2.1.1-2;\n")
        .with("ips/esp-esp1", "10.2.3.1;\n");
    let from_pods = scratch.done(&["--pods", "pods.json"]).environment();
    let from_files = scratch.done(&["--addresses", "ips", "--hpcc-version", "7.2"]).environment();
    assert_eq!(super::placed(&from_files), super::placed(&from_pods));
}

#[test]
fn a_configuration_directory_applies_and_is_named_in_what_is_wrong() {
    let scratch = Scratch::new()
        .with("pods.json", list(&of_2019()))
        .with("config/override.envgen2", "# more room\nesp,@maxRequestEntityLength,70000000\n")
        .with("config/category.properties", "log=/logs/[NAME]/[INST]\n");
    let ran = scratch.done(&["--pods", "pods.json", "--config-dir", "config"]);
    let document = ran.environment();
    let environment = envxml::Environment::new(&document);
    let esp = environment.named("EspProcess", "esp1").unwrap();
    assert_eq!(esp.element.get("maxRequestEntityLength").as_deref(), Some("70000000"));
    assert!(ran.out.contains("/logs/[NAME]/[INST]"));

    let scratch =
        scratch.with("config/override.envgen2", "# more room\nesp,maxRequestEntityLength\n");
    let refused = scratch.run(&["--pods", "pods.json", "--config-dir", "config", "-env", "e.xml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("config/override.envgen2:2"), "{refused:?}");
    assert!(!scratch.names().contains("e.xml"));
}
