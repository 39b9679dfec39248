//! The plan of a mosaic: which program turns which files into which.

mod band;
mod names;
mod pictures;

use std::collections::HashSet;

use crate::images::ImageTable;
use crate::overlaps::{Overlaps, Pair, overlapping_pairs};
use crate::region::Region;
use crate::workflow::{Builder, TextFile, Workflow};
use band::BandPlan;
use pictures::colour;

/// Longer side of a preview, in pixels, that `Shrink::ToFit` aims at.
const PREVIEW_PIXELS: u32 = 2_000;

/// Why a mosaic cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MosaicError {
    /// There is no band.
    #[error("a mosaic needs at least one band")]
    NoBands,
    /// A band has no images.
    #[error("band `{band}` has no images")]
    NoImages {
        /// Name of the band.
        band: String,
    },
    /// A name cannot be part of a file name everywhere.
    #[error(
        "band name `{band}` must be made of letters, digits, `_` and `.`, and begin with a letter"
    )]
    BadBandName {
        /// Name of the band.
        band: String,
    },
    /// Two bands have the same name.
    #[error("band `{band}` is given twice")]
    BandTwice {
        /// Name of the band.
        band: String,
    },
    /// A pair names an image that is not in the table.
    #[error("band `{band}`: the overlap table names image {number}, but there are {images} images")]
    NoSuchImage {
        /// Name of the band.
        band: String,
        /// The number in the overlap table.
        number: usize,
        /// Number of images.
        images: usize,
    },
}

/// The images of one colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Name of the band: the directory of its files.
    pub name: String,
    /// Its images.
    pub images: ImageTable,
    /// Which images are matched with which.
    pub overlaps: Overlaps,
}

impl Band {
    /// A band whose overlaps come from geometry.
    #[must_use]
    pub fn new(name: &str, images: ImageTable) -> Self {
        Self { name: name.to_owned(), images, overlaps: Overlaps::Geometry }
    }

    fn pairs(&self) -> Result<Vec<Pair>, MosaicError> {
        let table = match &self.overlaps {
            Overlaps::Geometry => return Ok(overlapping_pairs(&self.images)),
            Overlaps::Table(table) => table,
        };
        let images = self.images.images.len();
        match table.pairs.iter().map(|pair| pair.plus.max(pair.minus)).max() {
            Some(number) if number >= images => {
                Err(MosaicError::NoSuchImage { band: self.name.clone(), number, images })
            }
            _ => Ok(table.pairs.clone()),
        }
    }
}

/// How a mosaic is made smaller for its picture. The mosaic itself keeps its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shrink {
    /// By the whole number that brings the longer side below about 2,000 pixels, if any.
    #[default]
    ToFit,
    /// By this factor; 0 and 1 mean not at all.
    By(u32),
}

/// A mosaic to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Mosaic {
    /// Name of the workflow.
    pub name: String,
    /// The directory that mImgtbl was given, relative to the work directory or absolute.
    pub image_directory: String,
    /// The frame of the mosaic, the same for all bands.
    pub region: Region,
    /// One band for each colour; three make a colour picture, in the order red, green, blue.
    pub bands: Vec<Band>,
    /// How the picture is made smaller.
    pub shrink: Shrink,
}

/// A workflow and the files that must be written before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The workflow.
    pub workflow: Workflow,
    /// Text files that tasks read.
    pub files: Vec<TextFile>,
}

impl Mosaic {
    /// Plans all tasks.
    ///
    /// # Errors
    ///
    /// There are no bands, or one is empty, has a bad name, or overlaps of images that it does not
    /// have.
    pub fn plan(&self) -> Result<Plan, MosaicError> {
        if self.bands.is_empty() {
            return Err(MosaicError::NoBands);
        }
        let mut names = HashSet::new();
        for band in &self.bands {
            check_band_name(&band.name)?;
            if !names.insert(band.name.as_str()) {
                return Err(MosaicError::BandTwice { band: band.name.clone() });
            }
            if band.images.images.is_empty() {
                return Err(MosaicError::NoImages { band: band.name.clone() });
            }
        }
        let header = "region.hdr".to_owned();
        let mut files = vec![TextFile { name: header.clone(), content: self.region.header() }];
        let mut builder = Builder::default();
        let mut pictures = Vec::new();
        for band in &self.bands {
            let pairs = band.pairs()?;
            let mut plan = BandPlan::new(band, &header, &mut builder);
            files.push(plan.list());
            plan.project(self);
            if pairs.is_empty() {
                plan.check_images("p_", "checked.tbl");
                plan.add("checked.tbl", "p_");
            } else {
                plan.check_images("c_", "corrected.tbl");
                plan.differences(&pairs);
                plan.model(&pairs);
                plan.correct();
                plan.add("corrected.tbl", "c_");
            }
            pictures.push(plan.picture(self.shrink_factor()));
        }
        if let [red, green, blue] = pictures.as_slice() {
            colour(&mut builder, [red, green, blue]);
        }
        Ok(Plan { workflow: builder.finish(&self.name), files })
    }

    fn shrink_factor(&self) -> u32 {
        match self.shrink {
            Shrink::By(factor) => factor.max(1),
            Shrink::ToFit => {
                self.region.pixels[0].max(self.region.pixels[1]).div_ceil(PREVIEW_PIXELS)
            }
        }
    }
}

fn check_band_name(name: &str) -> Result<(), MosaicError> {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    if letters && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(())
    } else {
        Err(MosaicError::BadBandName { band: name.to_owned() })
    }
}

#[cfg(test)]
mod tests;
