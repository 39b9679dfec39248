//! Every subcommand, as it is typed.

use serde_json::Value;

use super::pods::{list, of_ours, ours};
use super::{Scratch, placed, set, small};

#[test]
fn lint_of_a_good_environment_ends_with_0_and_of_a_broken_one_with_3() {
    let scratch = Scratch::new();
    small(&scratch);
    let good = scratch.done(&["lint", "e.xml"]);
    assert!(good.out.contains("0 errors, 0 warnings"), "{good:?}");

    let broken =
        scratch.text("e.xml").replace("netAddress=\"10.1.2.2\"", "netAddress=\"10.1.2.999\"");
    let broken = broken.replace("localThor=\"false\"", "localThor=\"true\"");
    let scratch = scratch.with("broken.xml", broken);
    let found = scratch.run(&["lint", "broken.xml"]);
    assert_eq!(found.code, Some(3));
    assert!(found.out.contains("[bad-address]") && found.out.contains("[local-thor]"), "{found:?}");
    let first = found.out.lines().next().unwrap();
    assert!(first.starts_with("broken.xml:"), "{first}");

    let found = scratch.run(&["lint", "broken.xml", "-o", "json"]);
    assert_eq!(found.code, Some(3));
    let findings = found.json();
    let rules: Vec<&str> =
        findings.as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect();
    assert!(rules.contains(&"bad-address") && rules.contains(&"local-thor"), "{rules:?}");

    let none = scratch.run(&[
        "lint",
        "broken.xml",
        "--disable",
        "bad-address,address-mismatch,local-thor",
    ]);
    assert!(!none.out.contains("[bad-address]"), "{none:?}");
    let unknown = scratch.run(&["lint", "broken.xml", "--disable", "nonsense"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn lint_against_pods_names_those_that_are_gone_and_knows_them_by_host_name() {
    let mut pods = of_ours();
    pods.push(super::pods::stateful("thor-fast", 0, "10.3.2.9"));
    let scratch = Scratch::new().with("pods.json", list(&pods));
    scratch.done(&["--pods", "pods.json", "--host-names", "-env", "e.xml"]);
    let errors = |scratch: &Scratch| -> Vec<Value> {
        let found = scratch.run(&["lint", "--pods", "pods.json", "e.xml", "-o", "json"]).json();
        found.as_array().unwrap().iter().filter(|one| one["severity"] == "error").cloned().collect()
    };
    assert!(errors(&scratch).is_empty(), "{:#?}", errors(&scratch));

    pods.pop();
    let scratch = scratch.with("pods.json", list(&pods));
    let found = errors(&scratch);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["rule"], "address-without-pod");
}

#[test]
fn diff_ends_with_3_when_something_differs_and_with_0_otherwise() {
    let scratch = Scratch::new();
    small(&scratch);
    let changed = scratch.text("e.xml").replace("slavesPerNode=\"1\"", "slavesPerNode=\"2\"");
    let scratch = scratch.with("n.xml", changed);
    assert_eq!(scratch.done(&["diff", "e.xml", "e.xml"]).out, "");
    let differs = scratch.run(&["diff", "e.xml", "n.xml"]);
    assert_eq!(differs.code, Some(3));
    assert_eq!(
        differs.out,
        "attributes\n  ~ Software/ThorCluster[@name='mythor']/@slavesPerNode: \"1\" -> \"2\"\n"
    );
    let json = scratch.run(&["diff", "e.xml", "n.xml", "-o", "json"]);
    assert_eq!(json.code, Some(3));
    assert_eq!(json.json()["attributes"][0]["new"], "2");
}

#[test]
fn the_plan_after_one_more_thor_pod_names_its_group_its_steps_and_no_loss() {
    let mut pods = of_ours();
    let scratch = Scratch::new().with("pods.json", list(&pods));
    scratch.done(&["--pods", "pods.json", "-env", "old.xml"]);
    pods.push(ours("g", "thor-slave", "fast", "10.3.2.3"));
    let scratch = scratch.with("pods.json", list(&pods));
    scratch.done(&["--pods", "pods.json", "-env", "new.xml"]);

    let plan = scratch.run(&["plan", "old.xml", "new.xml"]);
    assert_eq!(plan.code, Some(3));
    insta::assert_snapshot!(plan.out);
    let json = scratch.run(&["plan", "old.xml", "new.xml", "-o", "json"]);
    assert_eq!(json.code, Some(3));
    assert_eq!(json.json()["data_loss"], serde_json::json!([]));

    let nothing = scratch.done(&["plan", "new.xml", "new.xml"]);
    assert_eq!(nothing.out, "nothing to do\n");

    // The way back loses what the slave holds.
    let back = scratch.run(&["plan", "new.xml", "old.xml", "-o", "json"]).json();
    assert_ne!(back["data_loss"], serde_json::json!([]));
}

#[test]
fn lists_are_configgens_lines_a_table_or_json() {
    let scratch = Scratch::new();
    small(&scratch);
    let text = scratch.done(&["list", "all2", "e.xml"]).out;
    insta::assert_snapshot!(text);
    let without_slaves = scratch.done(&["list", "all", "e.xml"]).out;
    assert!(!without_slaves.contains("ThorSlaveProcess"));
    assert_eq!(without_slaves.lines().count() + 3, text.lines().count());

    let table = scratch.done(&["list", "all2", "e.xml", "-o", "table"]).out;
    assert!(table.starts_with("PROCESS"), "{table}");
    assert_eq!(table.lines().count(), text.lines().count() + 1);

    let json = scratch.done(&["list", "all2", "e.xml", "-o", "json"]).json();
    assert_eq!(json.as_array().unwrap().len(), text.lines().count());
    for kind in ["machines", "esp-services", "common-dirs", "drop-zones", "ldaps"] {
        scratch.done(&["list", kind, "e.xml"]);
    }
}

#[test]
fn explain_names_the_line_that_set_a_value() {
    let scratch = Scratch::new()
        .with("pods.json", list(&of_ours()))
        .with(
            "hpcc.yaml",
            "thor:\n  fast:\n    slavesPerNode: 3\noverrides:\n  - {buildSet: roxie, attribute: logQueueDrop, value: 7}\n",
        )
        .with("config/override.envgen2", "# ours\nesp,@maxBacklogQueueSize,300\n");
    let both = ["--cluster", "hpcc.yaml", "--config-dir", "config"];
    scratch.done(&[&["--pods", "pods.json", "-env", "e.xml"], both.as_slice()].concat());
    let explain =
        |path: &str| scratch.done(&[&["explain", path, "e.xml"], both.as_slice()].concat()).out;

    let told = explain("Software/ThorCluster[@name='fast']/@slavesPerNode");
    assert!(told.ends_with("set by hpcc.yaml:3:5\n"), "{told}");
    let told = explain("Software/RoxieCluster/@logQueueDrop");
    assert!(told.ends_with("set by hpcc.yaml:5:5\n"), "{told}");
    let told = explain("Software/EspProcess/@maxBacklogQueueSize");
    assert!(told.ends_with("set by config/override.envgen2:2\n"), "{told}");
    let told = explain("Software/ThorCluster/@masterport");
    assert!(told.ends_with("= \"20000\": default of HPCC 7.2\n"), "{told}");
    let told = explain("Software/ThorCluster/@computer");
    assert!(told.contains("derived from"), "{told}");

    let json = scratch.done(&["explain", "Software/ThorCluster", "e.xml", "-o", "json"]).json();
    assert!(json.as_array().unwrap().len() > 20);
    let nothing = scratch.run(&["explain", "Software/Nothing", "e.xml"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
}

#[test]
fn edits_apply_all_or_none() {
    let scratch = Scratch::new();
    small(&scratch);
    let before = scratch.text("e.xml");
    let refused = scratch.run(&[
        "edit",
        "e.xml",
        "-mod",
        "sw:thor#mythor@slavesPerNode=4",
        "-rmv",
        "sw:roxie#nobody",
    ]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("edit 2") && refused.err.contains("nobody"), "{refused:?}");
    assert_eq!(scratch.text("e.xml"), before);
    assert_eq!(scratch.names().len(), 1);

    let done = scratch.done(&[
        "edit",
        "e.xml",
        "-mod",
        "sw:thor#mythor@slavesPerNode=4",
        "-add-node",
        "roxie#myroxie@ip=10.1.1.9",
    ]);
    assert!(done.err.contains("slavesPerNode"), "{done:?}");
    let document = envxml::Document::parse(&scratch.text("e.xml")).unwrap();
    assert_eq!(placed(&document)["myroxie"], set(&["10.1.1.1", "10.1.1.2", "10.1.1.9"]));
    // What was there is kept.
    let backup = scratch.names().into_iter().find(|name| name != "e.xml").unwrap();
    assert_eq!(scratch.text(&backup), before);
    scratch.done(&["lint", "e.xml"]);
}

#[test]
fn a_dry_run_of_edits_shows_the_difference_and_writes_nothing() {
    let scratch = Scratch::new();
    small(&scratch);
    let before = scratch.text("e.xml");
    let edit = ["-mod", "sw:thor#mythor@slavesPerNode=4"];
    let first = scratch.done(&[&["edit", "e.xml", "--dry-run"], edit.as_slice()].concat());
    assert!(first.out.contains("@slavesPerNode: \"1\" -> \"4\""), "{first:?}");
    // Our own options may come last as well.
    let last = scratch.done(&[&["edit", "e.xml"], edit.as_slice(), &["--dry-run"]].concat());
    assert_eq!(last.out, first.out);
    let plan = scratch.done(&[&["edit", "e.xml", "--dry-run", "--plan"], edit.as_slice()].concat());
    assert!(plan.out.contains("steps"), "{plan:?}");
    assert_eq!(scratch.text("e.xml"), before);
    assert_eq!(scratch.names().len(), 1);

    let to = scratch.done(&[&["edit", "e.xml", "--to", "-"], edit.as_slice()].concat());
    assert!(to.out.contains("slavesPerNode=\"4\""));
    assert_eq!(scratch.text("e.xml"), before);
}

#[test]
fn help_version_and_completions_are_there() {
    let scratch = Scratch::new();
    for command in ["generate", "lint", "diff", "plan", "list", "explain", "edit", "completions"] {
        let help = scratch.done(&[command, "--help"]);
        assert!(help.out.contains("Usage: hpcc-envgen"), "{help:?}");
    }
    assert!(scratch.done(&["--version"]).out.starts_with("hpcc-envgen "));
    assert!(scratch.done(&["-help"]).out.contains("-thornodes N"));
    assert!(scratch.done(&["completions", "bash"]).out.contains("hpcc-envgen"));
    let nothing = scratch.run(&[]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
}
