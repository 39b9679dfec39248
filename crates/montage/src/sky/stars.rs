//! The stars of a synthetic sky: a field of single stars and a spiral galaxy of faint ones.

use super::random::Random;
use super::{SkyOptions, star_table_text};
use crate::coordinates::{SkyPoint, TangentPlane};
use crate::ipac::{Table, TableError};
use crate::region::Region;
use crate::whole::whole;

/// mMakeImg raises every peak below 3 to 3; staying above keeps the truth true.
const FAINTEST_PEAK: f64 = 3.5;

/// Brightest peak of a field star.
const BRIGHTEST_PEAK: f64 = 8_000.0;

/// A point of light.
#[derive(Debug, Clone, PartialEq)]
pub struct Star {
    /// Where it is.
    pub place: SkyPoint,
    /// Height of its peak above the background, one number for each band.
    pub fluxes: Vec<f64>,
}

/// Stars and the names of the bands in which they are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StarTable {
    /// Names of the bands.
    pub bands: Vec<String>,
    /// The stars.
    pub stars: Vec<Star>,
}

impl StarTable {
    /// Reads `sky/stars.tbl` or any IPAC table with `ra`, `dec` and a column of fluxes. Only the
    /// column `band` is taken. `file` names the table in messages.
    ///
    /// # Errors
    ///
    /// A column is missing or a value is no finite number.
    pub fn parse(file: &str, text: &str, band: &str) -> Result<Self, TableError> {
        let hint = "a star table has columns ra, dec and one of fluxes for each band";
        let table = Table::parse(file, text)?;
        let (ra, dec) = (table.column("ra", hint)?, table.column("dec", hint)?);
        let flux = table.column(&band.to_lowercase(), hint)?;
        let mut stars = Vec::new();
        for row in table.rows() {
            let place = SkyPoint { ra: row.number(&ra)?, dec: row.number(&dec)? };
            stars.push(Star { place, fluxes: vec![row.number(&flux)?] });
        }
        Ok(Self { bands: vec![band.to_owned()], stars })
    }

    /// The table as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        star_table_text(&self.bands, &self.stars)
    }

    /// The table that makes mMakeImg draw these stars in the right places of one image: moved by
    /// one pixel against its offset, and only those on the image.
    pub(crate) fn drawn_by_mmakeimg(&self, image: &Region) -> Self {
        let size = image.pixels.map(f64::from);
        let drawn = self.stars.iter().filter_map(|star| {
            let [x, y] = image.pixel(star.place)?.map(|pixel| pixel - 1.0);
            let inside = x >= 0.5 && y >= 0.5 && x < size[0] + 0.5 && y < size[1] + 0.5;
            inside.then(|| Star { place: image.sky([x, y]), fluxes: star.fluxes.clone() })
        });
        Self { bands: self.bands.clone(), stars: drawn.collect() }
    }
}

/// Scatters stars over the field. Numbers grow with its area, so skies of all sizes look alike.
pub(super) fn scatter(options: &SkyOptions, random: &mut Random) -> StarTable {
    let plane = TangentPlane::at(options.center);
    let degrees = options.pixel_arcsec / 3600.0;
    let side = |count: u32| {
        let spacing = f64::from(options.pixels) * (1.0 - options.overlap);
        spacing * f64::from(count - 1) + f64::from(options.pixels)
    };
    let [width, height] = [side(options.columns), side(options.rows)];
    let mut stars = Vec::new();
    for _ in 0..whole(width * height / 600.0) {
        let [x, y] = [random.between(-0.5, 0.5) * width, random.between(-0.5, 0.5) * height];
        // Counts fall with brightness as a power law, as on the real sky.
        let peak = (12.0 * random.unit().max(1e-9).powf(-0.95)).min(BRIGHTEST_PEAK);
        let heat = random.normal() * 0.6;
        stars.push(([x, y], peak, heat));
    }
    let radius = width.min(height) * 0.24;
    for _ in 0..whole(radius * radius / 7.0) {
        stars.push(galaxy_star(radius, random));
    }
    let stars = stars.into_iter().map(|([x, y], peak, heat)| Star {
        place: plane.deproject([x * degrees, y * degrees]),
        fluxes: (0..options.bands.len())
            .map(|band| (peak * tint(band, options.bands.len(), heat)).max(FAINTEST_PEAK))
            .collect(),
    });
    StarTable { bands: options.bands.clone(), stars: stars.collect() }
}

/// A star of a galaxy with two arms around the middle: place in pixels, peak and heat.
fn galaxy_star(radius: f64, random: &mut Random) -> ([f64; 2], f64, f64) {
    let bulge = random.unit() < 0.25;
    let distance = if bulge {
        radius * 0.16 * random.normal().abs()
    } else {
        radius * (0.08 - 0.42 * random.unit().max(1e-6).ln()).min(2.2)
    };
    let angle = if bulge {
        random.between(0.0, std::f64::consts::TAU)
    } else {
        // Arms wind with the logarithm of the distance; some stars lie between them.
        let arm = if random.unit() < 0.5 { 0.0 } else { std::f64::consts::PI };
        let spread = if random.unit() < 0.2 { 1.2 } else { 0.24 };
        arm + 2.6 * (distance / radius + 0.05).ln() + spread * random.normal()
    };
    // Seen at an angle, the disc is flattened and turned.
    let (x, y) = (distance * angle.cos(), 0.62 * distance * angle.sin());
    let (sin, cos) = 0.6_f64.sin_cos();
    let peak = random.between(4.0, 16.0) * if bulge { 1.6 } else { 1.0 };
    let heat = if bulge { -0.8 } else { 0.7 } + 0.4 * random.normal();
    ([x * cos - y * sin, x * sin + y * cos], peak, heat)
}

/// Brightness of a star in a band, relative to its mean one: hot stars are bright in the last
/// band, cool ones in the first.
fn tint(band: usize, bands: usize, heat: f64) -> f64 {
    let along = 2.0 * band as f64 / (bands.max(2) - 1) as f64 - 1.0;
    if bands == 1 { 1.0 } else { (heat * along).clamp(-1.5, 1.5).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_writing_and_reading() {
        let options = SkyOptions { columns: 1, rows: 1, ..SkyOptions::default() };
        let table = scatter(&options, &mut Random::new(5));
        assert!(table.stars.len() > 60);
        let read = StarTable::parse("stars.tbl", &table.to_text(), "gray").unwrap();
        assert_eq!(read.stars.len(), table.stars.len());
        for (read, star) in read.stars.iter().zip(&table.stars) {
            assert!((read.place.ra - star.place.ra).abs() < 1e-8);
            assert!((read.fluxes[0] - star.fluxes[0]).abs() < 1e-3);
        }
        assert!(StarTable::parse("stars.tbl", &table.to_text(), "green").is_err());
    }

    #[test]
    fn stars_are_moved_back_by_one_pixel_of_the_image() {
        let image = Region {
            pixels: [100, 100],
            center: SkyPoint { ra: 10.0, dec: 0.0 },
            reference: [50.5, 50.5],
            step: [-0.001, 0.001],
            rotation: 30.0,
        };
        let star = |x, y| Star { place: image.sky([x, y]), fluxes: vec![1.0] };
        let table =
            StarTable { bands: vec!["v".into()], stars: vec![star(20.0, 30.0), star(0.0, 50.0)] };
        let drawn = table.drawn_by_mmakeimg(&image);
        assert_eq!(drawn.stars.len(), 1);
        let [x, y] = image.pixel(drawn.stars[0].place).unwrap();
        assert!((x - 19.0).abs() < 1e-6 && (y - 29.0).abs() < 1e-6);
    }

    #[test]
    fn hot_stars_are_brighter_in_the_last_band() {
        assert!(tint(2, 3, 1.0) > tint(1, 3, 1.0) && tint(1, 3, 1.0) > tint(0, 3, 1.0));
        assert!((tint(0, 1, 1.0) - 1.0).abs() < f64::EPSILON);
    }
}
