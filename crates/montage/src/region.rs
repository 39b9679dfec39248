//! A rectangle of pixels on the sky in the TAN projection: the frame of a mosaic or of one image.

use std::fmt::Write as _;

use crate::coordinates::{SkyPoint, TangentPlane};
use crate::images::ImageTable;
use crate::whole::whole;

/// Pixels that are left free around the images, so that no border pixel is cut.
const MARGIN_PIXELS: f64 = 4.0;

/// Farthest corner from the middle that a tangent plane is used for, in degrees.
const WIDEST_DEGREES: f64 = 60.0;

/// Why a region cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The table holds no image.
    #[error("no images to cover")]
    NoImages,
    /// The images are spread too far over the sky for one tangent plane.
    #[error(
        "the images reach over more than {WIDEST_DEGREES} degrees from their middle; \
             make several mosaics"
    )]
    TooWide,
    /// The pixel size is not a positive number.
    #[error("pixel size {degrees} degrees is not above 0")]
    BadPixelSize {
        /// The size that was asked for.
        degrees: f64,
    },
    /// A keyword is missing in a header.
    #[error("{file}: header has no usable {keyword}")]
    NoKeyword {
        /// Name of the header or image.
        file: String,
        /// The keyword.
        keyword: &'static str,
    },
    /// The header describes another projection.
    #[error("{file}: CTYPE1 is `{found}`, expected RA---TAN")]
    NotTangent {
        /// Name of the header or image.
        file: String,
        /// The projection found.
        found: String,
    },
}

/// A TAN image frame. Pixel coordinates are those of FITS: the middle of the first pixel is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Width and height in pixels (NAXIS1, NAXIS2).
    pub pixels: [u32; 2],
    /// The place where the plane touches the sky (CRVAL1, CRVAL2).
    pub center: SkyPoint,
    /// Pixel coordinates of that place (CRPIX1, CRPIX2).
    pub reference: [f64; 2],
    /// Degrees for each pixel (CDELT1, CDELT2); the first is negative when east is left.
    pub step: [f64; 2],
    /// Rotation in degrees (CROTA2).
    pub rotation: f64,
}

impl Region {
    /// The smallest frame, north up, that covers all images with a small margin.
    ///
    /// The pixel size is `pixel_degrees`, or the finest one of the images. This does what mMakeHdr
    /// does, for any mix of pixel sizes and without cutting digits.
    ///
    /// # Errors
    ///
    /// There are no images, they do not fit into one tangent plane, or the pixel size is not
    /// positive.
    pub fn covering(table: &ImageTable, pixel_degrees: Option<f64>) -> Result<Self, RegionError> {
        let images = &table.images;
        let finest = images.iter().flat_map(|i| i.pixel_degrees).min_by(f64::total_cmp);
        let degrees = pixel_degrees.or(finest).ok_or(RegionError::NoImages)?;
        if !(degrees.is_finite() && degrees > 0.0) {
            return Err(RegionError::BadPixelSize { degrees });
        }
        let corners: Vec<SkyPoint> = images.iter().flat_map(|image| image.corners).collect();
        let center = SkyPoint::middle(corners.iter().copied());
        if corners.iter().any(|c| c.cos_angle(center) < WIDEST_DEGREES.to_radians().cos()) {
            return Err(RegionError::TooWide);
        }
        let plane = TangentPlane::at(center);
        let places: Option<Vec<_>> = corners.iter().map(|&corner| plane.project(corner)).collect();
        let places = places.ok_or(RegionError::TooWide)?;
        let least = |axis: usize| places.iter().map(|p| p[axis]).fold(f64::INFINITY, f64::min);
        let most = |axis: usize| places.iter().map(|p| p[axis]).fold(f64::NEG_INFINITY, f64::max);
        let size = |axis| ((most(axis) - least(axis)) / degrees).ceil() + 2.0 * MARGIN_PIXELS;
        // East is left: the first pixel has the largest xi.
        let reference =
            [most(0) / degrees + MARGIN_PIXELS + 0.5, -least(1) / degrees + MARGIN_PIXELS + 0.5];
        Ok(Self {
            pixels: [whole(size(0)), whole(size(1))],
            center,
            reference: reference.map(f64::round),
            step: [-degrees, degrees],
            rotation: 0.0,
        })
    }

    /// Reads a header template such as mMakeHdr writes, or the cards of a FITS header one a line.
    ///
    /// # Errors
    ///
    /// A keyword is missing or not a number, or the projection is not TAN on RA and Dec.
    pub fn parse(file: &str, header: &str) -> Result<Self, RegionError> {
        let value = |keyword: &str| {
            header.lines().find_map(|line| {
                let (name, rest) = line.split_once('=')?;
                let text = rest.split('/').next().unwrap_or("");
                (name.trim() == keyword).then(|| text.trim().trim_matches('\'').trim())
            })
        };
        let number = |keyword: &'static str| {
            let missing = || RegionError::NoKeyword { file: file.to_owned(), keyword };
            value(keyword).and_then(|text| text.parse::<f64>().ok()).ok_or_else(missing)
        };
        let found = value("CTYPE1").unwrap_or("");
        if found != "RA---TAN" {
            return Err(RegionError::NotTangent { file: file.to_owned(), found: found.to_owned() });
        }
        Ok(Self {
            pixels: [whole(number("NAXIS1")?), whole(number("NAXIS2")?)],
            center: SkyPoint { ra: number("CRVAL1")?, dec: number("CRVAL2")? },
            reference: [number("CRPIX1")?, number("CRPIX2")?],
            step: [number("CDELT1")?, number("CDELT2")?],
            rotation: if value("CROTA2").is_some() { number("CROTA2")? } else { 0.0 },
        })
    }

    /// The text of a header template for Montage's programs.
    #[must_use]
    pub fn header(&self) -> String {
        let mut text = String::from("SIMPLE  = T\nBITPIX  = -64\nNAXIS   = 2\n");
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "NAXIS1  = {}\nNAXIS2  = {}\nCTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\n\
             EQUINOX = 2000\nCRVAL1  = {:.9}\nCRVAL2  = {:.9}\nCRPIX1  = {:.4}\nCRPIX2  = {:.4}\n\
             CDELT1  = {:.15}\nCDELT2  = {:.15}\nCROTA2  = {:.9}\nEND\n",
            self.pixels[0],
            self.pixels[1],
            self.center.ra,
            self.center.dec,
            self.reference[0],
            self.reference[1],
            self.step[0],
            self.step[1],
            self.rotation,
        );
        text
    }

    /// Pixel coordinates of a place; `None` when it is on the other half of the sky.
    #[must_use]
    pub fn pixel(&self, point: SkyPoint) -> Option<[f64; 2]> {
        let [xi, eta] = TangentPlane::at(self.center).project(point)?;
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        Some([
            self.reference[0] + (xi * cos + eta * sin) / self.step[0],
            self.reference[1] + (eta * cos - xi * sin) / self.step[1],
        ])
    }

    /// The place of a pixel coordinate.
    #[must_use]
    pub fn sky(&self, [x, y]: [f64; 2]) -> SkyPoint {
        let x = (x - self.reference[0]) * self.step[0];
        let y = (y - self.reference[1]) * self.step[1];
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        TangentPlane::at(self.center).deproject([x * cos - y * sin, x * sin + y * cos])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::tests::table_text;
    use proptest::prelude::*;

    fn images() -> ImageTable {
        let text = table_text(&[("a", 359.96, 45.0), ("b", 0.04, 45.02)]);
        ImageTable::parse("images.tbl", &text).unwrap()
    }

    #[test]
    fn every_corner_lies_inside_the_covering_region() {
        let region = Region::covering(&images(), None).unwrap();
        for corner in images().images.iter().flat_map(|image| image.corners) {
            let [x, y] = region.pixel(corner).unwrap();
            assert!(x > 2.0 && x < f64::from(region.pixels[0]) - 1.0, "x = {x}");
            assert!(y > 2.0 && y < f64::from(region.pixels[1]) - 1.0, "y = {y}");
        }
        assert!(region.pixels[0] < 170 && region.pixels[1] < 135, "{:?}", region.pixels);
    }

    #[test]
    fn a_header_survives_writing_and_reading() {
        let region = Region::covering(&images(), Some(0.0005)).unwrap();
        let read = Region::parse("region.hdr", &region.header()).unwrap();
        assert_eq!((read.pixels, read.step), (region.pixels, region.step));
        assert!((read.center.ra - region.center.ra).abs() < 1e-8);
    }

    #[test]
    fn impossible_regions_are_refused() {
        let none = Region::covering(&ImageTable::default(), None);
        assert_eq!(none, Err(RegionError::NoImages));
        let text = table_text(&[("a", 0.0, 0.0), ("b", 170.0, 0.0)]);
        let wide = Region::covering(&ImageTable::parse("t", &text).unwrap(), None);
        assert_eq!(wide, Err(RegionError::TooWide));
        assert!(Region::covering(&images(), Some(f64::NAN)).is_err());
        let other = Region::parse("x.hdr", "CTYPE1  = 'GLON-CAR'\n").unwrap_err();
        assert_eq!(other.to_string(), "x.hdr: CTYPE1 is `GLON-CAR`, expected RA---TAN");
    }

    proptest! {
        #[test]
        fn pixel_and_sky_are_inverse(x in 1.0..150.0, y in 1.0..150.0, rotation in -180.0..180.0) {
            let region = Region { rotation, ..Region::covering(&images(), None).unwrap() };
            let [px, py] = region.pixel(region.sky([x, y])).unwrap();
            prop_assert!(f64::abs(px - x) < 1e-6 && f64::abs(py - y) < 1e-6);
        }
    }
}
