//! Plans image mosaics with the Montage toolkit as `HyperFlow` workflows, and makes skies to test
//! them on.
//!
//! The crate is pure: it reads no file, starts no program and prints nothing. It takes the texts
//! of tables that Montage's programs wrote, and gives workflows ([`Workflow`], which serialises to
//! `workflow.json`) and the texts of files that their tasks need ([`TextFile`]). It is written for
//! Montage 6.0 as Debian packages it (`apt install montage`).
//!
//! # A mosaic of any images
//!
//! With the images below a directory `raw` of the work directory, the caller
//!
//! 1. runs, in the work directory, `mImgtbl -C -c -r raw images.tbl`. `-c` adds the corners of each
//!    image, `-C` leaves out columns for cubes, `-r` looks into directories below. mImgtbl exits
//!    with 0 also when it had to leave files out, so the caller reads its [`Answer`], refuses
//!    `badfits` above 0, and reports `badwcs` above 0 (images without coordinates, but also the
//!    empty first part of a file with extensions);
//! 2. reads the table with [`ImageTable::parse`], and splits it with [`ImageTable::below`] when
//!    there is one directory for each band;
//! 3. takes the frame of the mosaic from [`Region::covering`] all images (or reads the output of
//!    mMakeHdr with [`Region::parse`]);
//! 4. calls [`Mosaic::plan`], makes all of [`Workflow::directories`], writes the plan's files and
//!    the workflow, and runs it in the work directory.
//!
//! No other program runs before the workflow. The overlaps are known before any image is projected,
//! because projecting does not move an image on the sky: [`overlapping_pairs`] compares the corners
//! in a tangent plane. It finds every pair with a common area that matters, also images with equal
//! footprints. mOverlaps can be used instead, on the same `images.tbl`
//! ([`OverlapTable::parse`], [`Overlaps::Table`]).
//!
//! Geometry cannot know pixels without data. Two images that turn out to share no pixel, or only
//! blank ones, do not break a run: their difference is left empty, their fit says so, and they
//! are missing in the table of fits.
//!
//! # The tasks
//!
//! For each band, in a directory of its name (`x` is the name of an image, `i` and `j` numbers):
//!
//! | task | makes | from |
//! |---|---|---|
//! | mProjectPP, for each image | `p_x.fits`, `p_x_area.fits` | raw image |
//! | mImgtbl | `projected.tbl` | `images.lst`, projected images |
//! | checkImages (awk) | `corrected.tbl` | both |
//! | mDiff, for each overlap | `d-i-j.fits`, `d-i-j_area.fits` | two projected images |
//! | mFitplane, for each overlap | `fit-i-j.txt` | the difference |
//! | collectFits (awk) | `fits.tbl` | all answers of mFitplane |
//! | mBgModel | `model.tbl` | `projected.tbl`, `fits.tbl` |
//! | checkModel (awk) | `corrections.tbl` | `model.tbl` |
//! | mBackground, for each image | `c_x.fits`, `c_x_area.fits` | projected image, corrections |
//! | mAdd | `mosaic.fits`, `mosaic_area.fits` | corrected images |
//! | mShrink, above 2,000 pixels | `preview.fits` | mosaic |
//! | mFitplane, mBackground | `plane.txt`, `flat.fits` | mosaic or preview |
//! | mViewer | `mosaic.png` | `flat.fits` |
//!
//! Three bands end in one more mViewer that makes the colour picture `mosaic.png`.
//!
//! Matching backgrounds leaves one plane over the whole mosaic undetermined. `mosaic.fits` keeps
//! it; only the pictures are made without it.
//!
//! mProjectPP works from one tangent plane to another. When a band has an image in another
//! projection (such as CAR) or coordinate system (such as galactic), all its images are projected
//! by mProjectQL, which interpolates and takes any, and everything after goes without the weights
//! of pixels (`_area.fits`). mProject, the exact program for any projection, is not used: that of
//! Debian's Montage 6.0 gives some pixels an area of pi/4 steradians, which spoils all later steps.
//!
//! # What is guarded, and what need not be
//!
//! The programs of Montage 6.0 print `stat="ERROR"` and exit with 1 for all errors that were
//! tried: missing, empty and malformed files, tables without their columns, images that do not
//! overlap. They may leave an empty output behind then, so it is the exit status that counts. Five
//! cases end with status 0 and a wrong result, and none can pass here:
//!
//! - mImgtbl leaves out files that it cannot read: checkImages compares its table with the list;
//! - mBgModel writes `nan` corrections when a fit was `nan`: collectFits takes finite numbers only,
//!   and checkModel checks the solution, because mBackground would blank the images in silence;
//! - mBackground does not correct an image whose corrections are missing: right for images without
//!   overlap, and otherwise excluded since collectFits demands an answer for every pair;
//! - mProject writes wrong areas for some pixels, see above;
//! - mMakeImg without arguments exits with 0: it makes no output, which an engine that checks
//!   outputs notices.
//!
//! # A sky to test on
//!
//! [`Sky::new`] plans overlapping images of one field with different tilted backgrounds, one
//! mMakeImg task for each, and knows where every star is. [`verify`] measures a mosaic of them.
//!
//! ```
//! use montage::{Band, ImageTable, Mosaic, Region, Shrink};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What `mImgtbl -C -c -r raw images.tbl` wrote, shortened to the columns that are read.
//! let text = "\
//! |cntr|naxis1|naxis2|  ctype1|cdelt1|cdelt2|equinox|  ra1| dec1|  ra2| dec2|  ra3| dec3|  ra4| dec4|hdu|fname |
//!     0    100    100 RA---TAN -0.001  0.001    2000 10.05 -0.05  9.95 -0.05  9.95  0.05 10.05  0.05   0 a.fits
//!     1    100    100 RA---TAN -0.001  0.001    2000 10.01 -0.05  9.91 -0.05  9.91  0.05 10.01  0.05   0 b.fits
//! ";
//! let images = ImageTable::parse("images.tbl", text)?;
//! let mosaic = Mosaic {
//!     name: "two images".to_owned(),
//!     image_directory: "raw".to_owned(),
//!     region: Region::covering(&images, None)?,
//!     bands: vec![Band::new("gray", images)],
//!     shrink: Shrink::ToFit,
//! };
//! let plan = mosaic.plan()?;
//! assert_eq!(plan.workflow.tasks_by_type().len(), 11);
//! # Ok(())
//! # }
//! ```

mod answer;
mod coordinates;
pub mod fits;
mod guards;
mod images;
mod ipac;
mod mosaic;
mod overlaps;
mod polygon;
mod region;
mod sky;
pub mod verify;
mod whole;
mod workflow;

pub use answer::Answer;
pub use coordinates::{SkyPoint, TangentPlane};
pub use images::{Image, ImageTable};
pub use ipac::TableError;
pub use mosaic::{Band, Mosaic, MosaicError, Plan, Shrink};
pub use overlaps::{OverlapTable, Overlaps, Pair, overlapping_pairs};
pub use region::{Region, RegionError};
pub use sky::{Sky, SkyError, SkyOptions, Star, StarTable};
pub use workflow::{Config, Executor, Instance, Process, Signal, TextFile, Workflow};
