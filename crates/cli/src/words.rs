//! Numbers as people say them.

/// Seconds as people say them: `0.42 s`, `12.3 s`, `4 m 05 s`, `2 h 03 m`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    #[expect(clippy::cast_sign_loss, reason = "clamped to what is not negative")]
    let whole = seconds.max(0.0) as u64;
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} m", whole / 3600, whole / 60 % 60),
    }
}

/// A number with its noun: `1 edge`, `2 edges`, `3 processes`.
#[must_use]
pub fn counted(number: usize, noun: &str) -> String {
    let plural = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{number} {noun}{plural}")
}

/// Bytes as people say them: `512 B`, `1.5 KiB`, `8.0 GiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_numbers() {
        assert_eq!(counted(1, "process"), "1 process");
        assert_eq!(counted(0, "edge") + &counted(2, "process"), "0 edges2 processes");
    }

    #[test]
    fn times_are_as_short_as_they_may_be() {
        let shown = [0.4211, 12.34, 245.0, 7380.0].map(seconds);
        assert_eq!(shown, ["0.42 s", "12.3 s", "4 m 05 s", "2 h 03 m"]);
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!([512, 1536, 8 << 30].map(bytes), ["512 B", "1.5 KiB", "8.0 GiB"]);
    }
}
