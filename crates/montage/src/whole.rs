//! Rounding to whole numbers.

/// The whole part of a number, 0 for negative ones and NaN.
#[expect(clippy::cast_sign_loss, reason = "a float cast saturates, which is what is wanted")]
pub(crate) fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn what_is_no_count_becomes_zero() {
        assert_eq!((whole(2.9), whole(-1.0), whole(f64::NAN), whole(1e20)), (2, 0, 0, u32::MAX));
    }
}
