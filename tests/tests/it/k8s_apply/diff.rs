//! What diff shows, what it does not show, and how it ends.

use super::*;

/// `hunter2hunter2` and `moresecret`, plain and encoded.
const SECRETS: [&str; 4] =
    ["hunter2hunter2", "moresecret", "aHVudGVyMmh1bnRlcjI", "bW9yZXNlY3JldA"];

fn secret(name: &str, word: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{word: {word}}}\n"
    )
}

/// The same, with the value as the server keeps it.
fn encoded(name: &str, word: &str) -> String {
    secret(name, word).replace("stringData", "data")
}

/// Nothing secret is in what it said.
fn keeps_secrets(ran: &Ran) {
    for word in SECRETS {
        assert!(!ran.says(word), "{word} is told:\n{}\n{}", ran.out, ran.err);
    }
}

#[test]
fn diff_ends_with_three_for_differences_zero_for_none_and_two_for_refusals() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("two", "a")));
    let diff = ["diff", "-f", "set.yaml"];
    let ran = bed.ends(3, &diff);
    insta::assert_snapshot!(bed.plain(&ran.out));
    assert!(ran.log.writes().is_empty() && ran.log.dry_runs().len() == 2, "{}", ran.log);
    bed.done(&["apply", "-f", "set.yaml"]);
    let ran = bed.done(&diff);
    assert_eq!(ran.out, "2 objects: 2 unchanged\n");
    bed.file("set.yaml", &(config_map("one", "b") + &config_map("two", "a")));
    let ran = bed.ends(3, &diff);
    assert!(ran.out.contains("    data.key: \"a\" -> \"b\"\n"), "{}", ran.out);
    let json = bed.ends(3, &[&diff[..], &["-o", "json"]].concat()).json();
    assert_eq!(
        json["steps"][0]["changes"][0],
        json!({"path": "data.key", "before": "a", "after": "b"})
    );
    assert_eq!(json["steps"][1]["action"], "unchanged");
    bed.file("set.yaml", &config_map("one", "b").replace("\ndata:", "\ndta:"));
    assert!(bed.refused(&diff).says("dta is no field of this kind"));
}

#[test]
fn values_of_secrets_are_in_no_output() {
    let Some(bed) = Bed::new() else { return };
    // Made by kubectl, which keeps all of it in an annotation as well.
    bed.kubectl(&["apply", "-f", "-"], &secret("one", "hunter2hunter2"));
    let fixed =
        secret("fixed", "hunter2hunter2").replace("stringData", "immutable: true\nstringData");
    bed.kubectl(&["apply", "--server-side", "-f", "-"], &fixed);
    let try_all = |code: i32, more: &[&str]| {
        for command in
            [&["diff"][..], &["diff", "-o", "json"], &["apply"], &["apply", "-o", "json"]]
        {
            let args = [command, &["-f", "set.yaml"], more].concat();
            let ran = bed.run(&args);
            keeps_secrets(&ran);
            let expected = if code == 3 && command[0] == "apply" { 0 } else { code };
            assert!(
                ran.code == Some(expected) || (code == 3 && ran.code == Some(0)),
                "{args:?} {ran:?}"
            );
        }
    };
    bed.file("set.yaml", &(secret("one", "moresecret") + &secret("two", "moresecret")));
    try_all(3, &[]);
    // Conflicts, fields that cannot be changed, values that are no text, fields that there are not.
    bed.kubectl(
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        &encoded("one", "aHVudGVyMmh1bnRlcjI="),
    );
    try_all(2, &[]);
    try_all(3, &["--on-conflict", "leave"]);
    try_all(3, &["--force-conflicts"]);
    bed.file("set.yaml", &fixed.replace("hunter2hunter2", "moresecret"));
    try_all(2, &[]);
    bed.file("set.yaml", &secret("one", "{a: moresecret}"));
    try_all(2, &[]);
    bed.file("set.yaml", &(secret("one", "hunter2hunter2") + "dta: {word: moresecret}\n"));
    try_all(2, &[]);
    bed.file(
        "set.yaml",
        &secret("one", "hunter2hunter2")
            .replace("name: one", "name: hunter2hunter2, labels: {a: -moresecret}")
            .replace("name: hunter2hunter2", "name: one"),
    );
    let ran = bed.refused(&["apply", "-f", "set.yaml"]);
    assert!(!ran.says("hunter2hunter2"), "{ran:?}");
    // Nor does a set know them.
    bed.file("set.yaml", &secret("three", "hunter2hunter2"));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    keeps_secrets(&bed.done(&["history", "--set", "demo", "--revision", "1", "-o", "json"]));
    keeps_secrets(&bed.done(&["status", "--set", "demo", "-o", "json"]));
    keeps_secrets(&bed.done(&["delete", "--set", "demo", "--yes"]));
}

#[test]
fn what_is_in_a_namespace_or_of_a_kind_of_the_same_set_is_marked_and_tried_later() {
    let Some(bed) = Bed::new() else { return };
    let (group, own) = (format!("{}.example.org", bed.name()), format!("{}-own", bed.name()));
    let _vanishing =
        [bed.vanishes(&format!("crd/things.{group}")), bed.vanishes(&format!("namespace/{own}"))];
    let namespace = format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {own}}}\n");
    let inside =
        config_map("one", "a").replace("name: one", &format!("name: one, namespace: {own}"));
    bed.file(
        "set.yaml",
        &(thing(&group, "it", "size: 3") + &inside + &namespace + &definition(&group, "")),
    );
    let ran = bed.ends(3, &["diff", "-f", "set.yaml"]);
    insta::assert_snapshot!(bed.plain(&ran.out));
    let json = bed.ends(3, &["diff", "-f", "set.yaml", "-o", "json"]).json();
    assert_eq!(json["steps"][0]["checked"]["by"], "later");
    assert_eq!(json["steps"][2]["checked"]["by"], "dry-run");

    let ran = bed.done(&["apply", "-f", "set.yaml"]);
    for path in [
        format!("/api/v1/namespaces/{own}/configmaps/one"),
        format!("/apis/{group}/v1/namespaces/{}/things/it", bed.name()),
    ] {
        let calls = ran.log.that(|call| call.path == path && call.is_change());
        assert!(calls[0].is_dry_run && calls.last().unwrap().is_write(), "{}", ran.log);
    }
    assert!(bed.done(&["apply", "-f", "set.yaml"]).log.writes().is_empty());
}

#[test]
fn a_resource_that_the_definition_of_the_set_does_not_allow_stops_everything_before_a_write() {
    let Some(bed) = Bed::new() else { return };
    let group = format!("{}.example.org", bed.name());
    let _vanishing = bed.vanishes(&format!("crd/things.{group}"));
    bed.file(
        "set.yaml",
        &(definition(&group, "")
            + &config_map("one", "a")
            + &thing(&group, "it", "size: big, colour: red")),
    );
    for command in ["diff", "apply"] {
        let ran = bed.refused(&[command, "-f", "set.yaml"]);
        assert!(
            ran.says("spec.size") && ran.says("spec.colour") && ran.says("set.yaml:"),
            "{}",
            ran.err
        );
    }
    assert!(!bed.exists("configmap/one"));
}

#[test]
fn a_definition_and_a_resource_that_uses_its_new_field_are_applied_in_one_run() {
    let Some(bed) = Bed::new() else { return };
    let group = format!("{}.example.org", bed.name());
    let _vanishing = bed.vanishes(&format!("crd/things.{group}"));
    let apply = ["apply", "-f", "set.yaml", "--set", "demo"];
    bed.file("set.yaml", &(definition(&group, "") + &thing(&group, "it", "size: 3")));
    bed.done(&apply);
    let colour = definition(&group, ", colour: {type: string}");
    bed.file("set.yaml", &(colour.clone() + &thing(&group, "it", "size: 3, colour: red")));
    let ran = bed.ends(3, &["diff", "-f", "set.yaml", "--set", "demo"]);
    let words = format!(
        "to be tried once the new definition of Thing.{group} is there; looked at: the schema"
    );
    assert!(ran.out.contains(&words) && ran.out.contains("+ spec.colour: \"red\""), "{}", ran.out);
    bed.done(&apply);
    assert_eq!(bed.get(&format!("things.{group}/it"))["spec"]["colour"], "red");
    assert!(bed.done(&apply).log.writes().is_empty());
    // A field that neither definition has is told at once.
    bed.file(
        "set.yaml",
        &(definition(&group, ", size2: {type: string}") + &thing(&group, "it", "taste: sour")),
    );
    let ran = bed.refused(&apply);
    assert!(ran.says("spec.taste"), "{}", ran.err);
}

#[test]
fn unknown_fields_of_all_documents_are_told_at_once_with_their_places() {
    let Some(bed) = Bed::new() else { return };
    bed.file(
        "a.yaml",
        &(config_map("one", "a").replace("\ndata:", "\ndta:")
            + &config_map("two", "a").replace("---\n", "---\nimutable: true\n")),
    );
    let wrong = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replica: 1\n  selector: {matchLabels: {a: b}}\n  \
                 template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - name: c\n        image: i\n        \
                 comand: [a]\n";
    bed.file("b.yaml", wrong);
    let ran = bed.refused(&["apply", "-f", "a.yaml", "-f", "b.yaml"]);
    insta::assert_snapshot!(bed.plain(&ran.err));
}
