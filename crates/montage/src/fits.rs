//! A minimal reader of FITS images: the primary array, two axes, 16-bit integers or floats.

use crate::region::{Region, RegionError};

const CARD: usize = 80;
const BLOCK: usize = 2880;

/// Why a file is not an image that can be read here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitsError {
    /// The header has no end, or does not begin like FITS.
    #[error("{file}: not a FITS file (no header from SIMPLE to END)")]
    NoHeader {
        /// Name of the file.
        file: String,
    },
    /// A kind of data that this reader does not know.
    #[error("{file}: {keyword} is {value}, expected {expected}")]
    Unsupported {
        /// Name of the file.
        file: String,
        /// Keyword of the header.
        keyword: &'static str,
        /// Its value.
        value: i64,
        /// What can be read.
        expected: &'static str,
    },
    /// The data are shorter than the header says.
    #[error("{file}: {found} bytes of data, expected {expected}")]
    Truncated {
        /// Name of the file.
        file: String,
        /// Bytes that are there.
        found: usize,
        /// Bytes that the header promises.
        expected: usize,
    },
    /// The header does not describe a TAN frame.
    #[error(transparent)]
    Region(#[from] RegionError),
}

/// An image with its frame on the sky. Pixels without data are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct FitsImage {
    /// Where the image is.
    pub region: Region,
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl FitsImage {
    /// Reads the primary array of a file. `file` names it in messages.
    ///
    /// # Errors
    ///
    /// The bytes are not FITS, the array is none of two axes with BITPIX 16, -32 or -64, the data
    /// are cut short, or the frame is not TAN.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, FitsError> {
        let no_header = || FitsError::NoHeader { file: file.to_owned() };
        let cards = bytes.chunks_exact(CARD);
        let end =
            cards.clone().position(|card| card.starts_with(b"END     ")).ok_or_else(no_header)?;
        if !bytes.starts_with(b"SIMPLE  =") {
            return Err(no_header());
        }
        let header: String = cards
            .take(end)
            .map(|card| String::from_utf8_lossy(card).trim_end().to_owned() + "\n")
            .collect();
        let value = |keyword: &'static str| -> Result<f64, RegionError> {
            let lines = header.lines().filter_map(|line| line.split_once('='));
            let found = lines.filter(|(name, _)| name.trim() == keyword).find_map(|(_, text)| {
                text.split('/').next().and_then(|number| number.trim().parse().ok())
            });
            found.ok_or_else(|| RegionError::NoKeyword { file: file.to_owned(), keyword })
        };
        let integer = |keyword| value(keyword).map(|number| number as i64);
        let unsupported = |keyword, value, expected| FitsError::Unsupported {
            file: file.to_owned(),
            keyword,
            value,
            expected,
        };
        let axes = integer("NAXIS")?;
        if axes != 2 {
            return Err(unsupported("NAXIS", axes, "2 axes"));
        }
        let region = Region::parse(file, &header)?;
        let bits = integer("BITPIX")?;
        let decode: fn(&[u8]) -> f64 = match bits {
            16 => |b| f64::from(i16::from_be_bytes([b[0], b[1]])),
            -32 => |b| f64::from(f32::from_be_bytes([b[0], b[1], b[2], b[3]])),
            -64 => |b| f64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            _ => return Err(unsupported("BITPIX", bits, "16, -32 or -64")),
        };
        let size = usize::try_from(bits.unsigned_abs() / 8).unwrap_or(1);
        let [width, height] = region.pixels.map(|pixels| pixels as usize);
        let start = ((end + 1) * CARD).div_ceil(BLOCK) * BLOCK;
        let data = bytes.get(start..).unwrap_or_default();
        let expected = width * height * size;
        let Some(data) = data.get(..expected) else {
            return Err(FitsError::Truncated {
                file: file.to_owned(),
                found: data.len(),
                expected,
            });
        };
        let scale = value("BSCALE").unwrap_or(1.0);
        let zero = value("BZERO").unwrap_or(0.0);
        let data = data.chunks_exact(size).map(|pixel| (zero + scale * decode(pixel)) as f32);
        Ok(Self { region, width, height, data: data.collect() })
    }

    /// The value of a pixel, counted from 1 as in FITS; `None` outside and where there is no data.
    #[must_use]
    pub fn get(&self, x: i64, y: i64) -> Option<f64> {
        let (x, y) = (usize::try_from(x - 1).ok()?, usize::try_from(y - 1).ok()?);
        if x >= self.width || y >= self.height {
            return None;
        }
        let value = f64::from(*self.data.get(y * self.width + x)?);
        value.is_finite().then_some(value)
    }

    /// The value of the pixel around a place in pixel coordinates.
    #[must_use]
    pub fn near(&self, [x, y]: [f64; 2]) -> Option<f64> {
        self.get(x.round() as i64, y.round() as i64)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A FITS file with the pixels that `value` gives.
    pub(crate) fn fits(region: &Region, bits: i64, value: impl Fn(i64, i64) -> f64) -> Vec<u8> {
        let header = region.header().replace("BITPIX  = -64", &format!("BITPIX  = {bits}"));
        let mut bytes: Vec<u8> =
            header.lines().flat_map(|l| format!("{l:80}").into_bytes()).collect();
        bytes.resize(bytes.len().div_ceil(BLOCK) * BLOCK, b' ');
        for y in 1..=i64::from(region.pixels[1]) {
            for x in 1..=i64::from(region.pixels[0]) {
                match bits {
                    16 => bytes.extend((value(x, y) as i16).to_be_bytes()),
                    -32 => bytes.extend((value(x, y) as f32).to_be_bytes()),
                    _ => bytes.extend(value(x, y).to_be_bytes()),
                }
            }
        }
        bytes
    }

    pub(crate) fn region(width: u32, height: u32) -> Region {
        let center = crate::SkyPoint { ra: 10.0, dec: 20.0 };
        let reference = [f64::from(width) / 2.0, f64::from(height) / 2.0];
        let step = [-0.001, 0.001];
        Region { pixels: [width, height], center, reference, step, rotation: 0.0 }
    }

    #[test]
    fn all_three_kinds_of_pixels_are_read() {
        for bits in [16, -32, -64] {
            let value = |x, y| if x == 2 && bits < 0 { f64::NAN } else { (10 * y + x) as f64 };
            let image = FitsImage::parse("t", &fits(&region(7, 5), bits, value)).unwrap();
            assert_eq!(image.get(7, 5), Some(57.0));
            assert_eq!(image.get(1, 1), Some(11.0));
            assert_eq!(image.get(2, 1), (bits == 16).then_some(12.0));
            assert_eq!((image.get(0, 1), image.get(8, 1), image.get(1, 6)), (None, None, None));
            assert_eq!(image.near([6.6, 4.7]), Some(57.0));
        }
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let good = fits(&region(7, 5), -32, |_, _| 0.0);
        let errors = [
            FitsImage::parse("a", b"junk").unwrap_err(),
            FitsImage::parse("b", &good[..BLOCK + 10]).unwrap_err(),
            FitsImage::parse("c", &fits(&region(7, 5), 8, |_, _| 0.0)).unwrap_err(),
        ];
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
