//! Resource quantities: `500m`, `1Gi`, `1e3`.
//!
//! A [`Quantity`] is exact: whole billionths in 128 bits. It is read, compared and written as the API server does it
//! (`k8s.io/apimachinery/pkg/api/resource`): what is finer than a billionth is rounded away from zero, binary
//! quantities end at 2⁶³−1, and the canonical text has no fraction and the greatest suffix that keeps the value.
//! Other than there, `.`, `+` and `-` alone are refused, and so is what has more than 29 digits before the point.
//!
//! ```
//! use k8s_apply::Quantity;
//!
//! let cpu: Quantity = "1.5".parse()?;
//! assert_eq!(cpu, "1500m".parse()?);
//! assert_eq!(cpu.to_string(), "1500m");
//! assert_eq!("2048Mi".parse::<Quantity>()?.to_string(), "2Gi");
//! # Ok::<(), k8s_apply::quantity::QuantityError>(())
//! ```

mod read;
mod write;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

/// Billionths in one.
const NANOS: i128 = 1_000_000_000;

/// The largest binary quantity, in units.
const BINARY_LIMIT: i128 = i64::MAX as i128;

/// Which suffixes a quantity is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Powers of 1000: `n u m k M G T P E`.
    Decimal,
    /// Powers of 1024: `Ki Mi Gi Ti Pi Ei`.
    Binary,
    /// Powers of ten as digits: `e3`.
    Exponent,
}

/// An amount of a resource.
///
/// Two quantities are equal if their values are, however they are written: `1` is `1000m`. The way of writing is
/// kept for the text.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// There is no number in it.
    #[error(
        "`{0}` is no quantity: expected a number, and a suffix such as `m`, `k` or `Gi` if need be"
    )]
    NoNumber(String),
    /// What follows the number is no suffix.
    #[error(
        "`{text}` is no quantity: `{suffix}` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3{}",
        instead.as_ref().map(|instead| format!("; `{instead}` would do")).unwrap_or_default()
    )]
    Suffix {
        /// The whole text.
        text: String,
        /// What is wrong.
        suffix: String,
        /// What was probably meant.
        instead: Option<String>,
    },
    /// There are spaces in it.
    #[error("`{0}` is no quantity: it must not have spaces")]
    Spaces(String),
    /// It does not fit into the range that is kept.
    #[error("the quantity `{0}` is too large")]
    TooLarge(String),
    /// A value of another type stands in its place.
    #[error("expected a quantity: a text such as \"500m\", or a number")]
    NoText,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0, format: Format::Decimal };

    /// A whole number of units: bytes, cores, pods.
    #[must_use]
    pub const fn of_units(units: i64) -> Self {
        Self { nanos: units as i128 * NANOS, format: Format::Decimal }
    }

    /// A whole number of thousandths, such as millicores.
    #[must_use]
    pub const fn of_millis(millis: i64) -> Self {
        Self { nanos: millis as i128 * (NANOS / 1000), format: Format::Decimal }
    }

    /// A number of bytes, written with the suffixes of memory: `1Gi`.
    #[must_use]
    pub const fn of_bytes(bytes: i64) -> Self {
        Self { nanos: bytes as i128 * NANOS, format: Format::Binary }
    }

    /// A quantity as it stands in a manifest: a text, or a plain number.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_value(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number.to_string().parse(),
            _ => Err(QuantityError::NoText),
        }
    }

    /// The value in billionths, exactly.
    #[must_use]
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// The value in thousandths, rounded away from zero.
    #[must_use]
    pub const fn millis(self) -> i128 {
        away_from_zero(self.nanos, NANOS / 1000)
    }

    /// The value in whole units, rounded away from zero.
    #[must_use]
    pub const fn units(self) -> i128 {
        away_from_zero(self.nanos, NANOS)
    }

    /// How it is written.
    #[must_use]
    pub const fn format(self) -> Format {
        self.format
    }

    /// The same value, written in another way.
    #[must_use]
    pub const fn with_format(self, format: Format) -> Self {
        Self { nanos: self.nanos, format }
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether it is below zero, which most fields refuse.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The sum, written as this one is; as the other if this one is zero. None if it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let format = if self.is_zero() { other.format } else { self.format };
        Some(Self { nanos: self.nanos.checked_add(other.nanos)?, format })
    }

    /// The difference, written as this one is; as the other if this one is zero. None if it is out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let format = if self.is_zero() { other.format } else { self.format };
        Some(Self { nanos: self.nanos.checked_sub(other.nanos)?, format })
    }

    /// So many times this. None if it is out of range.
    #[must_use]
    pub fn checked_mul(self, times: i64) -> Option<Self> {
        Some(Self { nanos: self.nanos.checked_mul(i128::from(times))?, format: self.format })
    }
}

/// The quotient, rounded away from zero.
const fn away_from_zero(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    if value % divisor == 0 { quotient } else { quotient + value.signum() }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// The canonical text.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&write::canonical(*self))
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
