//! Rows of `hpcc-envgen`: a very large environment, and one of usual size as a whole process.

use std::path::Path;
use std::process::Command;

use super::Outcome;
use crate::bars::Bar;
use crate::contest::{Contestant, hold};
use crate::settings::Settings;

const MEGABYTE: f64 = 1e6;
/// Roxie servers and thor slaves of the large environment; with 20 esp, 5 support nodes and the thor master 10,000.
const ROXIE: u32 = 2_000;
const THOR: u32 = 7_974;

/// A large environment generated, checked and compared, and the one of 203 machines that HPCC's own tool was recorded
/// with.
pub(super) fn hpcc(settings: &Settings) -> anyhow::Result<Outcome> {
    let folder = settings.fresh_folder("hpcc")?;
    let (large, changed) = (folder.join("large.xml"), folder.join("changed.xml"));
    let out = folder.join("out.xml");
    let program = &settings.hpcc_envgen;
    let (roxie, thor) = (settings.count(ROXIE), settings.count(THOR));
    // What is compared differs in one machine.
    for (path, thor) in [(&large, thor), (&changed, thor - 1)] {
        let made = generate(program, roxie, thor, path).output()?;
        anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let machines = roxie + thor + 26;
    let fresh = |command: &dyn Fn() -> Command| {
        // A file that is there would be compared and kept: an other run.
        let _ = std::fs::remove_file(&out);
        Ok(command())
    };
    let contestants = [
        Contestant::new("generate", machines, || fresh(&|| generate(program, roxie, thor, &out))),
        Contestant::new("lint", machines, || Ok(reading(program, &["lint"], &[&large], 0))),
        Contestant::new("diff", machines, || {
            Ok(reading(program, &["diff"], &[&large, &changed], 3))
        }),
        Contestant::new("plan", machines, || {
            Ok(reading(program, &["plan"], &[&large, &changed], 3))
        }),
        Contestant::new("203 machines", 203, || fresh(&|| recorded(program, &out))),
    ];
    let standings = hold("hpcc", &contestants, settings)?;
    let mut bars = Vec::new();
    for name in ["generate", "lint", "diff", "plan"] {
        let standing = standings.of(name);
        let wall = standing.and_then(|s| s.median(|sample| sample.wall_seconds));
        let peak =
            standing.and_then(|s| s.median(|sample| sample.peak_rss_bytes as f64 / MEGABYTE));
        bars.push(Bar::at_most(format!("{name}: wall time"), wall, 1.0, "s"));
        bars.push(Bar::at_most(format!("{name}: peak memory"), peak, 200.0, "MB"));
    }
    let whole = standings.of("203 machines");
    let wall = whole.and_then(|s| s.median(|sample| sample.wall_seconds * 1e3));
    bars.push(Bar::at_most("203 machines: wall time of the whole process", wall, 20.0, "ms"));
    Ok(Outcome {
        title: format!("environment.xml of {machines} machines; one of 203"),
        standings,
        bars,
        notes: vec![
            "a task is a machine; generate checks its result and writes the file".to_owned(),
        ],
    })
}

/// Addresses as ranges of 250.
fn ranges(second: u32, count: u32) -> String {
    let mut list = Vec::new();
    for (third, first) in (0..count).step_by(250).enumerate() {
        list.push(format!("10.{second}.{third}.1-{}", (count - first).min(250)));
    }
    list.join(";")
}

fn generate(program: &Path, roxie: u32, thor: u32, out: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("-env").arg(out).args([
        "-ip",
        &ranges(1, 5),
        "-supportnodes",
        "5",
        "-espnodes",
        "20",
    ]);
    command.args(["-roxienodes", &roxie.to_string(), "-thornodes", &thor.to_string()]);
    command.args(["-assign_ips", "esp", &ranges(2, 20), "-assign_ips", "roxie", &ranges(3, roxie)]);
    command.args(["-assign_ips", "thor", &ranges(5, thor + 1)]);
    command
}

/// The command line of the recorded environment, in envgen's own way.
fn recorded(program: &Path, out: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--compat", "--hpcc-version", "7.2", "-env"]).arg(out);
    command.args(["-ip", "10.1.0.1", "-supportnodes", "1", "-espnodes", "2", "-roxienodes", "100"]);
    command.args(["-thornodes", "100", "-assign_ips", "thor", "10.1.0.1;10.2.0.1-100"]);
    command.args([
        "-assign_ips",
        "roxie",
        "10.3.0.1-100",
        "-assign_ips",
        "esp",
        "10.1.3.1;10.1.3.2",
    ]);
    command
}

/// A subcommand on files whose exit code is not 0 when all is well.
fn reading(program: &Path, arguments: &[&str], files: &[&Path], code: i32) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("\"$@\" > /dev/null; test $? = {code}"), "sh"]);
    command.arg(program).args(arguments).args(files);
    command
}
