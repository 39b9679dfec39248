//! Numbers and texts.

use std::cmp::Ordering;

use diagnostics::{DataPath, Problem};
use serde_json::Number;

use super::describe::{are, quoted};
use super::format::format;
use super::schema::Schema;
use super::value::Checker;

impl Checker {
    pub(super) fn number(&mut self, schema: Schema<'_>, number: &Number, path: &DataPath) {
        if let Some(least) = schema.number("minimum") {
            let exclusive = schema.flag("exclusiveMinimum");
            let order = compare(number, least);
            if order == Some(Ordering::Less) || (exclusive && order == Some(Ordering::Equal)) {
                let word = if exclusive { "more than" } else { "at least" };
                let help = format!("{word} {least} is expected");
                self.add("range", format!("{number} is too small"), help, path);
            }
        }
        if let Some(most) = schema.number("maximum") {
            let exclusive = schema.flag("exclusiveMaximum");
            let order = compare(number, most);
            if order == Some(Ordering::Greater) || (exclusive && order == Some(Ordering::Equal)) {
                let word = if exclusive { "less than" } else { "at most" };
                let help = format!("{word} {most} is expected");
                self.add("range", format!("{number} is too large"), help, path);
            }
        }
        if let Some(unit) = schema.number("multipleOf")
            && !is_multiple(number, unit)
        {
            self.add("range", format!("{number} is no multiple of {unit}"), None, path);
        }
        // A server takes any number here; what reads it does not.
        if schema.text("format") == Some("int32")
            && number.as_i64().is_none_or(|whole| i32::try_from(whole).is_err())
            && number.as_f64().is_some_and(|float| float.abs() >= 2_147_483_648.0)
        {
            let message = format!("{number} does not fit into 32 bits, as its format says");
            self.problems.push(Problem::warning("format", message).at(path.clone()));
        }
    }

    pub(super) fn text(&mut self, schema: Schema<'_>, text: &str, path: &DataPath) {
        let length = text.chars().count();
        let has = || format!("the text has {}", characters(length));
        if let Some(least) = schema.count("minLength").filter(|least| length < *least) {
            let help = format!("at least {} expected", are(least));
            self.add("length", has(), help, path);
        }
        if let Some(most) = schema.count("maxLength").filter(|most| length > *most) {
            let help = format!("at most {} expected", are(most));
            self.add("length", has(), help, path);
        }
        if let Some(pattern) = schema.text("pattern")
            && !self.patterns.may_match(pattern, text)
        {
            let help = format!("{} is expected", quoted(pattern));
            self.add("pattern", "the text does not match its pattern", help, path);
        }
        if let Some(format) = schema.text("format").and_then(format)
            && !(format.fits)(text)
        {
            let help = format!("write it like {}", quoted(format.example));
            self.add("format", format!("the text is no {}", format.name), help, path);
        }
    }
}

fn characters(count: usize) -> String {
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

/// Exact for whole numbers.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Whether a number is a multiple of another one, but for how floats are rounded.
fn is_multiple(number: &Number, unit: &Number) -> bool {
    match (number.as_i128(), unit.as_i128()) {
        (_, Some(0)) => true,
        (Some(number), Some(unit)) => number % unit == 0,
        _ => {
            let (Some(number), Some(unit)) = (number.as_f64(), unit.as_f64()) else { return true };
            let times = number / unit;
            !times.is_finite() || (times - times.round()).abs() <= 1e-9 * times.abs().max(1.0)
        }
    }
}
