//! The order in which jlib's hash tables give their keys. `envgen` writes new directory categories in it.

/// Keys in the order of a `MapStringTo` that they were put into one after the other
/// (system/jlib: `HashTable::hash`, `SuperHashTable`).
pub(super) fn order<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let keys: Vec<&str> = keys.collect();
    // Tables start with 16 places and grow when three quarters are taken.
    let mut size = 16;
    while keys.len() > size * 3 / 4 {
        size *= 2;
    }
    let mut table: Vec<Option<&str>> = vec![None; size];
    for key in keys {
        let mut place = hash(key) as usize & (size - 1);
        while table[place].is_some_and(|other| other != key) {
            place = (place + 1) % size;
        }
        table[place] = Some(key);
    }
    table.into_iter().flatten().collect()
}

/// FNV-1 with one more multiplication.
fn hash(key: &str) -> u32 {
    let prime = 0x0100_0193_u32;
    let hash =
        key.bytes().fold(0x811C_9DC5_u32, |hash, byte| hash.wrapping_mul(prime) ^ u32::from(byte));
    hash.wrapping_mul(prime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_envgen() {
        // Seen with envgen 7.2.20.
        assert_eq!(order(["aa", "bb", "cc", "zeta"].into_iter()), ["aa", "cc", "zeta", "bb"]);
        // The topology of every environment that it writes.
        let topology = ["thor", "hthor", "roxie", "thor_roxie"].into_iter();
        assert_eq!(order(topology), ["hthor", "thor", "roxie", "thor_roxie"]);
    }
}
