//! Bars: what was promised, against what was measured.

use serde::Serialize;

/// On which side of the bound the measured figure must lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sense {
    /// Measured >= bound.
    AtLeast,
    /// Measured <= bound.
    AtMost,
}

/// What became of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The bound is kept.
    Met,
    /// It is not.
    Missed,
    /// A contestant was absent or failed.
    NotMeasured,
    /// The counts were divided: shown, but not judged.
    NotJudged,
}

/// One promise and its figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bar {
    /// What is compared.
    pub(crate) what: String,
    /// The figure; `None` when it could not be had.
    pub(crate) measured: Option<f64>,
    /// The promised bound.
    pub(crate) bound: f64,
    /// Which side of it is good.
    pub(crate) sense: Sense,
    /// Unit of both.
    pub(crate) unit: &'static str,
    /// The outcome.
    pub(crate) verdict: Verdict,
}

impl Bar {
    /// A figure that must reach the bound.
    pub(crate) fn at_least(
        what: impl Into<String>,
        measured: Option<f64>,
        bound: f64,
        unit: &'static str,
    ) -> Self {
        Self::judged(what.into(), measured, bound, Sense::AtLeast, unit)
    }

    /// A figure that must not exceed the bound.
    pub(crate) fn at_most(
        what: impl Into<String>,
        measured: Option<f64>,
        bound: f64,
        unit: &'static str,
    ) -> Self {
        Self::judged(what.into(), measured, bound, Sense::AtMost, unit)
    }

    fn judged(
        what: String,
        measured: Option<f64>,
        bound: f64,
        sense: Sense,
        unit: &'static str,
    ) -> Self {
        let verdict = match (measured, sense) {
            (None, _) => Verdict::NotMeasured,
            (Some(figure), Sense::AtLeast) if figure >= bound => Verdict::Met,
            (Some(figure), Sense::AtMost) if figure <= bound => Verdict::Met,
            (Some(_), _) => Verdict::Missed,
        };
        Self { what, measured, bound, sense, unit, verdict }
    }

    /// Withdraws the judgement, because the row was run with other counts.
    pub(crate) fn without_judgement(mut self) -> Self {
        if self.verdict != Verdict::NotMeasured {
            self.verdict = Verdict::NotJudged;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_itself_is_met_from_both_sides() {
        assert_eq!(Bar::at_least("rate", Some(0.9), 0.9, "x").verdict, Verdict::Met);
        assert_eq!(Bar::at_most("wall", Some(0.5), 0.5, "s").verdict, Verdict::Met);
        assert_eq!(Bar::at_most("wall", Some(0.51), 0.5, "s").verdict, Verdict::Missed);
        assert_eq!(Bar::at_most("wall", None, 0.5, "s").verdict, Verdict::NotMeasured);
    }
}
