//! The small programs that stand between Montage's tasks and check what Montage does not.
//!
//! They need only POSIX `sh` and `awk`. Each is one argument of its task, so a workflow file needs
//! nothing beside it. They are generic: file names come as arguments.

/// mDiff, with an empty difference for images that share no pixel.
pub(crate) const DIFFERENCE: &str = include_str!("guards/difference.sh");

/// mFitplane, with a plain answer for differences without data.
pub(crate) const FIT: &str = include_str!("guards/fit.sh");

/// Checks the table of projected images and derives that of the corrected ones.
pub(crate) const CHECK_IMAGES: &str = include_str!("guards/check_images.awk");

/// Turns the answers of mFitplane into the table of fits.
pub(crate) const COLLECT_FITS: &str = include_str!("guards/collect_fits.awk");

/// Joins tables of fits.
pub(crate) const JOIN_TABLES: &str = include_str!("guards/join_tables.awk");

/// Checks the solution of mBgModel.
pub(crate) const CHECK_MODEL: &str = include_str!("guards/check_model.awk");

/// Subtracts a fitted plane from the image that is shown.
pub(crate) const FLATTEN: &str = include_str!("guards/flatten.sh");

#[cfg(test)]
mod tests;
