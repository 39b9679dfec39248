use std::collections::VecDeque;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::Variables;

fn net(text: &str) -> Net {
    let workflow = Workflow::parse(text, &Variables::new()).unwrap();
    Net::new(Arc::new(workflow), |_| true)
}

fn ids(ready: &mut Vec<Firing>) -> Vec<(u32, u32)> {
    ready.drain(..).map(|firing| (firing.process, firing.number)).collect()
}

#[test]
fn a_firing_takes_its_inputs_when_it_is_enabled() {
    let mut net = net(
        r#"{"processes": [{"name": "A", "ins": ["x", "y"], "outs": ["z"], "firingLimit": 2}],
            "signals": [{"name": "x", "data": [1, 2]}, {"name": "y", "data": [3]}, {"name": "z"}]}"#,
    );
    let mut ready = Vec::new();
    net.start(&mut ready);
    assert_eq!(ready.len(), 1);
    let inputs = ready[0].inputs.clone().unwrap();
    let value = |at: usize| inputs[at].values[0].as_deref().cloned();
    assert_eq!((value(0), value(1)), (Some(json!(1)), Some(json!(3))));
    ready.clear();
    net.complete(0, 1, Outputs::Plain, &mut ready);
    assert_eq!(ids(&mut ready), []);
    assert_eq!((net.unfinished(), net.fired(0)), (1, 1));
}

#[test]
fn a_failed_firing_that_runs_again_counts_once() {
    let mut net =
        net(r#"{"processes": [{"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 1},
                          {"name": "B", "ins": ["y"], "outs": [], "firingLimit": 1}],
            "signals": [{"name": "x", "data": [1]}, {"name": "y"}]}"#);
    let mut ready = Vec::new();
    net.start(&mut ready);
    ready.clear();
    for _ in 0..3 {
        net.fail(0, 1, &mut ready);
        assert_eq!((ready.len(), net.unfinished()), (0, 1));
        net.revive(0);
        assert_eq!(net.unfinished(), 2);
    }
    net.complete(0, 1, Outputs::Plain, &mut ready);
    assert_eq!(ids(&mut ready), [(1, 1)]);
    assert_eq!(net.unfinished(), 1);
}

#[test]
fn inputs_without_data_are_not_kept_where_nobody_looks() {
    let text = r#"{"processes": [{"name": "A", "function": "f", "ins": ["x", "y"], "outs": [], "firingLimit": 2}],
                   "signals": [{"name": "x", "data": [{}, {}]}, {"name": "y", "data": [{}, 5]}]}"#;
    let workflow = Arc::new(Workflow::parse(text, &Variables::new()).unwrap());
    let mut net = Net::new(workflow, |_| false);
    let mut ready = Vec::new();
    net.start(&mut ready);
    assert!(ready.pop().unwrap().inputs.is_none());
    net.complete(0, 1, Outputs::Plain, &mut ready);
    let inputs = ready.pop().unwrap().inputs.unwrap();
    assert_eq!(inputs[0].values, [None]);
    assert_eq!(inputs[1].values, [Some(Arc::new(json!(5)))]);
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize, u32),
    Pop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_usize..3, any::<u32>()).prop_map(|(queue, value)| Step::Push(queue, value)),
        (0_usize..3).prop_map(Step::Pop),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn queues_in_one_arena_behave_as_queues_apart(steps in steps()) {
        let mut tokens = Tokens::default();
        let mut queues = [Queue::default(); 3];
        let mut known: [VecDeque<u32>; 3] = Default::default();
        for step in steps {
            match step {
                Step::Push(at, value) => {
                    tokens.push(&mut queues[at], Some(Arc::new(json!(value))));
                    known[at].push_back(value);
                }
                Step::Pop(at) => {
                    let front = tokens.front(&queues[at]).cloned();
                    let popped = tokens.pop(&mut queues[at]);
                    prop_assert_eq!(&front, &popped);
                    let popped = popped.flatten().map(|value| (*value).clone());
                    prop_assert_eq!(popped, known[at].pop_front().map(|value| json!(value)));
                }
            }
            for at in 0..3 {
                prop_assert_eq!(queues[at].len as usize, known[at].len());
            }
        }
    }
}
