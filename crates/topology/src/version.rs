//! Versions of the HPCC platform.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A version of the HPCC platform: `10`, `7.2`, `7.2.20-1`, `6.0.2-1trusty`.
///
/// Versions are ordered by their numbers; a number that is missing counts as 0. What follows the numbers (the
/// build and the distribution) is kept as it is written, and only breaks ties, as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HpccVersion {
    major: u16,
    minor: Option<u16>,
    point: Option<u16>,
    /// With the `-` before it, as in `-1trusty`.
    build: Box<str>,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no version of HPCC: something like 10, 7.2 or 7.2.20-1 is expected")]
pub struct VersionError(pub String);

impl HpccVersion {
    /// The first number.
    #[must_use]
    pub fn major(&self) -> u16 {
        self.major
    }

    /// The second number, 0 where it is not given.
    #[must_use]
    pub fn minor(&self) -> u16 {
        self.minor.unwrap_or(0)
    }

    /// The third number, 0 where it is not given.
    #[must_use]
    pub fn point(&self) -> u16 {
        self.point.unwrap_or(0)
    }

    /// Whether this is at least `major.minor.point`.
    #[must_use]
    pub fn is_at_least(&self, major: u16, minor: u16, point: u16) -> bool {
        (self.major, self.minor(), self.point()) >= (major, minor, point)
    }
}

impl FromStr for HpccVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let fault = || VersionError(text.to_owned());
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (numbers, build) = match bare.find('-') {
            Some(at) => bare.split_at(at),
            None => (bare, ""),
        };
        let build_fits =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+');
        if build == "-" || !build.chars().all(build_fits) {
            return Err(fault());
        }
        let mut parts = [None; 3];
        for (at, number) in numbers.split('.').enumerate() {
            let digits = number.chars().all(|c| c.is_ascii_digit());
            let part = parts.get_mut(at).filter(|_| digits).ok_or_else(fault)?;
            *part = Some(number.parse().map_err(|_| fault())?);
        }
        let [major, minor, point] = parts;
        Ok(Self { major: major.ok_or_else(fault)?, minor, point, build: build.into() })
    }
}

impl Ord for HpccVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor(), v.point());
        // The last two comparisons only make `cmp` agree with `==`.
        (numbers(self), &self.build, self.minor, self.point).cmp(&(
            numbers(other),
            &other.build,
            other.minor,
            other.point,
        ))
    }
}

impl PartialOrd for HpccVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for HpccVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        for number in [self.minor, self.point].into_iter().flatten() {
            write!(f, ".{number}")?;
        }
        f.write_str(&self.build)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_published_images_are_read() {
        for text in ["10", "7.2", "7.2.20-1", "6.0.2-1trusty", "10.4.2-rc1", "9.0.0-beta.2"] {
            assert_eq!(text.parse::<HpccVersion>().unwrap().to_string(), text);
        }
        for text in ["", "latest", "7.", "7.2.20.1", "7.2-", "70000", "7.x", "7-admin "] {
            assert!(text.parse::<HpccVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let version = |text: &str| text.parse::<HpccVersion>().unwrap();
        assert!(version("7.2.20-1") < version("7.10"));
        assert!(version("7.2") < version("10"));
        assert!(version("7.2.20-1").is_at_least(7, 2, 0));
        assert!(!version("7.2").is_at_least(7, 4, 4));
    }
}
