//! The image table that `mImgtbl -c` writes: one row for each image, with its corners on the sky.

use crate::coordinates::{SkyPoint, TangentPlane};
use crate::ipac::{Table, TableError};
use crate::polygon::{Point, counterclockwise};

/// What to do about a table without the columns that are read here.
const HINT: &str = "make the table with `mImgtbl -C -c DIRECTORY TABLE`";

/// Projections that mProjectPP can turn into each other plane to plane; others need mProjectQL.
const TANGENT_PLANE: [&str; 5] = ["TAN", "SIN", "ZEA", "STG", "ARC"];

/// One image, as far as planning a mosaic needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The number (`cntr`) that mImgtbl gave it; other tables of Montage refer to it.
    pub number: u64,
    /// Name of the file, relative to the directory that mImgtbl was given.
    pub file: String,
    /// Number of the FITS extension that holds the image; 0 is the primary one.
    pub hdu: u32,
    /// Width and height in pixels.
    pub pixels: [u32; 2],
    /// Size of a pixel in degrees (absolute value of CDELT1 and CDELT2).
    pub pixel_degrees: [f64; 2],
    /// The four corners, going around: outer corners of the first and last pixels.
    pub corners: [SkyPoint; 4],
    /// Whether mProjectPP, the fast plane-to-plane program, can project the image.
    pub plane_to_plane: bool,
}

impl Image {
    /// Middle of the image on the sky.
    #[must_use]
    pub fn center(&self) -> SkyPoint {
        SkyPoint::middle(self.corners)
    }

    /// The corners in a tangent plane, counterclockwise; `None` when the image reaches too far
    /// around the sky for that plane.
    pub(crate) fn outline(&self, plane: &TangentPlane) -> Option<Vec<Point>> {
        let corners: Option<Vec<Point>> = self.corners.iter().map(|&c| plane.project(c)).collect();
        corners.map(counterclockwise)
    }
}

/// A table of images, sorted by file name: mImgtbl lists a directory in whatever order the file
/// system has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageTable {
    /// The images.
    pub images: Vec<Image>,
}

impl ImageTable {
    /// Reads what `mImgtbl -C -c` wrote. `file` names the table in messages.
    ///
    /// ```
    /// use montage::ImageTable;
    /// let error = ImageTable::parse("images.tbl", "| cntr | fname |\n").unwrap_err();
    /// assert!(error.to_string().starts_with("images.tbl: no column `ra1`"));
    /// ```
    ///
    /// # Errors
    ///
    /// A column is missing (for example when `-c` was forgotten), a value is not what its column
    /// needs, or the table has no rows.
    pub fn parse(file: &str, text: &str) -> Result<Self, TableError> {
        let table = Table::parse(file, text)?;
        let column = |name| table.column(name, HINT);
        let corners = [
            (column("ra1")?, column("dec1")?),
            (column("ra2")?, column("dec2")?),
            (column("ra3")?, column("dec3")?),
            (column("ra4")?, column("dec4")?),
        ];
        let pixels = [column("naxis1")?, column("naxis2")?];
        let steps = [column("cdelt1")?, column("cdelt2")?];
        let (kind, equinox) = (column("ctype1")?, column("equinox")?);
        let number = column("cntr")?;
        let (hdu, name) = (column("hdu")?, column("fname")?);

        let mut images = Vec::new();
        for row in table.rows() {
            let corner = |index: usize| -> Result<SkyPoint, TableError> {
                let (ra, dec) = &corners[index];
                Ok(SkyPoint { ra: row.number(ra)?, dec: row.number(dec)? })
            };
            let size = |index: usize| -> Result<u32, TableError> {
                let expected = "a whole number of pixels above 0";
                match row.value(&pixels[index], expected)? {
                    0 => Err(row.bad(&pixels[index], expected)),
                    pixels => Ok(pixels),
                }
            };
            let step = |index: usize| -> Result<f64, TableError> {
                match row.number(&steps[index])?.abs() {
                    0.0 => Err(row.bad(&steps[index], "a pixel size in degrees other than 0")),
                    degrees => Ok(degrees),
                }
            };
            let file = row.text(&name);
            if file.is_empty() {
                return Err(row.bad(&name, "the name of a FITS file"));
            }
            let equatorial = row.text(&kind).starts_with("RA");
            let j2000 = (row.number(&equinox)? - 2000.0).abs() < 0.01;
            images.push(Image {
                number: row.value(&number, "a whole number")?,
                file: file.to_owned(),
                hdu: row.value(&hdu, "the number of a FITS extension")?,
                pixels: [size(0)?, size(1)?],
                pixel_degrees: [step(0)?, step(1)?],
                corners: [corner(0)?, corner(1)?, corner(2)?, corner(3)?],
                plane_to_plane: equatorial
                    && j2000
                    && TANGENT_PLANE.iter().any(|end| row.text(&kind).ends_with(end)),
            });
        }
        if images.is_empty() {
            let hint = "mImgtbl found no FITS image with a usable WCS (see badfits and badwcs in its answer)";
            return Err(TableError::NoRows { file: file.to_owned(), hint });
        }
        images.sort_by(|a, b| (&a.file, a.hdu, a.number).cmp(&(&b.file, b.hdu, b.number)));
        Ok(Self { images })
    }

    /// The images below one directory of the table, for example those of one band. File names
    /// stay as they are.
    #[must_use]
    pub fn below(&self, directory: &str) -> Self {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let inside = self.images.iter().filter(|image| image.file.starts_with(&prefix));
        Self { images: inside.cloned().collect() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const COLUMNS: [&str; 16] = [
        "cntr", "naxis1", "naxis2", "ctype1", "cdelt1", "cdelt2", "equinox", "ra1", "dec1", "ra2",
        "dec2", "ra3", "dec3", "ra4", "dec4", "hdu",
    ];

    /// A table in mImgtbl's layout of square images `(file, ra, dec)`, 0.1 degrees on a side.
    pub(crate) fn table_text(images: &[(&str, f64, f64)]) -> String {
        let header: Vec<_> = COLUMNS.iter().map(|name| format!("|{name:>12}")).collect();
        let rows = images.iter().enumerate().map(|(index, (file, ra, dec))| {
            let plane = TangentPlane::at(SkyPoint { ra: *ra, dec: *dec });
            let corners = [(1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
            let corners = corners.iter().flat_map(|(xi, eta)| {
                let SkyPoint { ra, dec } = plane.deproject([xi * 0.05, eta * 0.05]);
                [format!("{ra:.6}"), format!("{dec:.6}")]
            });
            let start = ["100", "100", "RA---TAN", "-0.001", "0.001", "2000.00"].map(str::to_owned);
            let values = [index.to_string()].into_iter().chain(start).chain(corners);
            let values = values.chain(["0".to_owned()]);
            let row: Vec<_> = values.map(|value| format!(" {value:>12}")).collect();
            format!("{} {file}\n", row.concat())
        });
        let rows: Vec<_> = rows.collect();
        format!("\\datatype = fitshdr\n{}|fname|\n{}", header.concat(), rows.concat())
    }

    #[test]
    fn rows_become_images_with_corners_and_sizes() {
        let text = table_text(&[("r/a.fits", 150.0, 20.0), ("g/b.fits", 150.05, 20.0)]);
        let table = ImageTable::parse("images.tbl", &text).unwrap();
        let image = &table.images[1];
        assert_eq!((table.images[0].file.as_str(), image.number), ("g/b.fits", 0));
        assert_eq!((image.file.as_str(), image.hdu, image.pixels), ("r/a.fits", 0, [100, 100]));
        assert!(image.plane_to_plane);
        assert!((image.center().dec - 20.0).abs() < 1e-4);
        assert_eq!(table.below("g").images.len(), 1);
        assert!(table.below("b").images.is_empty());
    }

    #[test]
    fn galactic_images_need_the_general_program() {
        let text = table_text(&[("a.fits", 150.0, 20.0)]).replace("RA---TAN", "GLON-TAN");
        assert!(!ImageTable::parse("t", &text).unwrap().images[0].plane_to_plane);
    }

    #[test]
    fn wrong_values_and_empty_tables_are_refused_with_their_place() {
        let text = table_text(&[("a.fits", 150.0, 20.0)]).replace("     100", "       0");
        let error = ImageTable::parse("t.tbl", &text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.tbl, line 3: column `naxis1` holds `0`, expected a whole number of pixels above 0"
        );
        let error = ImageTable::parse("t.tbl", &table_text(&[])).unwrap_err();
        assert!(error.to_string().starts_with("t.tbl: the table has no rows; mImgtbl found no"));
    }
}
