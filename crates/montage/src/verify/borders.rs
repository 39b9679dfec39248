//! Steps of the background at the borders of the input images.

use super::{median, outlines};
use crate::fits::FitsImage;
use crate::images::ImageTable;
use crate::whole::whole;

/// Length in pixels of a piece of border that gives one step.
const PIECE: f64 = 64.0;

/// Fewest positions with data on both sides that a piece needs.
const FEWEST: usize = 32;

/// A piece counts as crowded when its differences scatter this much more than those of the median
/// piece: stars and their unequal wings then shift even a median.
const CROWDED: f64 = 1.4;

/// Distances from the border, in pixels, of the strips that are compared. Three rows each.
const NEAR: f64 = 3.0;
const FAR: f64 = 7.0;

/// Steps found at image borders inside a mosaic, in the unit of its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct BorderReport {
    /// Number of pieces of border that were measured.
    pub pieces: usize,
    /// Number of pieces that were left out because stars crowd them.
    pub crowded: usize,
    /// Median size of a step.
    pub median: f64,
    /// Largest size of a step.
    pub largest: f64,
    /// Where the largest step is, in pixels.
    pub place: [f64; 2],
}

/// Measures the steps at all borders of `images` in `mosaic`; `None` when no border has data on
/// both sides.
///
/// Each border is cut into pieces of 64 pixels. At each position along a piece, the sky on either
/// side is extended to the border along the line through a near and a far strip, so that a slope is
/// not taken for a step. The step of the piece is the median over its positions, which
/// stars do not disturb.
#[must_use]
pub fn borders(mosaic: &FitsImage, images: &ImageTable) -> Option<BorderReport> {
    let mut steps = Vec::new();
    for (from, to) in outlines(&mosaic.region, images) {
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let length = dx.hypot(dy);
        let pieces = (length / PIECE).floor().max(1.0);
        for piece in 0..whole(pieces) {
            let (start, end) = (f64::from(piece) / pieces, f64::from(piece + 1) / pieces);
            let place = |part: f64| [from[0] + part * dx, from[1] + part * dy];
            let count = whole((end - start) * length);
            let mut differences: Vec<f64> = (0..count)
                .filter_map(|index| {
                    let at = place(start + f64::from(index) / length);
                    step(mosaic, at, [-dy / length, dx / length])
                })
                .collect();
            if differences.len() >= FEWEST
                && let Some(step) = median(&mut differences)
            {
                for value in &mut differences {
                    *value = (*value - step).abs();
                }
                let scatter = median(&mut differences).unwrap_or(0.0);
                steps.push((step.abs(), place(f64::midpoint(start, end)), scatter));
            }
        }
    }
    let mut scatters: Vec<f64> = steps.iter().map(|step| step.2).collect();
    let usual = median(&mut scatters)?;
    let all = steps.len();
    steps.retain(|step| step.2 <= CROWDED * usual);
    let &(largest, place, _) = steps.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let mut sizes: Vec<f64> = steps.iter().map(|step| step.0).collect();
    let (pieces, crowded) = (steps.len(), all - steps.len());
    Some(BorderReport { pieces, crowded, median: median(&mut sizes)?, largest, place })
}

/// The step across one position of a border with the unit normal `normal`.
fn step(mosaic: &FitsImage, at: [f64; 2], normal: [f64; 2]) -> Option<f64> {
    let strip = |distance: f64| -> Option<f64> {
        let pixel = |offset: f64| {
            let along = distance + offset;
            mosaic.near([at[0] + along * normal[0], at[1] + along * normal[1]])
        };
        Some((pixel(-1.0)? + pixel(0.0)? + pixel(1.0)?) / 3.0)
    };
    let side = |sign: f64| -> Option<f64> {
        let (near, far) = (strip(sign * NEAR)?, strip(sign * FAR)?);
        Some(near + (near - far) * NEAR / (FAR - NEAR))
    };
    Some(side(1.0)? - side(-1.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fits::tests::{fits, region};
    use crate::images::tests::table_text;

    /// One image of 100 pixels in the middle of a mosaic of 160; `inside` is added there.
    fn measure(inside: f64, slope: f64) -> BorderReport {
        let region = region(160, 160);
        let center = region.sky([80.5, 80.5]);
        let table = table_text(&[("a.fits", center.ra, center.dec)]);
        let table = ImageTable::parse("t", &table).unwrap();
        let value = |x: i64, y: i64| {
            let at = |n: i64| (31..=130).contains(&n);
            slope * (x + 2 * y) as f64
                + ((x * 7 + y * 13) % 3) as f64 * 0.01
                + if at(x) && at(y) { inside } else { 0.0 }
        };
        borders(&FitsImage::parse("m", &fits(&region, -32, value)).unwrap(), &table).unwrap()
    }

    #[test]
    fn a_step_is_measured_and_a_slope_is_not_one() {
        let report = measure(5.0, 0.3);
        assert_eq!(report.pieces + report.crowded, 4);
        assert!((report.median - 5.0).abs() < 0.01, "{report:?}");
        assert!(measure(0.0, 0.3).largest < 0.01);
    }
}
