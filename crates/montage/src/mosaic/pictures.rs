//! The tasks of the pictures.

use super::band::BandPlan;
use crate::guards;
use crate::workflow::{Builder, Task};

impl BandPlan<'_> {
    /// Adds the tasks of the picture; the answer is the image that it shows.
    pub(super) fn picture(&mut self, factor: u32) -> String {
        let mut shown = self.file("mosaic.fits");
        if factor > 1 {
            let small = self.file("preview.fits");
            self.builder.task(Task {
                name: "mShrink",
                executable: "mShrink",
                args: vec![shown.clone(), small.clone(), factor.to_string()],
                reads: vec![shown],
                writes: vec![small.clone()],
                stdout: None,
            });
            shown = small;
        }
        let flat = self.flatten(&shown);
        let picture = self.file("mosaic.png");
        let mut args = layer("-gray", &flat);
        args.extend(["-out".to_owned(), picture.clone()]);
        self.builder.task(Task {
            name: "mViewer",
            executable: "mViewer",
            args,
            reads: vec![flat.clone()],
            writes: vec![picture],
            stdout: None,
        });
        flat
    }

    /// Takes the plane out of an image that matching backgrounds leaves undetermined: no
    /// difference between images shows it, and it would tint the picture. The mosaic keeps it.
    fn flatten(&mut self, shown: &str) -> String {
        let (answer, flat) = (self.file("plane.txt"), self.file("flat.fits"));
        let script = ["-c", guards::FLATTEN, "mBackground", &answer, shown, &flat];
        let args = script.map(str::to_owned).to_vec();
        self.builder.task(Task {
            name: "mFitplane",
            executable: "mFitplane",
            args: vec![shown.to_owned()],
            reads: vec![shown.to_owned()],
            writes: Vec::new(),
            stdout: Some(answer.clone()),
        });
        self.builder.task(Task {
            name: "mBackground",
            executable: "sh",
            args,
            reads: vec![answer, shown.to_owned()],
            writes: vec![flat.clone()],
            stdout: None,
        });
        flat
    }
}

/// The picture of all three bands.
pub(super) fn colour(builder: &mut Builder, shown: [&String; 3]) {
    let picture = "mosaic.png".to_owned();
    let layers = ["-red", "-green", "-blue"].into_iter().zip(shown);
    let mut args: Vec<String> = layers.flat_map(|(flag, image)| layer(flag, image)).collect();
    args.extend(["-out".to_owned(), picture.clone()]);
    builder.task(Task {
        name: "mViewer",
        executable: "mViewer",
        args,
        reads: shown.map(Clone::clone).to_vec(),
        writes: vec![picture],
        stdout: None,
    });
}

/// Arguments of mViewer for one image: stretched from one sigma above the sky to the maximum.
fn layer(flag: &str, image: &str) -> Vec<String> {
    [flag, image, "1s", "max", "gaussian-log"].map(str::to_owned).to_vec()
}
