//! The time of a host, as its kernel tells it.

/// Seconds since 1970, from `/proc/stat` and `/proc/uptime`; `None` where they do not tell.
#[must_use]
pub fn now(stat: &str, uptime: &str) -> Option<i64> {
    let booted: i64 =
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let up: i64 = uptime.split('.').next()?.parse().ok()?;
    Some(booted + up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_and_the_time_since_make_the_time() {
        assert_eq!(now("cpu 1 2\nbtime 1000\nprocesses 5\n", "23.45 100.0\n"), Some(1023));
        assert_eq!(now("cpu 1 2\n", "23.45 100.0\n"), None);
        assert_eq!(now("btime 1000\n", ""), None);
    }
}
