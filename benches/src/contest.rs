//! Contestants that take turns, round by round, and how they stand afterwards.

use std::process::Command;

use crate::measure::{self, OutputFiles, Sample};
use crate::settings::Settings;
use crate::statistics::median;

/// Makes everything ready for one more run and answers the command to measure.
type Start<'a> = Box<dyn Fn() -> anyhow::Result<Command> + 'a>;

/// One program with its task graph.
pub(crate) struct Contestant<'a> {
    name: String,
    tasks: u32,
    start: Start<'a>,
    repeats: u32,
    beside: Option<u32>,
    reported: Option<fn(&str) -> Option<f64>>,
}

impl<'a> Contestant<'a> {
    /// A contestant for `tasks` tasks. `start` is called before each run and not measured.
    pub(crate) fn new(
        name: impl Into<String>,
        tasks: u32,
        start: impl Fn() -> anyhow::Result<Command> + 'a,
    ) -> Self {
        let start = Box::new(start);
        Self { name: name.into(), tasks, start, repeats: 1, beside: None, reported: None }
    }

    /// Runs it several times a round, as one figure for all of them: for short runs.
    pub(crate) fn repeated(self, repeats: u32) -> Self {
        Self { repeats: repeats.max(1), ..self }
    }

    /// Counts the CPU time of a process that runs beside it, such as its database.
    pub(crate) fn beside(self, pid: u32) -> Self {
        Self { beside: Some(pid), ..self }
    }

    /// Reads a figure from what it writes on standard output.
    pub(crate) fn reporting(self, read: fn(&str) -> Option<f64>) -> Self {
        Self { reported: Some(read), ..self }
    }

    /// Its turn in one round.
    fn take_turn(&self, settings: &Settings, output: &OutputFiles) -> anyhow::Result<Sample> {
        let mut sum = Sample::default();
        for _ in 0..self.repeats {
            let command = (self.start)()?;
            let before = self.beside.map(measure::cpu_seconds_of).transpose()?;
            let mut sample = measure::run(command, output, settings.limit)?;
            if let (Some(pid), Some(before)) = (self.beside, before) {
                // Which part was in the kernel is of no interest here.
                sample.user_seconds += measure::cpu_seconds_of(pid)? - before;
            }
            if let Some(read) = self.reported {
                sample.reported = read(&std::fs::read_to_string(&output.out)?);
            }
            sum = sum.and(sample);
        }
        Ok(sum)
    }
}

/// A contestant's figures after all rounds.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Its name in the table.
    pub(crate) name: String,
    /// Tasks in each round: those of one run times the repeats.
    pub(crate) tasks: u64,
    /// One sample a round.
    pub(crate) samples: Vec<Sample>,
    /// Why it fell out, if it did.
    pub(crate) failure: Option<String>,
}

impl Standing {
    /// The median of a figure over the rounds.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.samples.iter().map(figure))
    }

    /// The median CPU time per task, in milliseconds.
    pub(crate) fn cpu_milliseconds_per_task(&self) -> Option<f64> {
        self.median(|sample| sample.cpu_seconds() * 1e3 / self.tasks as f64)
    }
}

/// All contestants' figures of one row.
#[derive(Debug)]
pub(crate) struct Standings(pub(crate) Vec<Standing>);

impl Standings {
    /// The contestant of this name, when it finished every round.
    pub(crate) fn of(&self, name: &str) -> Option<&Standing> {
        self.0.iter().find(|standing| standing.name == name && standing.failure.is_none())
    }

    /// The median over the rounds of a comparison of two contestants in the same round.
    pub(crate) fn compare(
        &self,
        left: &str,
        right: &str,
        figure: impl Fn(&Sample, &Sample) -> f64,
    ) -> Option<f64> {
        let (left, right) = (self.of(left)?, self.of(right)?);
        median(left.samples.iter().zip(&right.samples).map(|(l, r)| figure(l, r)))
    }

    /// How many times faster `left` was than `right`, by wall time.
    pub(crate) fn speed_ratio(&self, left: &str, right: &str) -> Option<f64> {
        self.compare(left, right, |l, r| r.wall_seconds / l.wall_seconds)
    }
}

/// Lets the contestants take turns for all rounds. Who fails once is out.
pub(crate) fn hold(
    row: &str,
    contestants: &[Contestant<'_>],
    settings: &Settings,
) -> anyhow::Result<Standings> {
    let folder = settings.fresh_folder(&format!("{row}-output"))?;
    let mut standings: Vec<Standing> = contestants
        .iter()
        .map(|contestant| Standing {
            name: contestant.name.clone(),
            tasks: u64::from(contestant.tasks) * u64::from(contestant.repeats),
            samples: Vec::new(),
            failure: None,
        })
        .collect();
    for _ in 0..settings.rounds {
        for (index, (contestant, standing)) in contestants.iter().zip(&mut standings).enumerate() {
            if standing.failure.is_some() {
                continue;
            }
            let output = OutputFiles {
                out: folder.join(format!("{index}.out")),
                err: folder.join(format!("{index}.err")),
            };
            match contestant.take_turn(settings, &output) {
                Ok(sample) => standing.samples.push(sample),
                Err(error) => standing.failure = Some(format!("{error:#}")),
            }
        }
    }
    Ok(Standings(standings))
}
