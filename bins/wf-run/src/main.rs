use std::sync::Arc;
use workflow_engine::{exec::*, model::*, run::*, store::*};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t0 = std::time::Instant::now();
    let text = std::fs::read_to_string(&a[1]).unwrap();
    let vars = Variables::new();
    let wf = Arc::new(Workflow::parse(&text, &vars).unwrap());
    eprintln!("load {:?} {:?}", t0.elapsed(), wf.shape());
    let slots: usize = a[3].parse().unwrap();
    let store = RunStore::create(&NewRun {
        runs_dir: std::path::Path::new("/tmp/runs"),
        source: std::path::Path::new(&a[1]),
        text: &text,
        work_dir: std::path::Path::new("/tmp"),
        variables: &vars,
        processes: wf.process_count(),
        label: "x",
    })
    .unwrap();
    let dir = store.dir().to_owned();
    let mut opts = RunOptions::default();
    opts.slots = slots;
    let ex: Arc<dyn Executor> = if a[2] == "noop" {
        opts.slots = 1 << 30;
        Arc::new(Noop)
    } else {
        Arc::new(
            Local::new(LocalOptions {
                slots,
                work_dir: "/tmp".into(),
                run_dir: Some(dir),
                ..Default::default()
            })
            .unwrap(),
        )
    };
    let r = Run::new(wf).options(opts).store(store).execute(ex).unwrap();
    eprintln!(
        "{:?} {} done wall {} journal {} total {:?} eff {:?}",
        r.status,
        r.done,
        r.wall_seconds,
        r.journal_seconds,
        t0.elapsed(),
        r.efficiency()
    );
}
