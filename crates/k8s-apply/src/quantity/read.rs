//! Quantities from texts.

use std::str::FromStr;

use super::{BINARY_LIMIT, Format, NANOS, Quantity, QuantityError};

/// More zeros than this after a number are out of range in any case.
const MOST_DIGITS: i64 = 60;

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if text.contains(char::is_whitespace) {
            return Err(QuantityError::Spaces(text.to_owned()));
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(QuantityError::NoNumber(text.to_owned()));
        }
        let scale = scale_of(suffix).ok_or_else(|| QuantityError::Suffix {
            text: text.to_owned(),
            suffix: suffix.to_owned(),
            instead: meant(suffix).map(|meant| format!("{}{meant}", text.trim_end_matches(suffix))),
        })?;
        let too_large = || QuantityError::TooLarge(text.to_owned());
        let nanos = match scale {
            Scale::Ten { exponent, .. } => decimal_nanos(whole, fraction, exponent),
            Scale::Two { exponent } => binary_nanos(whole, fraction, exponent),
        }
        .ok_or_else(too_large)?;
        let format = match scale {
            Scale::Ten { format, .. } => format,
            // Below one there is no binary text.
            Scale::Two { .. } if 0 < nanos && nanos < NANOS => Format::Decimal,
            Scale::Two { .. } => Format::Binary,
        };
        let nanos = if text.starts_with('-') { -nanos } else { nanos };
        Ok(Self { nanos, format })
    }
}

/// What a number is multiplied with.
#[derive(Clone, Copy)]
enum Scale {
    Ten { exponent: i64, format: Format },
    Two { exponent: u32 },
}

fn scale_of(suffix: &str) -> Option<Scale> {
    let decimal = |exponent| Some(Scale::Ten { exponent, format: Format::Decimal });
    let binary = |exponent| Some(Scale::Two { exponent });
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let digits = suffix.strip_prefix(['e', 'E'])?;
            let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
            if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // What is too long for a number is out of range in either direction.
            let far = if digits.starts_with('-') { -1_000_000 } else { 1_000_000 };
            let exponent = digits.parse::<i64>().unwrap_or(far).clamp(-1_000_000, 1_000_000);
            Some(Scale::Ten { exponent, format: Format::Exponent })
        }
    }
}

/// The suffix that was probably meant.
fn meant(suffix: &str) -> Option<&'static str> {
    let bytes = suffix.strip_suffix(['B', 'b']).unwrap_or(suffix);
    match bytes {
        "K" => Some("k"),
        "ki" | "KI" => Some("Ki"),
        "mi" | "MI" => Some("Mi"),
        "gi" | "GI" => Some("Gi"),
        "ti" | "TI" => Some("Ti"),
        "g" => Some("G"),
        "t" => Some("T"),
        "p" => Some("P"),
        _ if bytes != suffix => {
            ["", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
                .into_iter()
                .find(|known| *known == bytes)
        }
        _ => None,
    }
}

/// `whole.fraction · 10^exponent` in billionths, rounded up. None if it is too large.
fn decimal_nanos(whole: &str, fraction: &str, exponent: i64) -> Option<i128> {
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().all(|digit| digit == b'0') {
        return Some(0);
    }
    // How many of the digits stand before the point once the value is in billionths.
    let places = i64::try_from(whole.len()).ok()? + exponent + 9;
    let mut nanos = 0_i128;
    let mut rest = false;
    let mut seen = 0_i64;
    for digit in digits() {
        if seen < places {
            nanos = nanos.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        } else {
            rest |= digit != b'0';
        }
        seen += 1;
    }
    let missing = (places - seen).max(0);
    if missing > MOST_DIGITS {
        return None;
    }
    for _ in 0..missing {
        nanos = nanos.checked_mul(10)?;
    }
    nanos.checked_add(i128::from(rest))
}

/// `whole.fraction · 2^exponent` in billionths, rounded up, at most the limit of binary quantities.
fn binary_nanos(whole: &str, fraction: &str, exponent: u32) -> Option<i128> {
    let limit = BINARY_LIMIT * NANOS;
    let factor = 1_i128 << exponent;
    let whole = whole.trim_start_matches('0');
    if whole.len() > 19 {
        return Some(limit);
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let Some(whole) = whole.checked_mul(factor).filter(|value| *value <= BINARY_LIMIT) else {
        return Some(limit);
    };
    // The fraction times the factor, as on paper: from the last digit on, with a carry that ends as the whole part.
    let mut carry = 0;
    let mut rest = false;
    for digit in fraction.bytes().rev() {
        let value = i128::from(digit - b'0') * factor * NANOS + carry;
        carry = value / 10;
        rest |= value % 10 != 0;
    }
    Some((whole * NANOS + carry + i128::from(rest)).min(limit))
}
