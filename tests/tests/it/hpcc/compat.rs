//! envgen's own command line: exactly as envgen with `--compat`, by role and checked without.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use envxml::Document;
use envxml::tree::canonical;
use tests::{hpcc_envgen, is_installed, shared_data, skipped};

use super::{Ran, Scratch, ended, placed, set};

/// The command line of 2016, whose last slave envgen puts on a roxie server.
const WRAPS: [&str; 8] = [
    "-env",
    "e.xml",
    "-ip",
    "10.1.0.1;10.1.1.1-2;10.1.2.1-2",
    "-roxienodes",
    "2",
    "-thornodes",
    "2",
];

#[test]
fn compat_repeats_envgens_placement_and_ours_explains_the_difference() {
    let (theirs, ours) = (Scratch::new(), Scratch::new());
    let mut args = WRAPS.to_vec();
    let said = ours.done(&args);
    args.push("--compat");
    assert_eq!(theirs.done(&args).err, "");
    let read = |scratch: &Scratch| placed(&Document::parse(&scratch.text("e.xml")).unwrap());
    assert_eq!(read(&theirs)["mythor"], set(&["10.1.2.2", "10.1.1.1"]));
    assert_eq!(read(&ours)["mythor"], set(&["10.1.2.1", "10.1.2.2"]));
    assert_eq!(read(&ours)["myroxie"], set(&["10.1.1.1", "10.1.1.2"]));
    insta::assert_snapshot!(said.err);
}

#[test]
fn where_envgen_places_nothing_wrongly_both_write_the_same_bytes() {
    let args = [
        "-env",
        "e.xml",
        "-ip",
        "10.1.0.1",
        "-thornodes",
        "2",
        "-roxienodes",
        "2",
        "-assign_ips",
        "thor",
        "10.1.0.1;10.1.2.1-2",
        "-assign_ips",
        "roxie",
        "10.1.1.1-2",
    ];
    let (theirs, ours) = (Scratch::new(), Scratch::new());
    ours.done(&args);
    theirs.done(&[&["--compat"], args.as_slice()].concat());
    assert!(ours.text("e.xml") == theirs.text("e.xml"));
}

#[test]
fn compat_has_envgens_exit_codes_and_messages() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["-env", "e.xml", "-ip", "10.1.0.999"],
            "Exception: -1:\nInvalid ip address: 10.1.0.999\n",
        ),
        (
            &["-env", "e.xml", "-ip", "10.1.0.1-2", "-roxienodes", "4"],
            "Exception: -1:\nTotal nodes: 2 (1 Support Nodes + 1 Non-support Nodes)\nError: Cannot assign 4 number of \
             nodes for roxie due to insufficient non-support  nodes available. Please enter different values\n",
        ),
        (
            &["-env", "e.xml", "-frobnicate", "1"],
            "Error: unknown command line parameter: -frobnicate\n",
        ),
        (&["-env", "e.xml"], "Error: Ip addresses are required. Please specify.\n"),
        // Two ranges in one give no address at all.
        (
            &["-env", "e.xml", "-ip", "10.1.0.1-2-3"],
            "Exception: -1:\nList for IP Addresses cannot be empty\n",
        ),
        (
            &["-env", "e.xml", "-ip", "10.1.0.1", "-override", "esp,@1x,true"],
            "Exception: -1:\nIPropertyTree: UNKNOWN ERROR CODE: -1\nInvalid xml attribute: @1x\n",
        ),
        (
            &["-env", "e.xml", "-ip", "10.1.0.1", "-override", "thor,New/@val,x"],
            "Exception: -1:\nIPropertyTree: UNKNOWN ERROR CODE: -1\npath New/ not found, when setting prop New/@val\n",
        ),
        (&["-ip", "10.1.0.1"], "Error: Output environment xml file is required. Please specify.\n"),
    ];
    let scratch = Scratch::new();
    for (args, message) in cases {
        let ran = scratch.run(&[&["--compat"], *args].concat());
        assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
        // envgen ends some of its messages with an empty line.
        assert_eq!(ran.err.trim_end(), message.trim_end(), "{args:?}");
        assert!(scratch.names().is_empty(), "{args:?}");
    }
}

#[test]
fn compat_has_no_exit_code_2() {
    let scratch = Scratch::new();
    for args in [
        &["-env", "gone/e.xml", "-ip", "10.1.0.1"] as &[&str],
        &["--check", "-env", "e.xml", "-ip", "10.1.0.1"],
    ] {
        assert_eq!(scratch.run(&[&["--compat"], args].concat()).code, Some(1), "{args:?}");
    }
}

#[test]
fn without_compat_the_same_faults_are_told_all_at_once_with_exit_code_2() {
    let scratch = Scratch::new();
    let ran = scratch.run(&["-env", "e.xml", "-ip", "10.1.0.999;10.1.0,7", "-slavesPerNode", "0"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.err);

    let ran = scratch.run(&["-env", "e.xml", "-ip", "10.1.0.1-2", "-roxienodes", "4"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.err);

    let ran = scratch.run(&["-env", "e.xml", "-thornode", "4", "--from-clustr"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("did you mean -thornodes?"), "{ran:?}");
    assert!(ran.err.contains("--from-clustr"), "{ran:?}");
    assert!(scratch.names().is_empty());
}

#[test]
fn options_are_known_in_any_case_and_order_and_mixed_with_ours() {
    let scratch = Scratch::new();
    scratch.done(&["-ENV", "a.xml", "-IP", "10.1.0.1-4", "-ThorNodes", "2", "--compat"]);
    scratch.done(&["--compat", "-thornodes", "2", "-ip", "10.1.0.1-4", "-env", "b.xml"]);
    scratch.done(&[
        "generate",
        "-Ip",
        "10.1.0.1-4",
        "--compat",
        "-tHORNODES",
        "2",
        "-env",
        "c.xml",
    ]);
    assert_eq!(scratch.text("a.xml"), scratch.text("b.xml"));
    assert_eq!(scratch.text("a.xml"), scratch.text("c.xml"));
}

#[test]
fn compat_takes_addresses_from_files_in_their_order() {
    let scratch = Scratch::new().with("ips", "10.1.0.1;\n10.1.1.1;\n10.1.2.1;\n");
    scratch.done(&["--compat", "-env", "a.xml", "-ipfile", "ips"]);
    scratch.done(&["--compat", "-env", "b.xml", "-ip", "10.1.0.1;10.1.1.1;10.1.2.1"]);
    assert_eq!(scratch.text("a.xml"), scratch.text("b.xml"));
}

#[test]
fn one_address_carries_everything_and_what_cannot_be_had_is_said() {
    let scratch = Scratch::new();
    let ran = scratch.done(&["-env", "e.xml", "-ip", "10.1.0.1", "-thornodes", "3"]);
    let only =
        "10.1.0.1 carries everything, because it is the only address; -thornodes 3 cannot be had\n";
    assert!(ran.err.contains(only), "{ran:?}");
    assert_eq!(scratch.done(&["-env", "f.xml", "-ip", "10.1.0.1"]).err, "f.xml written\n");
}

/// Runs a recorded command line of envgen with our program, through the shell that its quotes are for.
fn replay(scratch: &Scratch, line: &str, more: &[&str]) -> Ran {
    let rest = line.trim().strip_prefix("envgen ").unwrap();
    let script = format!("\"$PROGRAM\" {} {rest}", more.join(" "));
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(script)
        .env("PROGRAM", OsString::from(hpcc_envgen()))
        .current_dir(scratch.path());
    ended(&mut command)
}

#[test]
fn recorded_command_lines_of_envgen_give_its_files_codes_and_messages() {
    let name = "recorded_command_lines_of_envgen_give_its_files_codes_and_messages";
    let Some(folder) = shared_data().map(|data| data.join("envgen")).filter(|found| found.is_dir())
    else {
        return skipped(name, "the recorded files of envgen are not there");
    };
    if !is_installed("bash") {
        return skipped(name, "bash is not installed, and the recorded lines are quoted for it");
    }
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cmd") {
            continue;
        }
        seen += 1;
        let case = path.file_stem().unwrap().to_string_lossy().into_owned();
        let line = fs::read_to_string(&path).unwrap();
        let version = if case.starts_with("72") { "7.2" } else { "10" };
        let more = ["--compat", "--host-label", "HOST", "--hpcc-version", version];
        let scratch = Scratch::new();
        let ran = replay(&scratch, &line, &more);
        let read = |extension: &str| fs::read_to_string(path.with_extension(extension)).unwrap();
        assert_eq!(format!("rc={}", ran.code.unwrap()), read("rc").trim(), "{case}: {ran:?}");
        // Lines of a log begin with a number and hold times.
        let said = read("err")
            .lines()
            .filter(|line| !line.starts_with("0000"))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(ran.err.trim(), said.trim(), "{case}");
        if !path.with_extension("xml").exists() {
            assert!(scratch.names().is_empty(), "{case}");
            continue;
        }
        let (ours, theirs) = (scratch.text(scratch.names().first().unwrap()), read("xml"));
        // With these two envgen writes siblings in the order of a hash table.
        if line.contains("-override") || line.contains("-set_xpath") {
            let read = |text: &str| canonical(&Document::parse(text).unwrap().root);
            assert!(read(&ours) == read(&theirs), "{case}");
        } else {
            assert!(ours == theirs, "{case}");
        }
    }
    assert!(seen >= 38, "only {seen} command lines");
}

#[test]
fn the_same_command_lines_without_compat_are_placed_by_role_or_refused() {
    let name = "the_same_command_lines_without_compat_are_placed_by_role_or_refused";
    let Some(folder) = shared_data().map(|data| data.join("envgen")).filter(|found| found.is_dir())
    else {
        return skipped(name, "the recorded files of envgen are not there");
    };
    if !is_installed("bash") {
        return skipped(name, "bash is not installed, and the recorded lines are quoted for it");
    }
    let mut explained = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cmd") {
            continue;
        }
        let case = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scratch = Scratch::new();
        let ran = replay(&scratch, &fs::read_to_string(&path).unwrap(), &[]);
        if ran.code == Some(0) {
            let found =
                placed(&Document::parse(&scratch.text(scratch.names().first().unwrap())).unwrap());
            let of = |component: &str| found.get(component).cloned().unwrap_or_default();
            // One machine carries everything; among several nobody is slave and server.
            if of("mydafilesrv").len() > 1 {
                assert!(of("mythor").is_disjoint(&of("myroxie")), "{case}");
            }
            explained += usize::from(ran.err.contains("envgen would use"));
        } else {
            assert_eq!(ran.code, Some(2), "{case}: {ran:?}");
            assert!(ran.err.contains("error"), "{case}: {ran:?}");
            assert!(scratch.names().is_empty(), "{case}");
        }
    }
    assert!(explained > 3, "only {explained} differences were explained");
}

#[test]
fn what_is_set_on_the_command_line_is_written_and_warned_about() {
    let scratch = Scratch::new();
    let cluster = "Software/Topology/Cluster[@name=\"thor\"]/ThorCluster";
    let more = ["-set_xpath_attrib_value", cluster, "@process", "thor123"];
    let ran = scratch.done(&[&["-env", "e.xml", "-ip", "10.1.0.1"] as &[&str], &more].concat());
    assert!(ran.err.contains("warning[unknown-topology-process]"), "{ran:?}");
    assert!(scratch.text("e.xml").contains("<ThorCluster process=\"thor123\"/>"));
}
