//! The semantics on workflows made here: what fires, with what, and how the run ends.

use serde_json::json;
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{RunOptions, Status};

use crate::support::{briefs, fire, made, wide};

fn finished(processes: serde_json::Value, signals: serde_json::Value) -> Vec<String> {
    let (report, fires) = fire(&made(processes, signals, json!([])), wide());
    assert_eq!(report.status, Status::Finished, "{fires:?}");
    assert_eq!(report.dropped_signals, []);
    assert_eq!(report.done, fires.len() as u64);
    briefs(&fires)
}

#[test]
fn a_fixed_count_takes_as_many() {
    let fires = finished(
        json!([{"name": "A", "ins": ["x:3"], "outs": [], "firingLimit": 2}]),
        json!([{"name": "x", "data": [1, 2, 3, 4, 5, 6]}]),
    );
    assert_eq!(fires, ["A#1(x=[1,2,3])", "A#2(x=[4,5,6])"]);
}

#[test]
fn counts_neither_leak_into_other_processes_nor_mix_inputs() {
    let fires = finished(
        json!([
            {"name": "A", "ins": ["a:2", "b:2"], "outs": [], "firingLimit": 1},
            {"name": "B", "ins": ["a"], "outs": [], "firingLimit": 2}]),
        json!([{"name": "a", "data": ["a1", "a2"]}, {"name": "b", "data": ["b1", "b2"]}]),
    );
    let mut fires = fires;
    fires.sort();
    let a = r#"A#1(a=["a1","a2"] b=["b1","b2"])"#;
    assert_eq!(fires, [a, r#"B#1(a=["a1"])"#, r#"B#2(a=["a2"])"#]);
}

#[test]
fn count_signals_put_collections_together_again() {
    let fires = finished(
        json!([
            {"name": "S", "ins": ["x"], "outs": ["e:n"], "config": {"emit": {"e": [2, 0, 3]}}, "firingLimit": 3},
            {"name": "M", "ins": ["e"], "outs": ["f"], "firingLimit": 5},
            {"name": "J", "ins": ["f:n"], "outs": [], "firingLimit": 2}]),
        json!([{"name": "x", "data": [1, 2, 3]}, {"name": "e"}, {"name": "n", "control": "count"}, {"name": "f"}]),
    );
    let joined: Vec<_> = fires.iter().filter(|fire| fire.starts_with('J')).collect();
    assert_eq!(joined, [r#"J#1(f=["M#1","M#2"])"#, r#"J#2(f=["M#3","M#4","M#5"])"#]);
}

#[test]
fn next_lets_the_producer_go_on_only_after_its_consumer() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x", "nx"], "outs": ["y"], "firingLimit": 3},
            {"name": "B", "ins": ["y"], "outs": ["nx"], "firingLimit": 3, "config": {"delay": 5}}]),
        json!([{"name": "x", "data": [1, 2, 3]}, {"name": "y"}, {"name": "nx", "control": "next", "data": [{}]}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    assert_eq!(
        briefs(&fires),
        [
            "A#1(x=[1])",
            r#"B#1(y=["A#1"])"#,
            "A#2(x=[2])",
            r#"B#2(y=["A#2"])"#,
            "A#3(x=[3])",
            r#"B#3(y=["A#3"])"#
        ]
    );
    // The last `next` comes to a finished process: dropped and told, not a crash.
    assert_eq!(report.status, Status::Finished);
    assert_eq!(report.dropped_signals, [("nx".to_owned(), 1)]);
}

#[test]
fn next_is_emitted_even_after_null_outputs() {
    let fires = finished(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["nx", "y"], "firingLimit": 1, "config": {"retnull": true}},
            {"name": "B", "ins": ["z", "nx"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1]}, {"name": "nx", "control": "next"}, {"name": "y"}, {"name": "z", "data": [2]}]),
    );
    assert_eq!(fires, ["A#1(x=[1])", "B#1(z=[2])"]);
}

#[test]
fn done_ends_a_process_and_is_emitted_when_one_has_ended() {
    // A finishes -> `fin` ends B (which has no limit) -> `fin2` ends C.
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y", "fin"], "firingLimit": 2},
            {"name": "B", "ins": ["y", "fin"], "outs": ["z", "fin2"], "parlevel": 0},
            {"name": "C", "ins": ["z", "fin2"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "y"}, {"name": "z"},
               {"name": "fin", "control": "done"}, {"name": "fin2", "control": "done"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    assert_eq!(report.status, Status::Finished);
    let of = |name: &str| fires.iter().filter(|fire| fire.process == name).count();
    assert_eq!((of("A"), of("B")), (2, 2));
}

#[test]
fn done_before_anything_ends_a_process_without_a_firing() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 2},
            {"name": "B", "ins": ["y", "fin"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "y"}, {"name": "fin", "control": "done", "data": [{}]}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    assert_eq!(briefs(&fires), ["A#1(x=[1])", "A#2(x=[2])"]);
    assert_eq!(report.status, Status::Finished);
    assert_eq!(report.dropped_signals, [("y".to_owned(), 2)]);
}

#[test]
fn a_choice_emits_what_it_chose_and_a_merge_tells_the_join() {
    let fires = finished(
        json!([
            {"name": "C", "type": "choice", "ins": ["x"], "outs": ["a", "b", "m"], "firingLimit": 4,
             "config": {"emit": {"a": ["cond", "skip", "skip", "cond"], "b": ["skip", "cond", "skip", "cond"]}}},
            {"name": "J", "type": "join", "ins": ["a", "b", "m"], "outs": [], "firingLimit": 3}]),
        json!([{"name": "x", "data": [1, 2, 3, 4]}, {"name": "a"}, {"name": "b"}, {"name": "m", "control": "merge"}]),
    );
    let joined: Vec<_> = fires.iter().filter(|fire| fire.starts_with('J')).collect();
    assert_eq!(joined, [r#"J#1(a=["C#1"])"#, r#"J#2(b=["C#2"])"#, r#"J#3(a=["C#4"] b=["C#4"])"#]);
}

#[test]
fn a_join_takes_the_first_branches_and_discards_the_rest_of_their_group() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["a"], "firingLimit": 2, "config": {"delay": [10, 100]}},
            {"name": "B", "ins": ["x"], "outs": ["b"], "firingLimit": 2, "config": {"delay": [50, 10]}},
            {"name": "J", "type": "join", "joinCount": 1, "activeBranchesCount": 2, "ins": ["a", "b"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "a"}, {"name": "b"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    let joined = briefs(&fires);
    let joined: Vec<_> = joined.iter().filter(|fire| fire.starts_with('J')).collect();
    // Times: a1 at 10 (fires), b1 at 50 (surplus), b2 at 60 (fires), a2 at 110 (surplus).
    assert_eq!(joined, [r#"J#1(a=["A#1"])"#, r#"J#2(b=["B#2"])"#]);
    assert_eq!(report.status, Status::Idle);
}

#[test]
fn a_sticky_input_keeps_its_latest_value() {
    let fires = finished(
        json!([
            {"name": "U", "ins": ["u"], "outs": ["cfg"], "firingLimit": 1},
            {"name": "D", "ins": ["d"], "outs": ["x"], "firingLimit": 2, "config": {"delay": 20}},
            {"name": "A", "ins": ["cfg", "x"], "outs": [], "sticky": ["cfg"], "firingLimit": 3}]),
        json!([{"name": "u", "data": [0]}, {"name": "d", "data": [1, 2]},
               {"name": "cfg", "data": ["old"]}, {"name": "x", "data": ["x0"]}]),
    );
    let of_a: Vec<_> = fires.iter().filter(|fire| fire.starts_with('A')).collect();
    assert_eq!(
        of_a,
        [
            r#"A#1(cfg=["old"] x=["x0"])"#,
            r#"A#2(cfg=["U#1"] x=["D#1"])"#,
            r#"A#3(cfg=["U#1"] x=["D#2"])"#
        ]
    );
}

#[test]
fn a_process_with_sticky_inputs_only_fires_once_a_value() {
    let workflow = made(
        json!([
            {"name": "U", "ins": ["u"], "outs": ["cfg"], "firingLimit": 2, "config": {"delay": 10}},
            {"name": "A", "ins": ["cfg"], "outs": [], "sticky": ["cfg"]}]),
        json!([{"name": "u", "data": [0, 1]}, {"name": "cfg"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    let of_a = fires.iter().filter(|fire| fire.process == "A").count();
    assert_eq!((of_a, report.status), (2, Status::Idle));
}

#[test]
fn ordering_emits_in_order_of_firing_only_where_it_is_on() {
    for (ordering, order) in [
        (json!(true), [1, 2, 3]),
        (json!("true"), [1, 2, 3]),
        (json!(false), [3, 2, 1]),
        (json!("false"), [3, 2, 1]),
    ] {
        let fires = finished(
            json!([
                {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 3, "parlevel": 0, "ordering": ordering,
                 "config": {"delay": [30, 20, 10]}},
                {"name": "B", "ins": ["y"], "outs": [], "firingLimit": 3}]),
            json!([{"name": "x", "data": [1, 2, 3]}, {"name": "y"}]),
        );
        let of_b: Vec<_> = fires.into_iter().filter(|fire| fire.starts_with('B')).collect();
        let expected: Vec<_> = (1..)
            .zip(order)
            .map(|(firing, made)| format!("B#{firing}(y=[\"A#{made}\"])"))
            .collect();
        assert_eq!(of_b, expected, "ordering {ordering}");
    }
}

#[test]
fn null_and_failed_firings_do_not_block_ordered_ones() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 3, "parlevel": 0, "ordering": true,
             "config": {"delay": [30, 20, 10], "fail": [1, 0, 0]}},
            {"name": "B", "ins": ["y"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2, 3]}, {"name": "y"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, RunOptions { keep_going: true, ..wide() });
    assert_eq!(report.status, Status::Failed);
    let of_b: Vec<_> = briefs(&fires).into_iter().filter(|fire| fire.starts_with('B')).collect();
    assert_eq!(of_b, [r#"B#1(y=["A#2"])"#, r#"B#2(y=["A#3"])"#]);
}

#[test]
fn parlevel_bounds_how_many_firings_of_one_process_run_at_once() {
    for (parlevel, most) in [(None, 1), (Some(1), 1), (Some(3), 3), (Some(0), 6)] {
        let mut process = json!({"name": "A", "ins": ["x"], "outs": [], "firingLimit": 6, "config": {"delay": 10}});
        if let Some(level) = parlevel {
            process["parlevel"] = json!(level);
        }
        let workflow =
            made(json!([process]), json!([{"name": "x", "data": [1, 2, 3, 4, 5, 6]}]), json!([]));
        let (report, fires) = fire(&workflow, wide());
        assert_eq!(fires.iter().map(|fire| fire.running).max(), Some(most), "{parlevel:?}");
        // All are awaited, also those that started before the last one.
        assert_eq!((report.done, report.status), (6, Status::Finished));
    }
}

#[test]
fn several_producers_and_initial_values_queue() {
    let fires = finished(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 1, "config": {"delay": 10}},
            {"name": "B", "ins": ["x"], "outs": ["y"], "firingLimit": 1, "config": {"delay": 5}},
            {"name": "C", "ins": ["y"], "outs": [], "firingLimit": 3}]),
        json!([{"name": "x", "data": [1]}, {"name": "y", "data": ["init"]}]),
    );
    let of_c: Vec<_> = fires.iter().filter(|fire| fire.starts_with('C')).collect();
    assert_eq!(of_c, [r#"C#1(y=["init"])"#, r#"C#2(y=["B#1"])"#, r#"C#3(y=["A#1"])"#]);
}

#[test]
fn a_cycle_goes_round_until_its_limits() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["a"], "outs": ["b"], "firingLimit": 3},
            {"name": "B", "ins": ["b"], "outs": ["a"], "firingLimit": 3}]),
        json!([{"name": "a", "data": [0]}, {"name": "b"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    assert_eq!(fires.len(), 6);
    assert_eq!(report.status, Status::Finished);
    assert_eq!(report.dropped_signals, [("a".to_owned(), 1)]);
}

#[test]
fn surplus_that_waits_is_no_problem() {
    let fires = finished(
        json!([{"name": "A", "ins": ["x"], "outs": [], "firingLimit": 2}]),
        json!([{"name": "x", "data": [1, 2, 3]}]),
    );
    assert_eq!(fires, ["A#1(x=[1])", "A#2(x=[2])"]);
}

#[test]
fn sources_fire_once_or_by_their_limit_or_by_their_interval() {
    let fires = finished(
        json!([
            {"name": "once", "ins": [], "outs": ["y"]},
            {"name": "thrice", "ins": [], "outs": ["y"], "firingLimit": 3},
            {"name": "timed", "ins": [], "outs": ["y"], "firingLimit": 3, "firingInterval": 3},
            {"name": "at once", "ins": [], "outs": ["y"], "firingLimit": 3, "firingInterval": 0},
            {"name": "C", "ins": ["y"], "outs": [], "firingLimit": 10}]),
        json!([{"name": "y"}]),
    );
    let of = |name: &str| fires.iter().filter(|fire| fire.starts_with(name)).count();
    assert_eq!((of("once"), of("thrice"), of("timed"), of("at once")), (1, 3, 3, 3));
    assert_eq!(of("C"), 10);
}

#[test]
fn null_outputs_emit_nothing_and_no_data_emits_one_instance() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 2, "config": {"retnull": true}},
            {"name": "B", "ins": ["x"], "outs": ["z", "w"], "firingLimit": 2, "config": {"emit": {"z": "none", "w": [0, 2]}}},
            {"name": "Y", "ins": ["y"], "outs": []},
            {"name": "Z", "ins": ["z"], "outs": []},
            {"name": "W", "ins": ["w"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "y"}, {"name": "z"}, {"name": "w"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    let mut of: Vec<_> =
        briefs(&fires).into_iter().filter(|f| f.starts_with(['Y', 'Z', 'W'])).collect();
    of.sort();
    assert_eq!(of, [r#"W#1(w=["B#2.0"])"#, r#"W#2(w=["B#2.1"])"#, "Z#1(z=null)", "Z#2(z=null)"]);
    assert_eq!(report.status, Status::Idle);
}

#[test]
fn numeric_names_and_indexes_are_different_things() {
    let text = r#"{"processes": [
        {"name": "A", "function": "log", "ins": ["1"], "outs": ["0"], "firingLimit": 1},
        {"name": "B", "function": "log", "ins": [1], "outs": [], "firingLimit": 1}],
      "signals": [{"name": "1", "data": ["one"]}, {"name": "0"}], "ins": [], "outs": []}"#;
    let (report, fires) = fire(&crate::support::workflow(text), wide());
    assert_eq!(briefs(&fires), [r#"A#1(1=["one"])"#, r#"B#1(0=["A#1"])"#]);
    assert_eq!(report.status, Status::Finished);
}

#[test]
fn a_signal_listed_twice_is_one_input_at_its_last_position() {
    let fires = finished(
        json!([{"name": "A", "ins": ["x", "w", "x"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "w", "data": [5]}]),
    );
    assert_eq!(fires, ["A#1(w=[5] x=[1])"]);
}

#[test]
fn without_limits_the_run_ends_idle_and_that_is_success() {
    let workflow = made(
        json!([{"name": "A", "ins": ["x"], "outs": ["y"]}, {"name": "B", "ins": ["y"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "y"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    assert_eq!((report.status.clone(), fires.len()), (Status::Idle, 4));
    assert!(report.status.is_success());
}

#[test]
fn a_run_that_waits_for_outside_names_the_signal() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 1},
            {"name": "B", "ins": ["y", "go"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1]}, {"name": "y"}, {"name": "go"}]),
        json!(["x", "go"]),
    );
    let (report, _) = fire(&workflow, wide());
    assert_eq!(report.status, Status::Waiting { signals: vec!["go".to_owned()] });
    assert!(!report.status.is_success());
    assert_eq!(report.never_fired, 1);
}

#[test]
fn exit_ends_the_run_and_awaits_what_runs() {
    let workflow = made(
        json!([
            {"name": "long", "ins": ["x"], "outs": ["y"], "firingLimit": 1, "config": {"delay": 50}},
            {"name": "after", "ins": ["y"], "outs": [], "firingLimit": 1},
            {"name": "end", "function": "exit", "ins": ["x"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1]}, {"name": "y"}]),
        json!([]),
    );
    let (report, fires) = fire(&workflow, wide());
    assert_eq!(report.status, Status::Exited);
    assert_eq!((report.done, fires.len()), (2, 2));
}

#[test]
fn variables_are_expanded_in_every_field_and_only_then_judged() {
    let mut variables = Variables::new();
    for (name, value) in
        [("n", "2"), ("cores", "1500m"), ("line", "a 'b c'"), ("kind", "choice"), ("on", "true")]
    {
        variables.set(name, value);
    }
    let text = r#"{"processes": [
        {"name": "A", "type": "{{kind}}", "function": "command", "ins": ["x"], "outs": [], "firingLimit": "{{n}}", "ordering": "{{on}}",
         "config": {"executor": {"executable": "e", "args": "{{line}}", "cpuRequest": "{{cores}}"}}}],
      "signals": [{"name": "x", "data": [1]}], "ins": [], "outs": []}"#;
    let workflow = Workflow::parse(text, &variables).unwrap();
    let process = workflow.processes().next().unwrap();
    assert_eq!(process.firing_limit(), Some(2));
    let command = process.command().unwrap();
    assert_eq!((command.cpu, command.args), (Some(1.5), vec!["a".to_owned(), "b c".to_owned()]));

    // A value that makes no sense is an error, not a task without a command.
    variables.set("line", "it's");
    let invalid = Workflow::parse(text, &variables).unwrap_err();
    assert!(invalid.to_string().contains("quote"), "{invalid}");
    variables.set("line", "fine");
    variables.set("n", "many");
    let invalid = Workflow::parse(text, &variables).unwrap_err();
    assert!(invalid.to_string().contains("firingLimit"), "{invalid}");
}

#[test]
fn a_merge_signal_to_a_process_that_is_no_join_fires_nothing() {
    let fired = finished(
        json!([
            {"name": "M", "firingLimit": 1, "ins": ["go"], "outs": ["x"]},
            {"name": "P", "firingLimit": 1, "ins": ["x", "m"], "outs": []}
        ]),
        json!([
            {"name": "go", "data": [1]}, {"name": "x"},
            {"name": "m", "control": "merge", "data": [{}, {}]}
        ]),
    );
    assert_eq!(fired.len(), 2, "{fired:?}");
}
