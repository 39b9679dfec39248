//! Places on the sky and the gnomonic (TAN) projection between sky and a tangent plane.

/// A place on the sky, J2000, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkyPoint {
    /// Right ascension in degrees, 0 to 360.
    pub ra: f64,
    /// Declination in degrees, -90 to 90.
    pub dec: f64,
}

impl SkyPoint {
    /// The unit vector that points there.
    #[must_use]
    pub fn vector(self) -> [f64; 3] {
        let (ra, dec) = (self.ra.to_radians(), self.dec.to_radians());
        [dec.cos() * ra.cos(), dec.cos() * ra.sin(), dec.sin()]
    }

    /// The place in the direction of `vector`, which need not have length 1.
    #[must_use]
    pub fn from_vector([x, y, z]: [f64; 3]) -> Self {
        let ra = y.atan2(x).to_degrees();
        // A tiny negative angle plus 360 rounds to exactly 360.
        let ra = if ra < 0.0 { (ra + 360.0) % 360.0 } else { ra };
        Self { ra, dec: z.atan2(x.hypot(y)).to_degrees() }
    }

    /// Cosine of the angle to another place.
    #[must_use]
    pub fn cos_angle(self, other: Self) -> f64 {
        let (a, b) = (self.vector(), other.vector());
        a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    }

    /// Middle of several places: the direction of the sum of their vectors.
    #[must_use]
    pub fn middle(points: impl IntoIterator<Item = Self>) -> Self {
        let sum = points
            .into_iter()
            .map(Self::vector)
            .fold([0.0; 3], |sum, v| [sum[0] + v[0], sum[1] + v[1], sum[2] + v[2]]);
        Self::from_vector(sum)
    }
}

/// The plane that touches the sky at one place; coordinates are degrees to the east (`xi`) and to
/// the north (`eta`). Great circles become straight lines.
#[derive(Debug, Clone, Copy)]
pub struct TangentPlane {
    sin_dec: f64,
    cos_dec: f64,
    ra: f64,
}

impl TangentPlane {
    /// The plane that touches at `center`.
    #[must_use]
    pub fn at(center: SkyPoint) -> Self {
        let (sin_dec, cos_dec) = center.dec.to_radians().sin_cos();
        Self { sin_dec, cos_dec, ra: center.ra.to_radians() }
    }

    /// Projects a place; `None` when it is 90 degrees or more away.
    #[must_use]
    pub fn project(&self, point: SkyPoint) -> Option<[f64; 2]> {
        let (sin, cos) = point.dec.to_radians().sin_cos();
        let (sin_ra, cos_ra) = (point.ra.to_radians() - self.ra).sin_cos();
        let depth = self.sin_dec * sin + self.cos_dec * cos * cos_ra;
        if depth < 1e-9 {
            return None;
        }
        let xi = cos * sin_ra / depth;
        let eta = (self.cos_dec * sin - self.sin_dec * cos * cos_ra) / depth;
        Some([xi.to_degrees(), eta.to_degrees()])
    }

    /// The place on the sky below a point of the plane.
    #[must_use]
    pub fn deproject(&self, [xi, eta]: [f64; 2]) -> SkyPoint {
        let (xi, eta) = (xi.to_radians(), eta.to_radians());
        let along = self.cos_dec - eta * self.sin_dec;
        let (sin_ra, cos_ra) = self.ra.sin_cos();
        SkyPoint::from_vector([
            along * cos_ra - xi * sin_ra,
            along * sin_ra + xi * cos_ra,
            self.sin_dec + eta * self.cos_dec,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn projecting_and_back_gives_the_same_place(
            ra in 0.0..360.0, dec in -90.0..90.0_f64, xi in -5.0..5.0, eta in -5.0..5.0,
        ) {
            let plane = TangentPlane::at(SkyPoint { ra, dec });
            let [x, y] = plane.project(plane.deproject([xi, eta])).unwrap();
            prop_assert!((x - xi).abs() < 1e-9 && (y - eta).abs() < 1e-9);
        }
    }

    #[test]
    fn north_is_up_and_east_is_positive() {
        let plane = TangentPlane::at(SkyPoint { ra: 150.0, dec: 20.0 });
        let [xi, eta] = plane.project(SkyPoint { ra: 150.0, dec: 20.1 }).unwrap();
        assert!(xi.abs() < 1e-12 && (eta - 0.1).abs() < 1e-6);
        let [xi, _] = plane.project(SkyPoint { ra: 150.1, dec: 20.0 }).unwrap();
        assert!(xi > 0.09);
        assert!(plane.project(SkyPoint { ra: 330.0, dec: -20.0 }).is_none());
    }
}
