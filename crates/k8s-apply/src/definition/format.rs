//! Formats of texts, those that are common. A server knows some more, and ignores those that it does not know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A format.
pub(super) struct Format {
    /// What it is for people.
    pub(super) name: &'static str,
    /// A text of this format.
    pub(super) example: &'static str,
    /// Whether a text is of this format.
    pub(super) fits: fn(&str) -> bool,
}

/// The format of a name, if it is one of those that are checked.
pub(super) fn format(name: &str) -> Option<Format> {
    let (name, example, fits): (_, _, fn(&str) -> bool) = match name {
        "date-time" | "datetime" => ("date with time", "2006-01-02T15:04:05Z", is_date_time),
        "date" => ("date", "2006-01-02", is_date),
        "ipv4" => ("IPv4 address", "192.0.2.1", |text| text.parse::<Ipv4Addr>().is_ok()),
        "ipv6" => ("IPv6 address", "2001:db8::1", |text| text.parse::<Ipv6Addr>().is_ok()),
        "cidr" => ("network", "192.0.2.0/24", is_network),
        "uuid" => ("UUID", "123e4567-e89b-12d3-a456-426614174000", is_uuid),
        "byte" => ("base64", "aGVsbG8=", |text| BASE64_STANDARD.decode(text).is_ok()),
        _ => return None,
    };
    Some(Format { name, example, fits })
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

/// `full-date` of RFC 3339.
fn is_date(text: &str) -> bool {
    let read = || {
        let mut parts = text.splitn(3, '-');
        let year = digits(parts.next()?, 4)?;
        let month = digits(parts.next()?, 2)?;
        let day = digits(parts.next()?, 2)?;
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(())
    };
    read().is_some()
}

/// `date-time` of RFC 3339.
fn is_date_time(text: &str) -> bool {
    text.split_once(['T', 't']).is_some_and(|(date, time)| is_date(date) && is_time(time))
}

fn is_time(text: &str) -> bool {
    let read = || {
        let (clock, zone) = text.split_at_checked(8)?;
        let mut parts = clock.splitn(3, ':');
        let hour = digits(parts.next()?, 2)?;
        let minute = digits(parts.next()?, 2)?;
        let second = digits(parts.next()?, 2)?;
        (hour < 24 && minute < 60 && second <= 60).then_some(())?;
        let zone = match zone.strip_prefix('.') {
            Some(rest) => {
                let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                (zone.len() < rest.len()).then_some(zone)?
            }
            None => zone,
        };
        is_zone(zone).then_some(())
    };
    read().is_some()
}

fn is_zone(text: &str) -> bool {
    let offset = || {
        let (hour, minute) = text.strip_prefix(['+', '-'])?.split_once(':')?;
        (digits(hour, 2)? < 24 && digits(minute, 2)? < 60).then_some(())
    };
    text.eq_ignore_ascii_case("z") || offset().is_some()
}

fn is_network(text: &str) -> bool {
    let read = || {
        let (address, bits) = text.split_once('/')?;
        let most = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
        (digits(bits, bits.len())? <= most).then_some(())
    };
    read().is_some()
}

fn is_uuid(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.chars().all(plain) && text.bytes().filter(u8::is_ascii_hexdigit).count() == 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_those_of_another_form() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "date-time",
                &["2020-02-29T23:59:60Z", "2020-01-01t00:00:00.5+01:00", "2020-01-01T00:00:00z"],
                &[
                    "",
                    "2020-01-01",
                    "2020-01-01 00:00:00Z",
                    "2020-02-30T00:00:00Z",
                    "2020-01-01T24:00:00Z",
                    "2020-01-01T00:00:00",
                    "2020-01-01T00:00:00.Z",
                    "2020-01-01T00:00:00+1:00",
                    "2020-01-01T00:00:0é",
                ],
            ),
            ("date", &["2000-02-29"], &["1900-02-29", "2020-13-01", "2020-1-1", "2020-01-00"]),
            ("ipv4", &["192.0.2.1"], &["192.0.2", "::1"]),
            ("ipv6", &["::1"], &["1.2.3.4", "g::"]),
            ("cidr", &["10.0.0.0/8", "::/0"], &["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "/8"]),
            ("uuid", &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567", "", "é"]),
            ("byte", &["", "aGk="], &["???"]),
        ];
        for (name, good, bad) in table {
            let format = format(name).unwrap();
            assert!((format.fits)(format.example), "{name}: {}", format.example);
            for text in *good {
                assert!((format.fits)(text), "{name}: {text}");
            }
            for text in *bad {
                assert!(!(format.fits)(text), "{name}: {text}");
            }
        }
        assert!(format("nonsense").is_none());
    }
}
