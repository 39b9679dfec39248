//! A synthetic sky: overlapping images with uneven backgrounds, made by one mMakeImg task each.
//!
//! Everything follows from the options: equal options give equal files. The images lie on a grid
//! with a little jitter and rotation, as a telescope would leave them. Each has its own tilted
//! background and the stars that fall on it.
//!
//! Two properties of Montage 6's mMakeImg shape the plan. It draws a source one pixel too far
//! right and up, so each image has its own table with places moved back by one pixel. And it draws
//! a source only where its middle is on the image, so a star just outside leaves no wing inside.
//! Its noise is not seeded: every image has the same sequence of random numbers.

mod random;
mod stars;

use std::fmt::Write as _;

use crate::coordinates::{SkyPoint, TangentPlane};
use crate::region::Region;
use crate::workflow::{Builder, Task, TextFile, Workflow};
use random::Random;
pub use stars::{Star, StarTable};

/// Diameter in pixels that mMakeImg is given for a star (its sigma is about 0.35 of that).
const STAR_WIDTH: &str = "3";

/// What a sky looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct SkyOptions {
    /// Number of images from east to west.
    pub columns: u32,
    /// Number of images from south to north.
    pub rows: u32,
    /// Width and height of each image in pixels.
    pub pixels: u32,
    /// Size of a pixel in arc seconds.
    pub pixel_arcsec: f64,
    /// Part of an image's width that it shares with its neighbour.
    pub overlap: f64,
    /// Middle of the field.
    pub center: SkyPoint,
    /// Names of the bands, reddest first.
    pub bands: Vec<String>,
    /// Standard deviation of the noise in each pixel.
    pub noise: f64,
    /// Largest difference of a background from the mean, at the middle of an image.
    pub background: f64,
    /// The random numbers to take.
    pub seed: u64,
    /// Directory of the images; with several bands, each has its own directory below.
    pub directory: String,
}

impl Default for SkyOptions {
    fn default() -> Self {
        Self {
            columns: 3,
            rows: 3,
            pixels: 200,
            pixel_arcsec: 2.0,
            overlap: 0.2,
            center: SkyPoint { ra: 150.1, dec: 2.2 },
            bands: vec!["gray".to_owned()],
            noise: 2.0,
            background: 60.0,
            seed: 1,
            directory: "raw".to_owned(),
        }
    }
}

/// Why a sky cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SkyError {
    /// An option is outside its range.
    #[error("{option} is {value}, expected {expected}")]
    OutOfRange {
        /// Which option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        expected: &'static str,
    },
}

/// A sky: its workflow, the files that it needs, and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sky {
    /// One mMakeImg task for each image.
    pub workflow: Workflow,
    /// Header templates and star tables that the tasks read, and `sky/stars.tbl`, the truth.
    pub files: Vec<TextFile>,
    /// All stars.
    pub stars: StarTable,
}

impl Sky {
    /// Plans a sky.
    ///
    /// ```
    /// use montage::{Sky, SkyOptions};
    /// let sky = Sky::new(&SkyOptions { columns: 2, rows: 2, ..SkyOptions::default() })?;
    /// assert_eq!(sky.workflow.processes.len(), 4);
    /// # Ok::<(), montage::SkyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An option is outside its range.
    pub fn new(options: &SkyOptions) -> Result<Self, SkyError> {
        check(options)?;
        let mut random = Random::new(options.seed);
        let frames = frames(options, &mut random);
        let stars = stars::scatter(options, &mut random);
        let mut files =
            vec![TextFile { name: "sky/stars.tbl".to_owned(), content: stars.to_text() }];
        let mut builder = Builder::default();
        for frame in &frames {
            let (header, table) =
                (format!("sky/{}.hdr", frame.name), format!("sky/{}.tbl", frame.name));
            let content = frame.region.header();
            files.push(TextFile { name: header.clone(), content });
            let content = stars.drawn_by_mmakeimg(&frame.region).to_text();
            files.push(TextFile { name: table.clone(), content });
            for band in &options.bands {
                let image = match options.bands.as_slice() {
                    [_] => format!("{}/{}.fits", options.directory, frame.name),
                    _ => format!("{}/{band}/{}.fits", options.directory, frame.name),
                };
                let mut args = vec!["-n".to_owned(), format!("{:.3}", options.noise)];
                args.push("-b".to_owned());
                args.extend(background(options, &mut random).map(|level| format!("{level:.3}")));
                args.extend(
                    ["-t", &table, band, STAR_WIDTH, "EQUJ", "2000", "1", "flux", "gaussian"]
                        .map(str::to_owned),
                );
                args.extend([header.clone(), image.clone()]);
                builder.task(Task {
                    name: "mMakeImg",
                    executable: "mMakeImg",
                    args,
                    reads: vec![header.clone(), table.clone()],
                    writes: vec![image],
                    stdout: None,
                });
            }
        }
        Ok(Self { workflow: builder.finish("sky"), files, stars })
    }
}

/// One pointing.
struct Frame {
    name: String,
    region: Region,
}

fn frames(options: &SkyOptions, random: &mut Random) -> Vec<Frame> {
    let plane = TangentPlane::at(options.center);
    let degrees = options.pixel_arcsec / 3600.0;
    let spacing = f64::from(options.pixels) * (1.0 - options.overlap) * degrees;
    let middle = f64::from(options.pixels + 1) / 2.0;
    let mut frames = Vec::new();
    for row in 0..options.rows {
        for column in 0..options.columns {
            let from_middle =
                |index: u32, count: u32| (f64::from(index) - f64::from(count - 1) / 2.0) * spacing;
            let jitter = 2.0 * degrees;
            let offset = [
                -from_middle(column, options.columns) + random.between(-jitter, jitter),
                from_middle(row, options.rows) + random.between(-jitter, jitter),
            ];
            frames.push(Frame {
                name: format!("{row:03}-{column:03}"),
                region: Region {
                    pixels: [options.pixels; 2],
                    center: plane.deproject(offset),
                    reference: [middle; 2],
                    step: [-degrees, degrees],
                    rotation: random.between(-1.0, 1.0),
                },
            });
        }
    }
    frames
}

/// The levels at the four corners that mMakeImg takes, going around; they lie in one plane.
fn background(options: &SkyOptions, random: &mut Random) -> [f64; 4] {
    let size = options.background;
    // The mean keeps all levels above zero, as on a real detector.
    let level = 3.0 * size + random.between(-size, size);
    let [x, y] = [(); 2].map(|()| random.between(-size / 4.0, size / 4.0));
    [level - x - y, level + x - y, level + x + y, level - x + y]
}

fn check(options: &SkyOptions) -> Result<(), SkyError> {
    let spacing = f64::from(options.pixels) * (1.0 - options.overlap) * options.pixel_arcsec;
    let field = f64::from(options.columns.max(options.rows)) * spacing / 3600.0;
    let checks = [
        ("columns", f64::from(options.columns), 1.0..=999.0, "1 to 999"),
        ("rows", f64::from(options.rows), 1.0..=999.0, "1 to 999"),
        ("pixels", f64::from(options.pixels), 32.0..=20_000.0, "32 to 20000"),
        ("pixel_arcsec", options.pixel_arcsec, 0.001..=600.0, "0.001 to 600 arc seconds"),
        ("overlap", options.overlap, 0.05..=0.9, "0.05 to 0.9 of an image's width"),
        ("noise", options.noise, 0.0..=1e6, "0 to 1e6"),
        ("background", options.background, 0.0..=1e6, "0 to 1e6"),
        ("center.dec", options.center.dec, -80.0..=80.0, "-80 to 80 degrees"),
        ("bands", options.bands.len() as f64, 1.0..=9.0, "1 to 9 names"),
        ("width of the field in degrees", field, 0.0..=60.0, "at most 60"),
    ];
    match checks.into_iter().find(|(_, value, range, _)| !range.contains(value)) {
        Some((option, value, _, expected)) => Err(SkyError::OutOfRange { option, value, expected }),
        None => Ok(()),
    }
}

/// A table of stars as the programs read it; one column of fluxes for each band.
pub(crate) fn star_table_text(bands: &[String], stars: &[Star]) -> String {
    let mut text = String::from("|      ra        |      dec       |");
    for band in bands {
        let _ = write!(text, "{band:^14}|");
    }
    text += "\n|    double      |    double      |";
    for _ in bands {
        text += "    double    |";
    }
    text.push('\n');
    for star in stars {
        let _ = write!(text, " {:15.9} {:16.9}", star.place.ra, star.place.dec);
        for flux in &star.fluxes {
            let _ = write!(text, " {flux:14.3}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::tests::assert_runs_in_order;

    fn small() -> SkyOptions {
        SkyOptions { columns: 2, rows: 1, pixels: 40, ..SkyOptions::default() }
    }

    #[test]
    fn equal_options_give_equal_skies_and_another_seed_another_one() {
        let sky = Sky::new(&small()).unwrap();
        assert_runs_in_order(&sky.workflow);
        assert_eq!(sky, Sky::new(&small()).unwrap());
        assert_ne!(sky, Sky::new(&SkyOptions { seed: 2, ..small() }).unwrap());
        insta::assert_snapshot!("workflow", serde_json::to_string_pretty(&sky.workflow).unwrap());
        let header = sky.files.iter().find(|file| file.name == "sky/000-001.hdr").unwrap();
        insta::assert_snapshot!("header", header.content);
        let table = sky.files.iter().find(|file| file.name == "sky/000-001.tbl").unwrap();
        insta::assert_snapshot!("stars", table.content);
    }

    #[test]
    fn each_band_has_its_own_directory_and_flux_column() {
        let bands = ["red", "green", "blue"].map(str::to_owned).to_vec();
        let sky = Sky::new(&SkyOptions { bands, ..small() }).unwrap();
        assert_eq!(sky.workflow.processes.len(), 6);
        assert_eq!(sky.workflow.directories(), ["raw", "raw/blue", "raw/green", "raw/red", "sky"]);
        let args = &sky.workflow.processes[2].config.executor.args;
        assert!(args.contains(&"blue".to_owned()), "{args:?}");
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let error = Sky::new(&SkyOptions { overlap: f64::NAN, ..small() }).unwrap_err();
        assert_eq!(error.to_string(), "overlap is NaN, expected 0.05 to 0.9 of an image's width");
        assert!(Sky::new(&SkyOptions { columns: 0, ..small() }).is_err());
        assert!(Sky::new(&SkyOptions { pixel_arcsec: 600.0, columns: 99, ..small() }).is_err());
    }
}
