//! Input that cannot be used: exit code 2, the place, and nothing written.

use super::pods::{list, of_ours};
use super::{Ran, Scratch, small};

/// A run that must be refused. Answers what it said.
#[track_caller]
fn refused(scratch: &Scratch, args: &[&str]) -> String {
    let before = scratch.names();
    let Ran { code, out, err } = scratch.run(args);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
    assert_eq!(scratch.names(), before, "{args:?}");
    err
}

#[test]
fn broken_xml_is_refused_with_its_place_by_every_command() {
    let scratch = Scratch::new();
    small(&scratch);
    let scratch =
        scratch.with("b.xml", "<Environment>\n  <Software>\n  </Hardware>\n</Environment>\n");
    let commands: &[&[&str]] = &[
        &["lint", "b.xml"],
        &["diff", "e.xml", "b.xml"],
        &["diff", "b.xml", "e.xml"],
        &["plan", "b.xml", "e.xml"],
        &["list", "all", "b.xml"],
        &["explain", "Software", "b.xml"],
        &["edit", "b.xml", "-rmv", "sw:thor#mythor"],
        &["-ip", "10.1.0.1", "-env", "b.xml", "--check"],
    ];
    for args in commands {
        let said = refused(&scratch, args);
        assert!(said.contains("b.xml:3:3: "), "{args:?}: {said}");
    }
}

#[test]
fn missing_files_are_named() {
    let scratch = Scratch::new();
    small(&scratch);
    let commands: &[&[&str]] = &[
        &["--pods", "nowhere", "-env", "n.xml"],
        &["--addresses", "nowhere", "-env", "n.xml"],
        &["--pods", "e.xml", "--cluster", "nowhere", "-env", "n.xml"],
        &["--pods", "e.xml", "--config-dir", "nowhere", "-env", "n.xml"],
        &["-ipfile", "nowhere", "-env", "n.xml"],
        &["lint", "nowhere"],
        &["diff", "e.xml", "nowhere"],
        &["plan", "nowhere", "e.xml"],
        &["list", "all", "nowhere"],
        &["explain", "Software", "nowhere"],
        &["edit", "nowhere", "-rmv", "sw:thor#mythor"],
    ];
    for args in commands {
        let said = refused(&scratch, args);
        assert!(said.contains("nowhere") && said.contains("No such file"), "{args:?}: {said}");
    }
}

#[test]
fn what_is_no_utf_8_is_refused_with_its_place() {
    let scratch =
        Scratch::new().with("bad", b"<Environment>\n <a b='\xff'/></Environment>".as_slice());
    let commands: &[&[&str]] = &[
        &["lint", "bad"],
        &["list", "all", "bad"],
        &["--pods", "bad", "-env", "n.xml"],
        &["--pods", "bad", "--cluster", "bad", "-env", "n.xml"],
    ];
    for args in commands {
        let said = refused(&scratch, args);
        assert!(said.contains("bad:2:8: ") && said.contains("UTF-8"), "{args:?}: {said}");
    }
}

#[test]
fn hpcc_yaml_is_refused_with_line_and_column() {
    let pods = list(&of_ours());
    let cases = [
        ("thor: {fast: {slaves: 3\n", "c.yaml:1:"),
        ("thor:\n  fast: {slavs: 3}\n", "c.yaml:2:10: error: `slavs` is not known here"),
        ("thor:\n  fast: {slaves: many}\n", "c.yaml:2:18: "),
        ("esp:\n  web: {ports: {eclWatch: 8010, wsEcl: 8010}}\n", "c.yaml:2:"),
        ("directories:\n  log: /var/log\n", "c.yaml:2:3: "),
    ];
    for (yaml, place) in cases {
        let scratch = Scratch::new().with("pods.json", &pods).with("c.yaml", yaml);
        let said =
            refused(&scratch, &["--pods", "pods.json", "--cluster", "c.yaml", "-env", "n.xml"]);
        assert!(said.contains(place), "{yaml}: {said}");
    }
}

#[test]
fn a_cluster_that_no_pod_belongs_to_is_refused() {
    let scratch =
        Scratch::new().with("pods.json", list(&of_ours())).with("c.yaml", "roxie: {other: {}}\n");
    let said = refused(&scratch, &["--pods", "pods.json", "--cluster", "c.yaml", "-env", "n.xml"]);
    assert!(said.contains("other"), "{said}");
}

#[test]
fn what_is_no_list_of_pods_is_refused() {
    let cases = [
        ("", "pods.json:1:1: "),
        ("{\"kind\": \"List\",\n \"items\": [}", "pods.json:2:12: "),
        ("kind: List\nitems: []\n", "pods.json:1:1: "),
        ("{\"kind\": \"Service\"}", "a Service"),
        ("{\"kind\": \"List\", \"items\": [{\"kind\": \"Node\"}]}", "item 0 is a Node"),
        (
            "{\"kind\": \"List\", \"items\": [{\"kind\": \"Pod\", \"metadata\": {\"name\": 7}}]}",
            "metadata.name",
        ),
        ("{\"kind\": \"List\", \"items\": []}", "no machine"),
    ];
    for (text, expected) in cases {
        let scratch = Scratch::new().with("pods.json", text);
        let said = refused(&scratch, &["--pods", "pods.json", "-env", "n.xml"]);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn options_that_have_no_meaning_together_are_refused() {
    let scratch = Scratch::new().with("pods.json", list(&of_ours())).with("c.yaml", "{}\n");
    let commands: &[(&[&str], &str)] = &[
        (&["--pods", "pods.json", "-ip", "10.1.0.1", "-env", "n.xml"], "-ip"),
        (&["--pods", "pods.json", "-thornodes", "3", "-env", "n.xml"], "-thornodes"),
        (&["--pods", "pods.json", "-slavesPerNode", "3", "-env", "n.xml"], "slavesPerNode"),
        (&["--pods", "pods.json", "--wait", "-env", "n.xml"], "--wait"),
        (&["-ip", "10.1.0.1", "--host-names", "-env", "n.xml"], "--host-names is about pods"),
        (&["-ip", "10.1.0.1", "-n", "hpcc", "-env", "n.xml"], "--namespace is about pods"),
        (&["-ip", "10.1.0.1", "-env", "nowhere/n.xml"], "there is no folder nowhere"),
        (&["--cluster", "c.yaml", "-ip", "10.1.0.1", "-env", "n.xml"], "--pods"),
        (&["-ip", "10.1.0.1", "--hpcc-version", "seven", "-env", "n.xml"], "seven"),
        (&["-ip", "10.1.0.1", "-override", "roxie,@a", "-env", "n.xml"], "-override"),
        (&["-ip", "10.1.0.1", "-o", "log=/var/log", "-env", "n.xml"], "[NAME]"),
    ];
    for (args, expected) in commands {
        let said = refused(&scratch, args);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn xml_that_is_no_environment_is_refused_by_every_command() {
    let scratch = Scratch::new();
    small(&scratch);
    let scratch = scratch.with("o.xml", "<other><Software/></other>\n");
    let commands: &[&[&str]] = &[
        &["lint", "o.xml"],
        &["diff", "e.xml", "o.xml"],
        &["plan", "o.xml", "e.xml"],
        &["list", "machines", "o.xml"],
        &["explain", "Software", "o.xml"],
        &["edit", "o.xml", "-rmv", "sw:thor#mythor"],
    ];
    for args in commands {
        let said = refused(&scratch, args);
        assert!(said.contains("<other>, where <Environment> was expected"), "{args:?}: {said}");
    }
}

#[test]
fn names_and_characters_that_xml_does_not_allow_are_refused() {
    let scratch = Scratch::new();
    small(&scratch);
    for args in [
        &["-ip", "10.1.0.1", "-env", "n.xml", "-override", "esp,@1x,true"] as &[&str],
        &["-ip", "10.1.0.1", "-env", "n.xml", "-override", "esp,@x,a\u{1b}b"],
        &[
            "-ip",
            "10.1.0.1",
            "-env",
            "n.xml",
            "-set_xpath_attrib_value",
            "Software/1Bad",
            "@x",
            "y",
        ],
        &["edit", "e.xml", "-mod", "sw:thor#mythor@1x=a"],
        &["edit", "e.xml", "-mod", "sw:thor#mythor@description=a\u{1}b"],
    ] {
        let said = refused(&scratch, args);
        assert!(!said.contains('\u{1b}') && !said.contains('\u{1}'), "{said:?}");
    }
}

#[test]
fn passwords_and_terminal_codes_of_a_file_are_not_shown() {
    let scratch = Scratch::new();
    small(&scratch);
    let text = scratch.text("e.xml");
    let with = |password: &str| {
        text.replace("SSHpassword=\"\"", &format!("SSHpassword=\"{password}\""))
            .replace("description=\"Thor process\"", &format!("description=\"of {password}\""))
    };
    let scratch = scratch.with("a.xml", with("s3cr3t")).with("b.xml", with("0ther"));
    let mut said = String::new();
    for command in ["diff", "plan"] {
        for format in ["text", "json"] {
            let ran = scratch.run(&[command, "a.xml", "b.xml", "-o", format]);
            assert_eq!(ran.code, Some(3), "{ran:?}");
            said.push_str(&ran.out.replace("of s3cr3t", "").replace("of 0ther", ""));
        }
    }
    said.push_str(&scratch.done(&["explain", "Software/ThorCluster/SSH", "a.xml"]).out);
    said.push_str(
        &scratch
            .done(&["edit", "a.xml", "--to", "c.xml", "-mod", "sw:thor#mythor:SSH@SSHpassword=n3w"])
            .err,
    );
    assert!(said.contains("***"), "{said}");
    for secret in ["s3cr3t", "0ther", "n3w"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}
