//! Pairs of images that overlap: from the sky geometry, or from the table that mOverlaps writes.

use std::collections::{BTreeSet, HashMap};

use crate::coordinates::TangentPlane;
use crate::images::{Image, ImageTable};
use crate::ipac::{Table, TableError};
use crate::polygon::{diameter, intersection, signed_area};

const HINT: &str = "make the table with `mOverlaps IMAGES OVERLAPS`";

/// A common area smaller than this part of the mean image area says nothing about a background.
const SMALLEST_PART: f64 = 0.005;

/// A strip narrower than this many pixels cannot carry the slope of a plane.
const NARROWEST_PIXELS: f64 = 4.0;

/// Two images by their position in the image table; `plus` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The image from which the other is subtracted.
    pub plus: usize,
    /// The image that is subtracted.
    pub minus: usize,
}

/// Where the pairs of a band come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Overlaps {
    /// Computed from the corners in the image table, see [`overlapping_pairs`].
    #[default]
    Geometry,
    /// Exactly those of a table that mOverlaps wrote for the same image table.
    Table(OverlapTable),
}

/// The table that mOverlaps writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OverlapTable {
    /// The pairs, in order, each once.
    pub pairs: Vec<Pair>,
}

impl OverlapTable {
    /// Reads what mOverlaps wrote about the table of which `images` are all or some; pairs with
    /// others (for example of another band) are left out. `file` names the table in messages.
    ///
    /// mOverlaps names images by `cntr`, the number that mImgtbl counts, and drops the directories
    /// of their files, so the numbers are what is used.
    ///
    /// # Errors
    ///
    /// A column is missing, or a number is none. A table without rows is no error: no images
    /// overlap.
    pub fn parse(file: &str, text: &str, images: &ImageTable) -> Result<Self, TableError> {
        let table = Table::parse(file, text)?;
        let columns = [table.column("cntr1", HINT)?, table.column("cntr2", HINT)?];
        let positions: HashMap<u64, usize> =
            images.images.iter().map(|image| image.number).zip(0..).collect();
        let mut pairs = BTreeSet::new();
        for row in table.rows() {
            let number = |index: usize| -> Result<u64, TableError> {
                row.value(&columns[index], "the number (cntr) of an image in the image table")
            };
            let (a, b) = (number(0)?, number(1)?);
            if a == b {
                return Err(row.bad(&columns[1], "another image than in column `cntr1`"));
            }
            if let (Some(&a), Some(&b)) = (positions.get(&a), positions.get(&b)) {
                pairs.insert(Pair { plus: a.min(b), minus: a.max(b) });
            }
        }
        Ok(Self { pairs: pairs.into_iter().collect() })
    }
}

/// All pairs with a common area that can carry a background fit.
///
/// Each two images near each other are clipped against each other in a tangent plane, where image
/// borders are straight. A pair counts when the common area is at least 0.5 % of the mean image
/// area and about four pixels wide. Nothing larger is missed, also not images with the very
/// same footprint. Whether pixels there hold data is only known after projecting; the plan's
/// difference tasks pass over pairs whose common pixels turn out to be blank.
#[must_use]
pub fn overlapping_pairs(table: &ImageTable) -> Vec<Pair> {
    let images = &table.images;
    let centers: Vec<_> = images.iter().map(Image::center).collect();
    let radii: Vec<f64> = images
        .iter()
        .zip(&centers)
        .map(|(image, center)| {
            let cosines = image.corners.iter().map(|corner| corner.cos_angle(*center));
            cosines.fold(1.0, f64::min).acos()
        })
        .collect();
    let outlines: Vec<_> = images
        .iter()
        .zip(&centers)
        .map(|(image, &center)| image.outline(&TangentPlane::at(center)))
        .collect();
    let areas: Vec<f64> = outlines.iter().flatten().map(|o| signed_area(o)).collect();
    let mean_area = areas.iter().sum::<f64>() / areas.len().max(1) as f64;

    let mut pairs = Vec::new();
    for plus in 0..images.len() {
        let plane = TangentPlane::at(centers[plus]);
        let Some(outline) = &outlines[plus] else { continue };
        for minus in plus + 1..images.len() {
            // Cosines of tiny angles round above 1; `clamp` keeps acos defined.
            let angle = centers[plus].cos_angle(centers[minus]).clamp(-1.0, 1.0).acos();
            if angle > radii[plus] + radii[minus] {
                continue;
            }
            let Some(other) = images[minus].outline(&plane) else { continue };
            let common = intersection(outline, &other);
            let (area, length) = (signed_area(&common), diameter(&common));
            let [a, b] = [&images[plus], &images[minus]].map(|i| i.pixel_degrees);
            let pixel = a[0].max(a[1]).max(b[0]).max(b[1]);
            if area >= SMALLEST_PART * mean_area && area >= NARROWEST_PIXELS * pixel * length {
                pairs.push(Pair { plus, minus });
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::tests::table_text;

    fn images(places: &[(&str, f64, f64)]) -> ImageTable {
        ImageTable::parse("images.tbl", &table_text(places)).unwrap()
    }

    #[test]
    fn neighbours_and_equal_footprints_overlap_and_slivers_do_not() {
        let table = images(&[
            ("a0", 0.0, 0.0),
            ("a1 is the same as a0", 0.0, 0.0),
            ("b lies across the zero of ra", 359.95, 0.0),
            ("c shares two pixels with a", 0.0, 0.098),
            ("d shares a corner with a", 0.05, -0.05),
            ("e is far away", 180.0, 0.0),
        ]);
        let pairs: Vec<_> =
            overlapping_pairs(&table).iter().map(|pair| (pair.plus, pair.minus)).collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (0, 4), (1, 2), (1, 4)]);
    }

    #[test]
    fn the_table_of_the_program_is_read_by_number() {
        let table = images(&[("a", 0.0, 0.0), ("b", 0.01, 0.0), ("c", 0.02, 0.0)]);
        let text = "| cntr1 | cntr2 | plus | minus |   diff   |\n\
                    | int   | int   | char | char  |   char   |\n\
                    \x20      2       1      c       b  diff.fits\n\
                    \x20      0       1      a       b  diff.fits\n";
        let overlaps = OverlapTable::parse("overlaps.tbl", text, &table).unwrap();
        assert_eq!(overlaps.pairs, [Pair { plus: 0, minus: 1 }, Pair { plus: 1, minus: 2 }]);

        let some = OverlapTable::parse("o.tbl", &text.replace("  2  ", "  9  "), &table).unwrap();
        assert_eq!(some.pairs, [Pair { plus: 0, minus: 1 }]);
        let error = OverlapTable::parse("o.tbl", &text.replace("  2  ", " x2  "), &table);
        assert_eq!(
            error.unwrap_err().to_string(),
            "o.tbl, line 3: column `cntr1` holds `x2`, expected the number (cntr) of an image in \
             the image table"
        );
        let error = OverlapTable::parse("o.tbl", &text.replace("  2  ", "  1  "), &table);
        assert!(error.unwrap_err().to_string().contains("expected another image"));
    }
}
