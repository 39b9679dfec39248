//! HyperFlow's persistence log, for a workflow with a choice, counts and a cycle.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use workflow_engine::hyperflow_log::{self, TornEnd};
use workflow_engine::model::{Variables, Workflow};

const WORKFLOW: &str = r#"{"processes": [
    {"name": "sqr", "ins": ["number"], "outs": ["square"]},
    {"name": "sum", "firingLimit": 1, "ins": ["square:3"], "outs": ["total"]},
    {"name": "pick", "type": "choice", "firingLimit": 1, "ins": ["total"], "outs": ["even", "odd"]},
    {"name": "even", "firingLimit": 1, "ins": ["even"], "outs": []},
    {"name": "odd", "firingLimit": 1, "ins": ["odd"], "outs": ["end"]}],
  "signals": [{"name": "number", "data": [{"value": 1}, {"value": 2}, {"value": 4}]},
    {"name": "square"}, {"name": "total"}, {"name": "even"}, {"name": "odd"}, {"name": "end"}],
  "ins": ["number"], "outs": ["end"]}"#;

fn workflow() -> &'static Arc<Workflow> {
    static LOADED: OnceLock<Arc<Workflow>> = OnceLock::new();
    LOADED.get_or_init(|| match Workflow::parse(WORKFLOW, &Variables::new()) {
        Ok(workflow) => Arc::new(workflow),
        Err(invalid) => panic!("{:?}", invalid.problems),
    })
}

fuzz_target!(|data: &[u8]| {
    let refused = hyperflow_log::read(data, workflow(), TornEnd::Refuse);
    let dropped = hyperflow_log::read(data, workflow(), TornEnd::Drop);
    if let Ok(imported) = refused {
        assert!(!imported.torn);
        match dropped {
            Ok(same) => assert_eq!(same.history, imported.history),
            Err(error) => panic!("{error}"),
        }
    }
});
