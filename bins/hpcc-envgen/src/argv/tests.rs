//! The table of translations, and that clap reads them.

use clap::{Arg, ArgAction};

use super::*;

fn command() -> Command {
    let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let option = |name| Arg::new(name).long(name).action(ArgAction::Append);
    let generate = Command::new("generate")
        .arg(flag("compat"))
        .arg(flag("share"))
        .arg(option("host-label"))
        .arg(option("hpcc-version").alias("hpcc"))
        .arg(Arg::new("envgen").last(true).num_args(0..));
    let lint = Command::new("lint").arg(Arg::new("file"));
    Command::new("hpcc-envgen").version("1").subcommands([generate, lint])
}

/// What follows the program's name. Words are separated by spaces; `''` is an empty one.
fn translated(typed: &str) -> String {
    let words = typed.split_whitespace().map(|word| if word == "''" { "" } else { word });
    let vector = std::iter::once("hpcc-envgen").chain(words).map(OsString::from).collect();
    let translated = translate(vector, &command());
    let words = translated[1..].iter().map(|word| word.to_str().unwrap());
    words.map(|word| if word.is_empty() { "''" } else { word }).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_style_is_sorted_as_the_table_says() {
    let table = [
        // The default subcommand, and what is none of its business.
        ("", ""),
        ("--help", "--help"),
        ("-V", "-V"),
        ("lint -o e.xml", "lint -o e.xml"),
        ("no-such-command -ip 1", "no-such-command -ip 1"),
        ("generate", "generate"),
        ("-help", "generate -- -help"),
        ("-?", "generate -- -?"),
        ("--compat", "generate --compat"),
        // Any case, both spellings, the order kept.
        ("-ENV e -Ip 1 -ipFile f -ip 2", "generate -- -ENV e -Ip 1 -ipFile f -ip 2"),
        ("generate -slavespernode 2", "generate -- -slavespernode 2"),
        ("-set_xpath_attrib_value a @b c", "generate -- -set_xpath_attrib_value a @b c"),
        ("-set-xpath-attrib-value a @b c", "generate -- -set-xpath-attrib-value a @b c"),
        ("-o log=/a -o data=/b", "generate -- -o log=/a -o data=/b"),
        // Values are values, whatever they look like.
        ("-thornodes -1 -env --compat", "generate -- -thornodes -1 -env --compat"),
        ("-assign_ips -ip '' --share", "generate --share -- -assign_ips -ip ''"),
        ("-override --share", "generate -- -override --share"),
        ("--host-label -ip -ip 1", "generate --host-label=-ip -- -ip 1"),
        ("--host-label '' -ip 1", "generate --host-label= -- -ip 1"),
        // Mixed with our own.
        (
            "-env e --host-label x -ip 1 --compat",
            "generate --host-label=x --compat -- -env e -ip 1",
        ),
        ("--hpcc-version=7.2 -ip 1", "generate --hpcc-version=7.2 -- -ip 1"),
        ("--hpcc 7.2 -ip 1", "generate --hpcc=7.2 -- -ip 1"),
        ("-ip 1 -- --compat -env", "generate -- -ip 1 --compat -env"),
        // What nobody knows is reported with the rest.
        ("-ip 1 stray --nosuch -nosuch", "generate -- -ip 1 stray --nosuch -nosuch"),
        ("--ip 1", "generate -- --ip 1"),
        // What is missing is missed later.
        ("-ip", "generate -- -ip"),
        ("-assign_ips thor", "generate -- -assign_ips thor"),
        ("--host-label", "generate --host-label"),
        // Help: one dash is ours only where likeness does not matter.
        ("generate -h", "generate -h"),
        ("generate --help -ip 1", "generate --help -- -ip 1"),
        ("--compat -ip 1 -h", "generate --compat -- -ip 1 -h"),
    ];
    for (typed, expected) in table {
        assert_eq!(translated(typed), expected, "of {typed}");
    }
}

#[test]
fn clap_reads_what_was_translated() {
    let typed = ["hpcc-envgen", "-ip", "", "--host-label", "-x", "-thornodes", "-1", "--share"];
    let matches =
        command().get_matches_from(translate(typed.map(OsString::from).to_vec(), &command()));
    let (_, generate) = matches.subcommand().unwrap();
    let all = |name: &str| -> Vec<&String> { generate.get_many(name).unwrap().collect() };
    assert_eq!(all("envgen"), ["-ip", "", "-thornodes", "-1"]);
    assert_eq!(all("host-label"), ["-x"]);
    assert!(generate.get_flag("share"));
}

#[test]
fn without_generate_nothing_is_translated() {
    let vector = vec![OsString::from("hpcc-envgen"), "-env".into(), "e".into()];
    assert_eq!(translate(vector.clone(), &Command::new("hpcc-envgen")), vector);
}

#[test]
fn our_options_of_edit_come_first_wherever_they_were_typed() {
    let operations =
        Arg::new("operations").num_args(1..).allow_hyphen_values(true).trailing_var_arg(true);
    let edit = Command::new("edit")
        .arg(Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue))
        .arg(Arg::new("to").long("to"))
        .arg(Arg::new("file"))
        .arg(operations);
    let command = command().subcommand(edit);
    let typed = "hpcc-envgen edit e.xml -mod sw:thor#t@a=1 --to n.xml -rmv --dry-run";
    let sorted = translate(typed.split(' ').map(OsString::from).collect(), &command);
    let expected = "hpcc-envgen edit --to n.xml --dry-run e.xml -mod sw:thor#t@a=1 -rmv";
    assert_eq!(sorted, expected.split(' ').collect::<Vec<_>>());
    assert!(command.clone().try_get_matches_from(sorted).is_ok());
    // What is unknown stays where it is, and is told by those who read operations.
    let typed = ["hpcc-envgen", "edit", "e.xml", "-rmv", "--nonsense"].map(OsString::from).to_vec();
    assert_eq!(translate(typed.clone(), &command), typed);
}

#[test]
fn options_of_configgen_name_the_list_and_the_file_follows() {
    let typed = ["hpcc-envgen", "list", "-env", "e.xml", "-listall2"].map(OsString::from).to_vec();
    assert_eq!(translate(typed, &command()), ["hpcc-envgen", "list", "listall2", "e.xml"]);
    let plain = ["hpcc-envgen", "list", "all", "e.xml", "-o", "json"].map(OsString::from).to_vec();
    assert_eq!(translate(plain.clone(), &command()), plain);
}
