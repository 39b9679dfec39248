//! Lists and blanks as C has them.

/// What `isspace` means in the C locale: ASCII blanks, the vertical tab included.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// The fields of a value that has separators, without blanks around them, as envgen takes values apart.
///
/// A value of blanks only has no field; otherwise there is one more field than there are separators.
///
/// ```
/// use envxml::compat::arguments::fields;
///
/// assert_eq!(fields("esp, @method,", ','), ["esp", "@method", ""]);
/// assert!(fields(" ", ',').is_empty());
/// ```
#[must_use]
pub fn fields(value: &str, separator: char) -> Vec<String> {
    if value.chars().all(is_blank) {
        return Vec::new();
    }
    value.split(separator).map(|field| field.trim_matches(is_blank).to_owned()).collect()
}
