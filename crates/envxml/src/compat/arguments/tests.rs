//! What each option sets.

use std::os::unix::ffi::OsStringExt;

use super::*;

fn words(typed: &[&str]) -> Vec<OsString> {
    typed.iter().map(OsString::from).collect()
}

fn parsed(typed: &[&str]) -> EnvgenArgs {
    let args = EnvgenArgs::parse_all(&words(typed)).unwrap();
    assert_eq!(EnvgenArgs::parse_first(&words(typed)).unwrap(), args);
    args
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn every_option_sets_its_field_in_any_case() {
    let args = parsed(&[
        "-ENV",
        "dir/e.xml",
        "-supportNodes",
        "2",
        "-RoxieNodes",
        "3",
        "-thornodes",
        "-4",
        "-ESPnodes",
        "0",
        "-slavespernode",
        "5",
        "-THORchannelsPERslave",
        "6",
        "-roxiechannelsperslave",
        "7",
        "-roxieOnDemand",
        "0",
        "-Ip",
        "10.0.0.1-3",
        "-O",
        "log=/l/[NAME]/[INST]",
        "-Override",
        "esp,@method,htpasswd",
        "-Set_Xpath_Attrib_Value",
        "Software/EspProcess[1]",
        "@name",
        "",
        "-set-xpath-attrib-value",
        "a",
        "@b",
        "-c",
        "-Assign_IPs",
        "thor",
        "10.0.0.1;10.0.0.2",
    ]);
    let expected = EnvgenArgs {
        env: Some("dir/e.xml".into()),
        ip_parts: vec![IpPart::Inline("10.0.0.1-3".to_owned())],
        support_nodes: 2,
        roxie_nodes: 3,
        thor_nodes: -4,
        esp_nodes: 0,
        slaves_per_node: 5,
        thor_channels_per_slave: 6,
        roxie_channels_per_slave: 7,
        roxie_on_demand: false,
        directories: vec![pair("log", "/l/[NAME]/[INST]")],
        overrides: vec!["esp,@method,htpasswd".to_owned()],
        xpath_values: vec![
            ("Software/EspProcess[1]".to_owned(), "@name".to_owned(), String::new()),
            ("a".to_owned(), "@b".to_owned(), "-c".to_owned()),
        ],
        assigned: vec![pair("thor", "10.0.0.1;10.0.0.2")],
        help: false,
    };
    assert_eq!(args, expected);
}

#[test]
fn the_last_value_counts_and_lists_keep_their_order() {
    let args = parsed(&[
        "-env",
        "a",
        "-ip",
        "1",
        "-ipfile",
        "f",
        "-ip",
        "",
        "-thornodes",
        "1",
        "-thornodes",
        "2",
        "-env",
        "-b",
        "-roxieondemand",
        "2",
        "-roxieondemand",
        "1",
        "-assign_ips",
        "esp",
        "3",
        "-assign_ips",
        "esp",
        "2",
    ]);
    assert_eq!(args.require_env().unwrap(), Path::new("-b"));
    assert_eq!(args.thor_nodes, 2);
    assert!(!args.roxie_on_demand, "as in envgen it stays off");
    assert_eq!(args.assigned, [pair("esp", "3"), pair("esp", "2")]);
    let texts = args.address_texts(|path| Ok(format!("<{}>", path.display()))).unwrap();
    assert_eq!(texts, ["1", "<f>", ""]);
}

#[test]
fn addresses_are_required_when_all_texts_are_empty() {
    for typed in [&[][..], &["-ip", ""], &["-ipfile", "empty", "-ip", ""]] {
        let error = parsed(typed).address_texts(|_| Ok(String::new())).unwrap_err();
        assert_eq!(error.line(), "Error: Ip addresses are required. Please specify.");
    }
    let missing = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let error = parsed(&["-ip", "1", "-ipfile", "f"]).address_texts(missing).unwrap_err();
    assert!(matches!(error, ArgumentError::Unreadable { .. }), "{error}");
}

#[test]
fn a_directory_has_two_fields_and_placeholders() {
    let of = |value: &str| EnvgenArgs::parse_all(&words(&["-o", value]));
    let good = [
        ("data= /d/[NAME]/[COMPONENT] ", pair("data", "/d/[NAME]/[COMPONENT]")),
        ("=[INST][NAME]", pair("", "[INST][NAME]")),
    ];
    for (value, directory) in good {
        assert_eq!(of(value).unwrap().directories, [directory]);
    }
    for value in ["log=/l", "log=/l/[NAME]", "log=/l/[INST]", "log=", "log=/[name]/[inst]"] {
        let problems = of(value).unwrap_err();
        assert!(matches!(problems[..], [ArgumentError::NoPlaceholders { .. }]), "{value}");
    }
    for value in ["", "log", "a=b=[NAME][INST]"] {
        let problems = of(value).unwrap_err();
        assert!(matches!(problems[..], [ArgumentError::NotADirectory { .. }]), "{value}");
        let left_out = EnvgenArgs::parse_first(&words(&["-o", value])).unwrap();
        assert_eq!(left_out, EnvgenArgs::default());
    }
}

#[test]
fn envgen_keeps_an_override_that_it_will_warn_of() {
    let typed = words(&["-override", "esp,@a"]);
    assert_eq!(EnvgenArgs::parse_first(&typed).unwrap().overrides, ["esp,@a"]);
    let problems = EnvgenArgs::parse_all(&typed).unwrap_err();
    assert_eq!(problems.len(), 1);
}

#[test]
fn paths_may_be_any_bytes_and_texts_may_not() {
    let odd = || OsString::from_vec(b"a\xff".to_vec());
    let args = EnvgenArgs::parse_all(&["-env".into(), odd(), "-ipfile".into(), odd()]).unwrap();
    assert_eq!(args.env, Some(odd().into()));
    assert_eq!(args.ip_parts, [IpPart::File(odd().into())]);
    let problems = EnvgenArgs::parse_all(&["-ip".into(), odd(), odd()]).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["-ip a\u{fffd}: not UTF-8", "unknown command line parameter: a\u{fffd}"]);
}
