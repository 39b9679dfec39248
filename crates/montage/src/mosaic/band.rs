//! The tasks of one band, from raw images to its picture.

use super::names::stems;
use super::{Band, Mosaic};
use crate::guards;
use crate::overlaps::Pair;
use crate::workflow::{Builder, Task, TextFile};

/// Answers that one collecting task takes; keeps its argument list far below every limit.
const ANSWERS_FOR_EACH_COLLECTOR: usize = 2_000;

/// The files and tasks of one band.
pub(super) struct BandPlan<'p> {
    band: &'p Band,
    stems: Vec<String>,
    /// Whether all images are projected plane to plane, which gives weights for their pixels.
    weights: bool,
    header: &'p str,
    pub(super) builder: &'p mut Builder,
}

impl<'p> BandPlan<'p> {
    pub(super) fn new(band: &'p Band, header: &'p str, builder: &'p mut Builder) -> Self {
        let images = &band.images.images;
        let weights = images.iter().all(|image| image.plane_to_plane);
        Self { band, stems: stems(images), weights, header, builder }
    }

    /// A file in the directory of the band.
    pub(super) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.band.name)
    }

    /// An image that is made from a raw one.
    fn image(&self, prefix: &str, index: usize) -> String {
        self.file(&format!("{prefix}{}.fits", self.stems[index]))
    }

    /// An image and, if there are weights, the image of its pixel weights, which Montage finds by
    /// name.
    fn image_files(&self, prefix: &str, index: usize) -> Vec<String> {
        let mut files = vec![self.image(prefix, index)];
        if self.weights {
            files.push(self.file(&format!("{prefix}{}_area.fits", self.stems[index])));
        }
        files
    }

    fn images(&self, prefix: &str) -> Vec<String> {
        (0..self.stems.len()).flat_map(|index| self.image_files(prefix, index)).collect()
    }

    /// The option that tells programs not to look for weights.
    fn no_weights(&self) -> Option<String> {
        (!self.weights).then(|| "-n".to_owned())
    }

    /// The list that makes mImgtbl look at these files only, in this order. Montage cuts values
    /// at the closing bar, so the column is as wide as its longest name.
    pub(super) fn list(&self) -> TextFile {
        let names: Vec<String> =
            (0..self.stems.len()).map(|index| self.image("p_", index)).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max("fname".len());
        let mut content = format!("|{:width$}|\n|{:width$}|\n", "fname", "char");
        for name in names {
            content.push(' ');
            content += &name;
            content.push('\n');
        }
        TextFile { name: self.file("images.lst"), content }
    }

    pub(super) fn project(&mut self, mosaic: &Mosaic) {
        for (index, image) in self.band.images.images.iter().enumerate() {
            let raw = match mosaic.image_directory.trim_end_matches('/') {
                "" | "." => image.file.clone(),
                directory => format!("{directory}/{}", image.file),
            };
            let projected = self.image("p_", index);
            let mut args = Vec::new();
            if image.hdu > 0 {
                args.extend(["-h".to_owned(), image.hdu.to_string()]);
            }
            args.extend([raw.clone(), projected, self.header.to_owned()]);
            // A mosaic takes weights for all images or for none.
            let program = if self.weights { "mProjectPP" } else { "mProjectQL" };
            self.builder.task(Task {
                name: program,
                executable: program,
                args,
                reads: vec![raw, self.header.to_owned()],
                writes: self.image_files("p_", index),
                stdout: None,
            });
        }
        let (list, table) = (self.file("images.lst"), self.file("projected.tbl"));
        let mut reads = vec![list.clone()];
        reads.extend((0..self.stems.len()).map(|index| self.image("p_", index)));
        self.builder.task(Task {
            name: "mImgtbl",
            executable: "mImgtbl",
            args: ["-C", "-t", &list, ".", &table].map(str::to_owned).to_vec(),
            reads,
            writes: vec![table],
            stdout: None,
        });
    }

    pub(super) fn check_images(&mut self, prefix: &str, table: &str) {
        let files = vec![self.file("images.lst"), self.file("projected.tbl")];
        let to = format!("to={prefix}");
        let mut args =
            ["-v", "from=p_", "-v", &to, guards::CHECK_IMAGES].map(str::to_owned).to_vec();
        args.extend(files.clone());
        let stdout = Some(self.file(table));
        self.builder.task(Task {
            name: "checkImages",
            executable: "awk",
            args,
            reads: files,
            writes: Vec::new(),
            stdout,
        });
    }

    pub(super) fn differences(&mut self, pairs: &[Pair]) {
        for pair in pairs {
            let stem = format!("{:06}-{:06}", pair.plus, pair.minus);
            let difference = self.file(&format!("d-{stem}.fits"));
            let area = self.file(&format!("d-{stem}_area.fits"));
            let mut args =
                ["-c", guards::DIFFERENCE, "mDiff", &difference].map(str::to_owned).to_vec();
            args.extend(self.no_weights());
            args.extend([self.image("p_", pair.plus), self.image("p_", pair.minus)]);
            args.extend([difference.clone(), self.header.to_owned()]);
            let mut reads = self.image_files("p_", pair.plus);
            reads.extend(self.image_files("p_", pair.minus));
            reads.push(self.header.to_owned());
            self.builder.task(Task {
                name: "mDiff",
                executable: "sh",
                args,
                reads,
                writes: vec![difference.clone(), area],
                stdout: None,
            });
            self.builder.task(Task {
                name: "mFitplane",
                executable: "sh",
                args: vec![
                    "-c".to_owned(),
                    guards::FIT.to_owned(),
                    "mFitplane".to_owned(),
                    difference.clone(),
                ],
                reads: vec![difference],
                writes: Vec::new(),
                stdout: Some(self.file(&format!("fit-{stem}.txt"))),
            });
        }
    }

    pub(super) fn model(&mut self, pairs: &[Pair]) {
        let answers: Vec<String> = pairs
            .iter()
            .map(|pair| self.file(&format!("fit-{:06}-{:06}.txt", pair.plus, pair.minus)))
            .collect();
        let fits = self.file("fits.tbl");
        let parts: Vec<&[String]> = answers.chunks(ANSWERS_FOR_EACH_COLLECTOR).collect();
        let mut tables = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let table = if parts.len() == 1 {
                fits.clone()
            } else {
                self.file(&format!("fits-{number:03}.tbl"))
            };
            self.awk("collectFits", guards::COLLECT_FITS, part, &table);
            tables.push(table);
        }
        if parts.len() > 1 {
            self.awk("joinTables", guards::JOIN_TABLES, &tables, &fits);
        }
        let [images, model] = ["projected.tbl", "model.tbl"].map(|name| self.file(name));
        self.builder.task(Task {
            name: "mBgModel",
            executable: "mBgModel",
            args: vec![images.clone(), fits.clone(), model.clone()],
            reads: vec![images, fits],
            writes: vec![model.clone()],
            stdout: None,
        });
        let corrections = self.file("corrections.tbl");
        self.awk("checkModel", guards::CHECK_MODEL, &[model], &corrections);
    }

    fn awk(&mut self, name: &'static str, program: &str, files: &[String], stdout: &str) {
        let mut args = vec![program.to_owned()];
        args.extend(files.iter().cloned());
        self.builder.task(Task {
            name,
            executable: "awk",
            args,
            reads: files.to_vec(),
            writes: Vec::new(),
            stdout: Some(stdout.to_owned()),
        });
    }

    pub(super) fn correct(&mut self) {
        for index in 0..self.stems.len() {
            let [images, corrections] =
                ["projected.tbl", "corrections.tbl"].map(|name| self.file(name));
            let mut args = vec!["-t".to_owned()];
            args.extend(self.no_weights());
            args.extend([self.image("p_", index), self.image("c_", index)]);
            args.extend([images.clone(), corrections.clone()]);
            let mut reads = self.image_files("p_", index);
            reads.extend([images, corrections]);
            self.builder.task(Task {
                name: "mBackground",
                executable: "mBackground",
                args,
                reads,
                writes: self.image_files("c_", index),
                stdout: None,
            });
        }
    }

    pub(super) fn add(&mut self, table: &str, prefix: &str) {
        let table = self.file(table);
        let [mosaic, area] = ["mosaic.fits", "mosaic_area.fits"].map(|name| self.file(name));
        let mut reads = vec![table.clone(), self.header.to_owned()];
        reads.extend(self.images(prefix));
        // -e: all bands get exactly the frame of the region, not what their images cover.
        let mut args = vec!["-e".to_owned()];
        args.extend(self.no_weights());
        args.extend([table, self.header.to_owned(), mosaic.clone()]);
        self.builder.task(Task {
            name: "mAdd",
            executable: "mAdd",
            args,
            reads,
            writes: vec![mosaic, area],
            stdout: None,
        });
    }
}
