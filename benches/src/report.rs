//! The Markdown report of a row, and its raw figures as JSON lines.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde::Serialize;

use crate::bars::{Bar, Sense, Verdict};
use crate::contest::Standing;
use crate::measure::Sample;
use crate::rows::Outcome;

/// How busy the machine was before the row, where the kernel tells.
pub(crate) fn load_average() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let minute = text.split_whitespace().next()?;
    Some(format!("load average before the row: {minute}"))
}

/// Prints a row.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn show(outcome: &Outcome) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(render(outcome).as_bytes())
        .and_then(|()| out.flush())
        .context("failed to print the report")
}

/// A row as Markdown: contestants, bars, notes.
fn render(outcome: &Outcome) -> String {
    let mut text = format!("## {}\n\n", outcome.title);
    if !outcome.standings.0.is_empty() {
        text.push_str(
            "| contestant | wall s (min-max) | tasks/s | CPU s | CPU ms/task | peak MB |\n",
        );
        text.push_str("|---|--:|--:|--:|--:|--:|\n");
    }
    for standing in &outcome.standings.0 {
        text.push_str(&line(standing));
    }
    if !outcome.bars.is_empty() {
        let gap = if outcome.standings.0.is_empty() { "" } else { "\n" };
        text.push_str(gap);
        text.push_str("| bar | measured | bound | verdict |\n|---|--:|--:|---|\n");
    }
    for bar in &outcome.bars {
        text.push_str(&bar_line(bar));
    }
    let failures = outcome.standings.0.iter().filter_map(|standing| {
        let failure = standing.failure.as_ref()?;
        Some(format!("{} fell out: {failure}", standing.name))
    });
    let notes: Vec<String> = outcome.notes.iter().cloned().chain(failures).collect();
    for (index, note) in notes.iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{gap}- {note}");
    }
    text.push('\n');
    text
}

fn line(standing: &Standing) -> String {
    let walls = || standing.samples.iter().map(|sample| sample.wall_seconds);
    let (Some(wall), None) = (standing.median(|s| s.wall_seconds), &standing.failure) else {
        return format!("| {} | - | - | - | - | - |\n", standing.name);
    };
    let (fastest, slowest) = (walls().fold(wall, f64::min), walls().fold(wall, f64::max));
    format!(
        "| {} | {wall:.3} ({fastest:.3}-{slowest:.3}) | {:.0} | {:.3} | {:.3} | {:.1} |\n",
        standing.name,
        standing.tasks as f64 / wall,
        standing.median(Sample::cpu_seconds).unwrap_or_default(),
        standing.cpu_milliseconds_per_task().unwrap_or_default(),
        standing.median(|sample| sample.peak_rss_bytes as f64 / 1e6).unwrap_or_default(),
    )
}

fn bar_line(bar: &Bar) -> String {
    let unit = if bar.unit.is_empty() { String::new() } else { format!(" {}", bar.unit) };
    let measured =
        bar.measured.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.3}{unit}"));
    let sign = match bar.sense {
        Sense::AtLeast => ">=",
        Sense::AtMost => "<=",
    };
    let verdict = match bar.verdict {
        Verdict::Met => "met",
        Verdict::Missed => "**missed**",
        Verdict::NotMeasured => "not measured",
        Verdict::NotJudged => "not judged",
    };
    format!("| {} | {measured} | {sign} {}{unit} | {verdict} |\n", bar.what, bar.bound)
}

/// One measurement in the raw file.
#[derive(Serialize)]
struct RawSample<'a> {
    row: &'a str,
    unix_seconds: u64,
    contestant: &'a str,
    tasks: u64,
    round: usize,
    #[serde(flatten)]
    sample: Sample,
}

/// One bar, or one failure, in the raw file.
#[derive(Serialize)]
struct RawEntry<'a, T> {
    row: &'a str,
    unix_seconds: u64,
    #[serde(flatten)]
    entry: T,
}

/// A contestant that fell out.
#[derive(Serialize)]
struct Failure<'a> {
    contestant: &'a str,
    failure: &'a str,
}

/// Appends every sample, failure and bar of a row to `path`, one JSON object a line.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn append_raw(path: &Path, row: &str, outcome: &Outcome) -> anyhow::Result<()> {
    let failed = || format!("failed to append raw figures to {}", path.display());
    let unix_seconds =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut lines = Vec::new();
    for standing in &outcome.standings.0 {
        for (index, sample) in standing.samples.iter().enumerate() {
            let (contestant, tasks, sample) = (&standing.name, standing.tasks, *sample);
            let round = index + 1;
            lines.push(serde_json::to_string(&RawSample {
                row,
                unix_seconds,
                contestant,
                tasks,
                round,
                sample,
            })?);
        }
        if let Some(failure) = &standing.failure {
            let entry = Failure { contestant: &standing.name, failure };
            lines.push(serde_json::to_string(&RawEntry { row, unix_seconds, entry })?);
        }
    }
    for bar in &outcome.bars {
        lines.push(serde_json::to_string(&RawEntry { row, unix_seconds, entry: bar })?);
    }
    let mut text = lines.join("\n");
    text.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::Standings;

    #[test]
    fn a_row_shows_medians_ratios_verdicts_and_who_fell_out() {
        let sample = |wall_seconds| Sample { wall_seconds, user_seconds: 0.5, ..Sample::default() };
        let standing = |name: &str, samples, failure| Standing {
            name: name.to_owned(),
            tasks: 1_000,
            samples,
            failure,
        };
        let outcome = Outcome {
            title: "1000 tasks".to_owned(),
            standings: Standings(vec![
                standing("floor", vec![sample(1.0), sample(3.0), sample(2.0)], None),
                standing("ninja", Vec::new(), Some("not installed".to_owned())),
            ]),
            bars: vec![Bar::at_least("rate", Some(0.5), 0.9, "x")],
            notes: Vec::new(),
        };
        let expected = "## 1000 tasks\n\n\
            | contestant | wall s (min-max) | tasks/s | CPU s | CPU ms/task | peak MB |\n\
            |---|--:|--:|--:|--:|--:|\n\
            | floor | 2.000 (1.000-3.000) | 500 | 0.500 | 0.500 | 0.0 |\n\
            | ninja | - | - | - | - | - |\n\n\
            | bar | measured | bound | verdict |\n|---|--:|--:|---|\n\
            | rate | 0.500 x | >= 0.9 x | **missed** |\n\n\
            - ninja fell out: not installed\n\n";
        assert_eq!(render(&outcome), expected);
    }
}
