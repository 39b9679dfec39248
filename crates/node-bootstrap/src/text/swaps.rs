//! `/proc/swaps` and `/proc/meminfo`.

use serde::Serialize;

use super::decode_octal;

/// One area of swap that is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Swap {
    /// Device or file.
    pub path: String,
    /// `partition` or `file`.
    pub kind: String,
    /// Size in KiB.
    pub size_kib: u64,
    /// Used, in KiB.
    pub used_kib: u64,
    /// Priority, higher first.
    pub priority: i32,
}

impl Swap {
    /// Whether it is compressed memory (zram), not a disk.
    #[must_use]
    pub fn is_zram(&self) -> bool {
        self.path.starts_with("/dev/zram")
    }
}

/// Reads `/proc/swaps`.
#[must_use]
pub fn parse_swaps(text: &str) -> Vec<Swap> {
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        Some(Swap {
            path: decode_octal(fields.next()?),
            kind: fields.next()?.to_owned(),
            size_kib: fields.next()?.parse().ok()?,
            used_kib: fields.next()?.parse().ok()?,
            priority: fields.next()?.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(parse).collect()
}

/// What `/proc/meminfo` says, in KiB; 0 where a line is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// `MemTotal`.
    pub total_kib: u64,
    /// `MemAvailable`: what can be taken without swapping.
    pub available_kib: u64,
    /// `SwapTotal`.
    pub swap_total_kib: u64,
    /// `SwapFree`.
    pub swap_free_kib: u64,
}

impl Memory {
    /// Reads `/proc/meminfo`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut memory = Self::default();
        for line in text.lines() {
            let Some((key, rest)) = line.split_once(':') else { continue };
            let Some(Ok(kib)) = rest.split_whitespace().next().map(str::parse) else { continue };
            match key {
                "MemTotal" => memory.total_kib = kib,
                "MemAvailable" => memory.available_kib = kib,
                "SwapTotal" => memory.swap_total_kib = kib,
                "SwapFree" => memory.swap_free_kib = kib,
                _ => {}
            }
        }
        memory
    }

    /// Whether the pages that are swapped out fit into memory, with a tenth of it left over.
    #[must_use]
    pub fn takes_swapped_pages(&self) -> bool {
        let swapped = self.swap_total_kib.saturating_sub(self.swap_free_kib);
        swapped.saturating_add(if swapped > 0 { self.total_kib / 10 } else { 0 })
            <= self.available_kib
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_swap_are_read_with_their_escapes() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /dev/zram0                              partition\t4009980\t\t12\t\t100\n\
                    /var/my\\040swap\\040(deleted)            file\t\t2097148\t\t0\t\t-2\n";
        let swaps = parse_swaps(text);
        assert_eq!(swaps.len(), 2);
        assert!(swaps[0].is_zram() && !swaps[1].is_zram());
        assert_eq!((swaps[0].used_kib, swaps[0].priority), (12, 100));
        assert_eq!(swaps[1].path, "/var/my swap (deleted)");
        assert_eq!(swaps[1].priority, -2);
        assert_eq!(parse_swaps("Filename Type Size Used Priority\n"), []);
        assert_eq!(parse_swaps(""), []);
    }

    #[test]
    fn swap_is_taken_back_only_if_memory_has_room() {
        let with = |available: u64, used: u64| {
            Memory::parse(&format!(
                "MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable: {available} kB\nSwapTotal: 800 kB\nSwapFree: {} kB\nHugePages_Total: 0\n",
                800 - used
            ))
        };
        assert_eq!(
            with(10, 3),
            Memory { total_kib: 1000, available_kib: 10, swap_total_kib: 800, swap_free_kib: 797 }
        );
        assert!(with(10, 0).takes_swapped_pages());
        assert!(with(500, 400).takes_swapped_pages());
        assert!(!with(450, 400).takes_swapped_pages());
    }
}
