//! Values that look mistaken.

/// Why a value looks mistaken, if it does.
pub(super) fn value(value: &str) -> Option<String> {
    if let Some(quote) = stray_quote(value) {
        return Some(format!("{value:?} has a stray quote ({quote})"));
    }
    let lower = value.trim().to_ascii_lowercase();
    let slip = ["true", "false", "yes", "no"].into_iter().find(|word| {
        let letters = lower.len() >= word.len() && lower.starts_with(&word[..1]);
        lower != *word
            && strsim::osa_distance(&lower, word) == 1
            && (word.len() > 3 || letters)
            && !lower.is_empty()
    });
    // `no` is near too many words: only `noo` is a slip for it.
    let slip = slip.filter(|word| *word != "no" || lower == "noo");
    slip.map(|word| format!("{value:?} looks like a slip for {word:?}"))
}

/// A quote without its partner.
fn stray_quote(value: &str) -> Option<char> {
    let odd = |quote| value.matches(quote).count() % 2 == 1;
    // One apostrophe between letters is an apostrophe.
    let apostrophe = value.split_once('\'').is_some_and(|(before, after)| {
        before.ends_with(char::is_alphabetic) && after.starts_with(char::is_alphabetic)
    });
    if odd('"') {
        Some('"')
    } else if odd('\'') && !apostrophe {
        Some('\'')
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn slips_of_the_finger_are_seen() {
        for slip in ["ture", "treu", "tru", "flase", "fals", "falsee", "yess", "yse", "noo", "Ture"]
        {
            assert!(value(slip).is_some(), "{slip}");
        }
        for fine in
            ["true", "FALSE", "yes", "no", "on", "off", "1", "", "node", "ldaps", "htpasswd", "new"]
        {
            assert_eq!(value(fine), None, "{fine}");
        }
    }

    #[test]
    fn a_quote_without_partner_is_seen() {
        assert!(value("\"ou=files").is_some());
        assert!(value("it'").is_some());
        assert_eq!(value("\"a\" b"), None);
        assert_eq!(value("don't"), None);
    }
}
