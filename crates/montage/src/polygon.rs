//! Convex polygons in a tangent plane: common part, area and extent.

/// A point of a plane.
pub(crate) type Point = [f64; 2];

/// Signed area by the shoelace formula, positive when the corners go counterclockwise.
pub(crate) fn signed_area(corners: &[Point]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0
}

/// The corners in counterclockwise order.
pub(crate) fn counterclockwise(mut corners: Vec<Point>) -> Vec<Point> {
    if signed_area(&corners) < 0.0 {
        corners.reverse();
    }
    corners
}

/// Largest distance between two corners.
pub(crate) fn diameter(corners: &[Point]) -> f64 {
    let distances =
        corners.iter().flat_map(|a| corners.iter().map(move |b| (a[0] - b[0]).hypot(a[1] - b[1])));
    distances.fold(0.0, f64::max)
}

/// The common part of two convex, counterclockwise polygons (Sutherland and Hodgman); empty when
/// they do not meet.
pub(crate) fn intersection(subject: &[Point], clip: &[Point]) -> Vec<Point> {
    let edges = clip.iter().zip(clip.iter().cycle().skip(1));
    edges.fold(subject.to_vec(), |rest, (&from, &to)| keep_left_of(&rest, from, to))
}

/// The part of a polygon on the left of a directed line.
fn keep_left_of(corners: &[Point], from: Point, to: Point) -> Vec<Point> {
    let side =
        |p: Point| (to[0] - from[0]) * (p[1] - from[1]) - (to[1] - from[1]) * (p[0] - from[0]);
    let mut kept = Vec::with_capacity(corners.len() + 1);
    for (&a, &b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        let (side_a, side_b) = (side(a), side(b));
        if side_a >= 0.0 {
            kept.push(a);
        }
        if (side_a > 0.0 && side_b < 0.0) || (side_a < 0.0 && side_b > 0.0) {
            let t = side_a / (side_a - side_b);
            kept.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(x: f64, y: f64) -> Vec<Point> {
        vec![[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0]]
    }

    #[test]
    fn equal_polygons_share_their_whole_area() {
        let common = intersection(&square(0.0, 0.0), &square(0.0, 0.0));
        assert!((signed_area(&common) - 1.0).abs() < 1e-12);
        assert!((diameter(&common) - 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_clockwise_polygon_is_turned_around() {
        let mut corners = square(0.0, 0.0);
        corners.reverse();
        assert!(signed_area(&counterclockwise(corners)) > 0.0);
    }

    proptest! {
        #[test]
        fn the_common_area_of_squares_is_the_product_of_the_ranges(
            x in -1.5..1.5, y in -1.5..1.5_f64,
        ) {
            let common = intersection(&square(0.0, 0.0), &square(x, y));
            let expected = (1.0 - f64::abs(x)).max(0.0) * (1.0 - f64::abs(y)).max(0.0);
            prop_assert!((signed_area(&common) - expected).abs() < 1e-9);
        }
    }
}
