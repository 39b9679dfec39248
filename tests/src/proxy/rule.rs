//! Which calls a fault is for.

use regex::Regex;

use super::{Call, Fault};

/// A fault and the calls that it is for: all of them, unless more is said.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) fault: Fault,
    methods: Vec<String>,
    paths: Vec<Regex>,
    with_query: Vec<(String, Option<String>)>,
    without_query: Vec<String>,
    user_agent: Option<String>,
    only: Option<fn(&Call) -> bool>,
    first: usize,
    times: Option<usize>,
    /// How many calls it fitted so far.
    fitted: usize,
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

impl Rule {
    /// A fault for all calls. Those of watches are for watches only.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            methods: Vec::new(),
            paths: Vec::new(),
            with_query: Vec::new(),
            without_query: Vec::new(),
            user_agent: None,
            only: None,
            first: 1,
            times: None,
            fitted: 0,
        }
    }

    /// Only calls with this method. Said again: or that one.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.methods.push(method.to_ascii_uppercase());
        self
    }

    /// Only calls with this in their path. Said again: and that as well.
    #[must_use]
    pub fn path(self, part: &str) -> Self {
        self.path_regex(&regex::escape(part))
    }

    /// Only calls whose path fits this regular expression somewhere; `^` and `$` are its ends.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[expect(clippy::expect_used, reason = "it is written in a test")]
    pub fn path_regex(mut self, regex: &str) -> Self {
        self.paths.push(Regex::new(regex).expect("a regular expression"));
        self
    }

    /// Only calls with this parameter, whatever its value.
    #[must_use]
    pub fn with_query(mut self, name: &str) -> Self {
        self.with_query.push((name.to_owned(), None));
        self
    }

    /// Only calls with this parameter and value.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.with_query.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Only calls without this parameter.
    #[must_use]
    pub fn without_query(mut self, name: &str) -> Self {
        self.without_query.push(name.to_owned());
        self
    }

    /// Only calls with this in the name of the program.
    #[must_use]
    pub fn user_agent(mut self, part: &str) -> Self {
        self.user_agent = Some(part.to_owned());
        self
    }

    /// Only calls that change something, see [`Call::is_write`].
    #[must_use]
    pub fn writes(mut self) -> Self {
        self.only = Some(Call::is_write);
        self
    }

    /// Only changes that are tried.
    #[must_use]
    pub fn dry_runs(mut self) -> Self {
        self.only = Some(|call| call.is_dry_run);
        self
    }

    /// Only watches.
    #[must_use]
    pub fn watches(self) -> Self {
        self.method("GET").with_query("watch")
    }

    /// Only from the nth call on that fits; the first is 1. Counted from when the rule was added.
    #[must_use]
    pub fn from(mut self, nth: usize) -> Self {
        self.first = nth;
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Only the nth call that fits; the first is 1.
    #[must_use]
    pub fn nth(self, nth: usize) -> Self {
        self.from(nth).times(1)
    }

    /// Counts a call if it fits. Whether the fault is due for it.
    pub(super) fn is_due(&mut self, call: &Call) -> bool {
        if !self.fits(call) {
            return false;
        }
        self.fitted += 1;
        self.fitted >= self.first
            && self.times.is_none_or(|times| self.fitted - self.first.max(1) < times)
    }

    fn fits(&self, call: &Call) -> bool {
        (self.methods.is_empty() || self.methods.contains(&call.method))
            && self.paths.iter().all(|path| path.is_match(&call.path))
            && self.with_query.iter().all(|(name, wanted)| {
                call.parameter(name)
                    .is_some_and(|value| wanted.as_ref().is_none_or(|w| *w == value))
            })
            && !self.without_query.iter().any(|name| call.parameter(name).is_some())
            && self.user_agent.as_ref().is_none_or(|part| call.user_agent.contains(part))
            && self.only.is_none_or(|only| only(call))
            && (!self.fault.is_of_watches() || call.is_watch())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, path: &str, query: &str) -> Call {
        Call::new(method, path, query, b"")
    }

    fn cut() -> Rule {
        Rule::new(Fault::cut())
    }

    #[test]
    fn a_rule_fits_by_method_path_and_parameters() {
        let path = "/api/v1/namespaces/a/configmaps";
        let write = call("POST", path, "fieldManager=x");
        let dry = call("POST", path, "dryRun=All&fieldManager=x");
        let watch = call("GET", path, "watch=true&labelSelector=a%3Db");
        let cases = [
            (cut(), [true, true, true]),
            (cut().writes(), [true, false, false]),
            (cut().dry_runs(), [false, true, false]),
            (cut().method("post"), [true, true, false]),
            (cut().method("PUT").method("GET"), [false, false, true]),
            (cut().with_query("dryRun"), [false, true, false]),
            (cut().method("POST").without_query("dryRun"), [true, false, false]),
            (cut().query("labelSelector", "a=b"), [false, false, true]),
            (cut().watches(), [false, false, true]),
            (cut().path("/configmaps").path("/a/"), [true, true, true]),
            (cut().path("/b/"), [false, false, false]),
            (cut().path_regex("^/api/v[0-9]/.*maps$"), [true, true, true]),
            (Rule::new(Fault::watch_cut(0)), [false, false, true]),
        ];
        for (rule, expected) in cases {
            assert_eq!([&write, &dry, &watch].map(|call| rule.fits(call)), expected, "{rule:?}");
        }
    }

    #[test]
    fn a_rule_counts_the_calls_that_fit() {
        let due = |mut rule: Rule| -> Vec<bool> {
            (0..4).map(|_| rule.is_due(&call("GET", "/", ""))).collect()
        };
        assert_eq!(due(cut()), [true, true, true, true]);
        assert_eq!(due(cut().times(2)), [true, true, false, false]);
        assert_eq!(due(cut().nth(3)), [false, false, true, false]);
        assert_eq!(due(cut().from(2)), [false, true, true, true]);
        assert_eq!(due(cut().from(2).times(2)), [false, true, true, false]);
    }
}
