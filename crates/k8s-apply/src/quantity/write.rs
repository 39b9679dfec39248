//! The canonical text of a quantity.

use super::{BINARY_LIMIT, Format, NANOS, Quantity};

/// As the API server writes it: no fraction, and the greatest suffix that keeps the value exactly.
pub(super) fn canonical(quantity: Quantity) -> String {
    let Quantity { nanos, format } = quantity;
    if nanos == 0 {
        return "0".to_owned();
    }
    // Small and broken amounts have no exact binary text, and those past the limit would be cut when read again.
    let is_binary = format == Format::Binary
        && (1024 * NANOS..=BINARY_LIMIT * NANOS).contains(&nanos.abs())
        && nanos % NANOS == 0;
    if is_binary { binary(nanos / NANOS) } else { decimal(nanos, format == Format::Exponent) }
}

fn binary(mut units: i128) -> String {
    let mut suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].into_iter();
    let mut suffix = suffixes.next().unwrap_or_default();
    while units % 1024 == 0 {
        let Some(greater) = suffixes.next() else { break };
        units /= 1024;
        suffix = greater;
    }
    format!("{units}{suffix}")
}

fn decimal(mut value: i128, with_exponent: bool) -> String {
    let mut exponent = -9;
    while value % 1000 == 0 && (with_exponent || exponent < 18) {
        value /= 1000;
        exponent += 3;
    }
    let suffix = match (exponent, with_exponent) {
        (0, _) => "",
        (_, true) => return format!("{value}e{exponent}"),
        (-9, _) => "n",
        (-6, _) => "u",
        (-3, _) => "m",
        (3, _) => "k",
        (6, _) => "M",
        (9, _) => "G",
        (12, _) => "T",
        (15, _) => "P",
        _ => "E",
    };
    format!("{value}{suffix}")
}
