//! Checks a mosaic as an astronomer would: are the stars in their places, and is the sky even
//! across the borders of the images it was made from?

mod borders;
mod stars;

pub use borders::{BorderReport, borders};
pub use stars::{StarReport, stars};

/// The middle value; `None` without values.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    let (_, value, _) =
        (!values.is_empty()).then(|| values.select_nth_unstable_by(middle, f64::total_cmp))?;
    Some(*value)
}

/// The pixel outlines of images in a mosaic: each border as a line between two pixel places.
pub(crate) fn outlines(
    region: &crate::Region,
    images: &crate::ImageTable,
) -> Vec<([f64; 2], [f64; 2])> {
    let mut lines = Vec::new();
    for image in &images.images {
        let corners: Option<Vec<_>> = image.corners.iter().map(|&c| region.pixel(c)).collect();
        let corners = corners.unwrap_or_default();
        lines.extend(corners.iter().copied().zip(corners.iter().copied().cycle().skip(1)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_one_wild_value() {
        assert_eq!(median(&mut [1.0, 1e9, 2.0]), Some(2.0));
        assert_eq!(median(&mut []), None);
    }
}
