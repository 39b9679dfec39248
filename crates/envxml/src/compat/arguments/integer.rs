//! Integers as C's `strtol` reads them, in the range of an `int`.

use super::ArgumentError;
use super::list::is_blank;

/// Base 10; blanks and one sign may come first, nothing may come after.
pub(super) fn parse(option: &'static str, value: &str) -> Result<i32, ArgumentError> {
    let unsigned = value.trim_start_matches(is_blank);
    let (negative, unsigned) = match unsigned.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, unsigned.strip_prefix('+').unwrap_or(unsigned)),
    };
    let rest = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &unsigned[..unsigned.len() - rest.len()];
    let owned = || value.to_owned();
    if digits.is_empty() {
        return Err(ArgumentError::NotAnInteger { option, value: owned() });
    }
    if !rest.is_empty() {
        return Err(ArgumentError::NotOnlyDigits { option, value: owned() });
    }
    // What has too many digits is as far out of range as the last number that has not.
    let size = digits.parse::<i64>().unwrap_or(i64::MAX);
    i32::try_from(if negative { -size } else { size })
        .map_err(|_| ArgumentError::OutOfRange { option, value: owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_what_strtol_takes() {
        let good = [
            ("0", 0),
            ("007", 7),
            ("+3", 3),
            ("-1", -1),
            (" \t\n\u{b}4", 4),
            ("2147483647", i32::MAX),
            ("-2147483648", i32::MIN),
            ("00000000000000000000001", 1),
        ];
        for (value, number) in good {
            assert_eq!(parse("-thornodes", value).unwrap(), number, "{value}");
        }
    }

    #[test]
    fn what_strtol_does_not_take_has_its_own_message_for_each_reason() {
        let nothing = ["", " ", "-", "+-1", "- 1", "one", "\u{a0}1", "\u{661}"];
        for value in nothing {
            let error = parse("-thornodes", value).unwrap_err().to_string();
            assert_eq!(error, format!("non-integer parameter '{value}' specified."));
        }
        for value in ["1x", "0x10", "1 ", "1.0", "99999999999x"] {
            let error = parse("-thornodes", value).unwrap_err().to_string();
            let expected =
                format!("non-integer characters found in '{value}' when expecting integer input.");
            assert_eq!(error, expected);
        }
        for value in ["2147483648", "-2147483649", "-99999999999999999999999"] {
            let error = parse("-thornodes", value).unwrap_err().to_string();
            assert_eq!(error, format!("integer '{value}' is out of range."));
        }
    }
}
