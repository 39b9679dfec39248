//! The rows: which contestants meet on which graph, and by which bars they are judged.

mod apply;
mod hpcc;
mod loading;
mod montage;
mod processes;
mod resume;

use std::path::{Path, PathBuf};

use crate::bars::{Bar, Verdict};
use crate::cli::{Form, RowChoice};
use crate::contest::{Contestant, Standings};
use crate::peers::Peers;
use crate::report;
use crate::settings::{Plan, Settings, empty};
use crate::wf_run::Executor;

/// Slots of every contestant, unless the row says otherwise.
const SLOTS: u32 = 2;

/// The program of a task that does nothing but start and end.
const TRUE: &str = "/bin/true";

/// What a row brought.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Headline.
    pub(crate) title: String,
    /// The contestants' figures.
    pub(crate) standings: Standings,
    /// The promises.
    pub(crate) bars: Vec<Bar>,
    /// What a reader must know besides.
    pub(crate) notes: Vec<String>,
}

/// Measures the rows and reports each as it ends; says whether any bar was missed.
///
/// # Errors
/// When a graph cannot be written or a report not be shown. A contestant that fails is no error.
pub(crate) fn run(rows: &[RowChoice], settings: &Settings) -> anyhow::Result<bool> {
    let mut missed = false;
    for row in rows {
        let load = report::load_average();
        let mut outcome = match row {
            RowChoice::Ind10000 => processes::ind10000(settings)?,
            RowChoice::Ind1000 => processes::ind1000(settings)?,
            RowChoice::Cpu => processes::cpu(settings)?,
            RowChoice::Chain => processes::chain(settings)?,
            RowChoice::Montage => montage::montage(settings)?,
            RowChoice::Scaling => montage::scaling(settings)?,
            RowChoice::Journal => montage::journal(settings)?,
            RowChoice::Noop => loading::noop(settings)?,
            RowChoice::Check => loading::check(settings)?,
            RowChoice::Million => loading::million(settings)?,
            RowChoice::Resume => resume::resume(settings)?,
            RowChoice::Hpcc => hpcc::hpcc(settings)?,
            RowChoice::Apply => apply::apply(settings)?,
            // `selected` spells it out.
            RowChoice::All => continue,
        };
        outcome.notes.extend(load);
        if !settings.is_full_size() {
            outcome.bars = outcome.bars.into_iter().map(Bar::without_judgement).collect();
            outcome.notes.push("divided counts: the bars are not judged".to_owned());
        }
        missed |= outcome.bars.iter().any(|bar| bar.verdict == Verdict::Missed);
        report::show(&outcome)?;
        if let Some(raw) = &settings.raw {
            report::append_raw(raw, row.name(), &outcome)?;
        }
    }
    Ok(missed)
}

/// A graph written for each of the contestants that carry it out.
struct Files {
    folder: PathBuf,
    tasks: u32,
}

impl Files {
    /// Writes `plan` as workflow.json, Makefile and build.ninja of /bin/true, below `name`.
    fn write(settings: &Settings, name: &str, plan: &Plan) -> anyhow::Result<Self> {
        let folder = settings.fresh_folder(name)?;
        let program = Path::new(TRUE);
        for (form, file) in [
            (Form::Workflow, "workflow.json"),
            (Form::Make, "Makefile"),
            (Form::Ninja, "build.ninja"),
        ] {
            settings.write_graph(plan, form, program, "command", &folder.join(file))?;
        }
        Ok(Self { folder, tasks: plan.tasks })
    }

    fn workflow(&self) -> PathBuf {
        self.folder.join("workflow.json")
    }

    fn make(&self, slots: u32) -> Contestant<'_> {
        Contestant::new("make", self.tasks, move || Peers::make(&self.folder, slots))
    }

    /// ninja without what it remembers of the last round.
    fn ninja(&self, slots: u32) -> Contestant<'_> {
        Contestant::new("ninja", self.tasks, move || {
            for log in [".ninja_log", ".ninja_deps"] {
                // Not there before the first round.
                let _ = std::fs::remove_file(self.folder.join(log));
            }
            Peers::ninja(&self.folder, slots)
        })
    }

    /// wf-run with a fresh folder for its runs each time.
    fn wf_run<'a>(&'a self, settings: &'a Settings, slots: u32) -> Contestant<'a> {
        wf_run(settings, "wf-run", self.tasks, slots, self.workflow(), Executor::Local)
    }
}

/// wf-run on `file`, with a fresh folder for its runs each time, beside the file.
fn wf_run<'a>(
    settings: &'a Settings,
    name: &str,
    tasks: u32,
    slots: u32,
    file: PathBuf,
    executor: Executor,
) -> Contestant<'a> {
    let runs = file.with_extension("runs");
    Contestant::new(name, tasks, move || {
        empty(&runs)?;
        Ok(settings.wf_run.run(&file, slots, &runs, executor))
    })
}

/// A note for readers when the recorded graph is absent.
fn recorded_or_not(plan: &Plan) -> Vec<String> {
    if plan.shape == crate::cli::Shape::Recorded {
        return Vec::new();
    }
    vec![format!(
        "the recorded graph was not used: a generated one of its shape, {} tasks (WINDLASS_DATA \
         names the folder with workflows/)",
        plan.tasks
    )]
}
