//! Places of known stars in a mosaic.

use super::{median, outlines};
use crate::fits::FitsImage;
use crate::images::ImageTable;
use crate::sky::StarTable;

/// Most stars that are looked for; the brightest come first.
const MOST: usize = 400;

/// A star counts as alone when no star with more than this part of its flux is nearer than
/// [`ALONE_PIXELS`].
const ALONE_PART: f64 = 0.02;
const ALONE_PIXELS: f64 = 8.0;

/// Distance from image borders, in pixels. mMakeImg leaves out the wings of stars just outside.
const FROM_BORDER: f64 = 7.0;

/// Half the width of the box in which a star is searched and measured.
const BOX: i64 = 5;

/// How well stars were found.
#[derive(Debug, Clone, PartialEq)]
pub struct StarReport {
    /// Stars that were looked for: bright, alone, and away from image borders.
    pub expected: usize,
    /// Stars that were found within two pixels of their place.
    pub matched: usize,
    /// Median distance from the true place, in pixels.
    pub median: f64,
    /// Largest distance, in pixels.
    pub largest: f64,
}

/// Looks for the stars of `table` (first band) that are brighter than `faintest`, in pixel units,
/// and measures their centroids.
#[must_use]
pub fn stars(
    mosaic: &FitsImage,
    images: &ImageTable,
    table: &StarTable,
    faintest: f64,
) -> StarReport {
    let lines = outlines(&mosaic.region, images);
    let mut known: Vec<([f64; 2], f64)> = table
        .stars
        .iter()
        .filter_map(|star| Some((mosaic.region.pixel(star.place)?, star.fluxes.first().copied()?)))
        .collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut offsets = Vec::new();
    let mut expected = 0;
    for (index, &(place, flux)) in known.iter().enumerate() {
        if expected == MOST || flux < faintest {
            break;
        }
        let alone = known.iter().enumerate().all(|(other, &(at, light))| {
            other == index || light < ALONE_PART * flux || distance(place, at) > ALONE_PIXELS
        });
        let free = lines.iter().all(|&line| from_line(place, line) > FROM_BORDER);
        if !alone || !free || window(mosaic, place).is_none() {
            continue;
        }
        expected += 1;
        if let Some(found) = centroid(mosaic, place) {
            offsets.push(distance(place, found));
        }
    }
    offsets.retain(|&offset| offset <= 2.0);
    StarReport {
        expected,
        matched: offsets.len(),
        median: median(&mut offsets).unwrap_or(f64::NAN),
        largest: offsets.iter().copied().fold(0.0, f64::max),
    }
}

/// The box of pixels around a place; `None` when one of them has no data.
fn window(mosaic: &FitsImage, place: [f64; 2]) -> Option<Vec<([f64; 2], f64)>> {
    let [x, y] = place.map(|p| p.round() as i64);
    let mut pixels = Vec::new();
    for j in y - BOX..=y + BOX {
        for i in x - BOX..=x + BOX {
            pixels.push(([i as f64, j as f64], mosaic.get(i, j)?));
        }
    }
    Some(pixels)
}

/// The centre of light near a place, above the median of the surrounding pixels. The weight is
/// narrowed around the current centre and moved with it until it rests.
fn centroid(mosaic: &FitsImage, place: [f64; 2]) -> Option<[f64; 2]> {
    let pixels = window(mosaic, place)?;
    let mut levels: Vec<f64> = pixels.iter().map(|pixel| pixel.1).collect();
    let sky = median(&mut levels)?;
    let brightest = pixels.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let mut center = brightest.0;
    for _ in 0..20 {
        let mut sums = [0.0; 3];
        for &(at, value) in &pixels {
            let square = (at[0] - center[0]).powi(2) + (at[1] - center[1]).powi(2);
            let light = (value - sky) * (-square / 4.5).exp();
            sums[0] += light * (at[0] - center[0]);
            sums[1] += light * (at[1] - center[1]);
            sums[2] += light;
        }
        if sums[2] <= 0.0 {
            return None;
        }
        // A weight as wide as the star halves each correction, so twice of it is applied.
        let moved = [2.0 * sums[0] / sums[2], 2.0 * sums[1] / sums[2]];
        center = [center[0] + moved[0], center[1] + moved[1]];
        if moved[0].hypot(moved[1]) < 1e-4 {
            break;
        }
    }
    Some(center)
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Distance of a place from a line with two ends.
fn from_line(place: [f64; 2], (from, to): ([f64; 2], [f64; 2])) -> f64 {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let square = (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
    let part = ((place[0] - from[0]) * dx + (place[1] - from[1]) * dy) / square;
    let part = part.clamp(0.0, 1.0);
    distance(place, [from[0] + part * dx, from[1] + part * dy])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fits::tests::{fits, region};
    use crate::sky::Star;

    /// Draws stars moved by `shift` and looks for them where they should be.
    fn look(shift: f64) -> StarReport {
        let region = region(120, 80);
        let places = [[20.3, 30.7], [60.0, 40.0], [90.45, 20.1]];
        let value = |x: i64, y: i64| {
            let light = |p: &[f64; 2]| {
                let square = (x as f64 - p[0] - shift).powi(2) + (y as f64 - p[1]).powi(2);
                500.0 * (-square / 2.25).exp()
            };
            100.0 + 0.05 * x as f64 + places.iter().map(light).sum::<f64>()
        };
        let image = FitsImage::parse("m", &fits(&region, -64, value)).unwrap();
        let star = |place| Star { place: region.sky(place), fluxes: vec![500.0] };
        let mut stars: Vec<_> = places.into_iter().map(star).collect();
        // Too near to the edge, too faint, too near to another: not looked for.
        stars.push(star([2.0, 2.0]));
        stars.push(Star { fluxes: vec![1.0], ..star([100.0, 60.0]) });
        let table = StarTable { bands: vec!["v".into()], stars };
        stars_of(&image, &table)
    }

    fn stars_of(image: &FitsImage, table: &StarTable) -> StarReport {
        stars(image, &ImageTable::default(), table, 50.0)
    }

    #[test]
    fn stars_in_place_are_found_to_a_hundredth_of_a_pixel() {
        let report = look(0.0);
        assert_eq!((report.expected, report.matched), (3, 3));
        assert!(report.largest < 0.01, "{report:?}");
    }

    #[test]
    fn a_shift_of_all_stars_is_measured() {
        let report = look(0.75);
        assert!((report.median - 0.75).abs() < 0.02, "{report:?}");
        assert_eq!(look(4.0).matched, 0);
    }

    #[test]
    fn distance_from_a_line_ends_at_its_ends() {
        let line = ([0.0, 0.0], [10.0, 0.0]);
        assert!((from_line([5.0, 3.0], line) - 3.0).abs() < 1e-12);
        assert!((from_line([14.0, 3.0], line) - 5.0).abs() < 1e-12);
    }
}
