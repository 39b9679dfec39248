//! Names of files made from images.

use std::collections::{HashMap, HashSet};

use crate::images::Image;

/// Names for the files made from each image: the name of its file where that is unique and plain,
/// else with the image's number.
pub(super) fn stems(images: &[Image]) -> Vec<String> {
    let plain = |image: &Image| {
        let name = image.file.rsplit('/').next().unwrap_or_default();
        let lower = name.to_lowercase();
        let end = [".fits.gz", ".fit.gz", ".fits", ".fit", ".fts"]
            .iter()
            .find(|end| lower.ends_with(**end))
            .map_or(0, |end| end.len());
        let stem = name.get(..name.len().saturating_sub(end)).unwrap_or(name);
        let keep = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        stem.chars().map(keep).take(80).collect::<String>()
    };
    let mut used = HashSet::new();
    let first: Vec<String> = images.iter().map(plain).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for stem in &first {
        *times.entry(stem).or_default() += 1;
    }
    first
        .iter()
        .enumerate()
        .map(|(index, stem)| {
            let mut name = stem.clone();
            // `x_area` would be taken for the weights of `x`.
            if name.is_empty() || name.ends_with("_area") || times[stem.as_str()] > 1 {
                name = format!("{name}-{index:06}");
            }
            while !used.insert(name.clone()) {
                name.push('_');
            }
            name
        })
        .collect()
}
