//! Checks a mosaic of a synthetic sky: stars in their places, no steps at image borders, and steps
//! where backgrounds were not matched.
//!
//! Runs where `wf-run` ran the workflows, on the files that they left:
//!
//! ```text
//! cargo run --release -p montage --example verify -- DIRECTORY BAND...
//! ```
//!
//! It runs two of Montage's programs itself: mImgtbl for the borders of the raw images in `raw`,
//! and mAdd for the mosaic of the uncorrected images.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use montage::fits::FitsImage;
use montage::verify::{BorderReport, StarReport, borders, stars};
use montage::{Answer, ImageTable, StarTable};

/// Part of the expected stars that must be found.
const LEAST_MATCHED: f64 = 0.98;
/// Largest median distance of a star from its place, in pixels.
const LARGEST_MEDIAN_OFFSET: f64 = 0.05;
/// Largest distance of one star from its place, in pixels.
const LARGEST_OFFSET: f64 = 0.5;
/// Faintest star that is measured, in pixel units: 40 times the noise of one image.
const FAINTEST: f64 = 80.0;
/// Largest step in the matched mosaic, in pixel units: the noise of one image is 2.
const LARGEST_STEP: f64 = 3.0;
/// Largest median step in the matched mosaic.
const LARGEST_MEDIAN_STEP: f64 = 1.0;
/// Smallest size of the largest step without matching; less would mean that nothing was tested.
const LEAST_UNMATCHED_STEP: f64 = 10.0;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let mut bands: Vec<String> = arguments.collect();
    if bands.is_empty() {
        bands.push("gray".to_owned());
    }
    let mut reasons = Vec::new();
    for band in &bands {
        match check(&directory, band) {
            Ok(found) => reasons.extend(found),
            Err(error) => reasons.push(format!("{band}: {error}")),
        }
    }
    report(&reasons);
    ExitCode::from(u8::from(!reasons.is_empty()))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the result of the example")]
fn report(reasons: &[String]) {
    if reasons.is_empty() {
        println!("the mosaic is good");
    }
    for reason in reasons {
        eprintln!("BAD  {reason}");
    }
}

/// Prints the measurements of a band; the answer lists the bounds that it breaks.
#[expect(clippy::print_stdout, reason = "the result of the example")]
fn check(directory: &Path, band: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let images = raw_images(directory, band)?;
    let truth = "sky/stars.tbl";
    let truth = StarTable::parse(truth, &read_text(directory, truth)?, band)?;

    let mosaic = read_image(directory, &format!("{band}/mosaic.fits"))?;
    let found = stars(&mosaic, &images, &truth, FAINTEST);
    let matched = borders(&mosaic, &images).ok_or("no image border lies inside the mosaic")?;
    drop(mosaic);
    let unmatched = format!("{band}/unmatched.fits");
    let tables = [format!("{band}/projected.tbl"), "region.hdr".to_owned(), unmatched.clone()];
    run(directory, "mAdd", &["-e", &tables[0], &tables[1], &tables[2]])?;
    let unmatched = borders(&read_image(directory, &unmatched)?, &images)
        .ok_or("no image border lies inside the unmatched mosaic")?;

    println!(
        "{band:6} {} images; stars: {} of {} matched, off by {:.3} pixels (median), {:.3} (largest)",
        images.images.len(),
        found.matched,
        found.expected,
        found.median,
        found.largest,
    );
    for (name, step) in [("matched", &matched), ("unmatched", &unmatched)] {
        println!(
            "{:6} background steps {name:9}: {:.2} (median), {:.2} (largest, at {:.0}, {:.0}) in {} pieces of border ({} crowded ones left out)",
            "", step.median, step.largest, step.place[0], step.place[1], step.pieces, step.crowded,
        );
    }
    Ok(broken_bounds(band, &found, &matched, &unmatched))
}

fn broken_bounds(
    band: &str,
    stars: &StarReport,
    matched: &BorderReport,
    unmatched: &BorderReport,
) -> Vec<String> {
    let part = stars.matched as f64 / stars.expected.max(1) as f64;
    // Written so that NaN breaks a bound.
    let bounds = [
        (stars.expected >= 5, "fewer than 5 stars could be looked for".to_owned()),
        (part >= LEAST_MATCHED, format!("only {:.1} % of the stars were found", 100.0 * part)),
        (
            stars.median <= LARGEST_MEDIAN_OFFSET,
            format!(
                "stars are off by {:.3} pixels, more than {LARGEST_MEDIAN_OFFSET}",
                stars.median
            ),
        ),
        (
            stars.largest <= LARGEST_OFFSET,
            format!("a star is off by {:.3} pixels, more than {LARGEST_OFFSET}", stars.largest),
        ),
        (
            matched.median <= LARGEST_MEDIAN_STEP,
            format!("background steps of {:.2} remain at most borders", matched.median),
        ),
        (
            matched.largest <= LARGEST_STEP,
            format!(
                "a background step of {:.2} remains, more than {LARGEST_STEP}",
                matched.largest
            ),
        ),
        (
            unmatched.largest >= LEAST_UNMATCHED_STEP,
            format!("even the unmatched mosaic has no step above {:.2}", unmatched.largest),
        ),
    ];
    let broken = bounds.into_iter().filter(|(good, _)| !good);
    broken.map(|(_, reason)| format!("{band}: {reason}")).collect()
}

/// The raw images of a band: those in `raw/BAND`, or all when there is only one band.
fn raw_images(directory: &Path, band: &str) -> Result<ImageTable, Box<dyn Error>> {
    let name = format!("{band}/raw.tbl");
    run(directory, "mImgtbl", &["-C", "-c", "-r", "raw", &name])?;
    let table = ImageTable::parse(&name, &read_text(directory, &name)?)?;
    let below = table.below(band);
    Ok(if below.images.is_empty() { table } else { below })
}

fn run(directory: &Path, program: &str, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .output()
        .map_err(|error| format!("failed to start {program}: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    match Answer::find(&printed) {
        Some(answer) if answer.is_ok() && output.status.success() => Ok(()),
        _ => Err(format!("{program} failed: {}", printed.trim()).into()),
    }
}

fn read_text(directory: &Path, name: &str) -> Result<String, String> {
    fs::read_to_string(directory.join(name)).map_err(|e| format!("failed to read {name}: {e}"))
}

fn read_image(directory: &Path, name: &str) -> Result<FitsImage, Box<dyn Error>> {
    let bytes =
        fs::read(directory.join(name)).map_err(|e| format!("failed to read {name}: {e}"))?;
    Ok(FitsImage::parse(name, &bytes)?)
}
