//! What was probably meant.

/// The word that is most like another one, whatever their case, when one is like it: at most one letter in four, and one
/// more, is changed, added, left out or swapped with its neighbour.
///
/// ```
/// let known = ["slaves", "slavesPerNode", "master"];
/// assert_eq!(diagnostics::nearest("slavePerNode", known), Some("slavesPerNode"));
/// assert_eq!(diagnostics::nearest("roxie", known), None);
/// ```
pub fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    let limit = 1 + word.chars().count() / 4;
    words
        .into_iter()
        .map(|other| (strsim::osa_distance(&word, &other.to_lowercase()), other))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}
