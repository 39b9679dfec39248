//! The life of a set: applied, applied again, changed, pruned, deleted.

use super::*;

#[test]
fn a_set_that_is_applied_again_writes_nothing_and_asks_twice_at_most_which_kinds_there_are() {
    let Some(bed) = Bed::new("a_set_that_is_applied_again_writes_nothing") else { return };
    let two = config_map("one", "a") + &deployment("web", "sleep 3600");
    bed.file("set.yaml", &two);
    let apply = ["apply", "-f", "set.yaml", "--set", "demo", "--timeout", "60s"];
    let first = bed.done(&apply);
    insta::assert_snapshot!(bed.plain(&first.err), @"");
    assert!(first.log.discovery_calls().len() <= 2, "{}", first.log);
    let before = [bed.get("configmap/one"), bed.get("secret/demo")];

    let second = bed.done(&apply);
    insta::assert_snapshot!(bed.plain(&second.err), @"");
    assert!(second.log.writes().is_empty(), "{}", second.log);
    assert!(second.log.discovery_calls().len() <= 2, "{}", second.log);
    assert_eq!([bed.get("configmap/one"), bed.get("secret/demo")], before);
    println!("{}\n{}", first.log, second.log);
}
