//! The one line with which a Montage program says how it went.

/// An answer such as `[struct stat="OK", module="mImgtbl", count=3, badfits=1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    text: String,
}

impl Answer {
    /// Finds the answer in what a program printed; `None` when there is none. Error texts of
    /// Montage 6 may go on over a line break.
    ///
    /// ```
    /// use montage::Answer;
    /// let answer = Answer::find("[struct stat=\"OK\", count=3, badfits=1]\n").unwrap();
    /// assert!(answer.is_ok());
    /// assert_eq!(answer.count("badfits"), Some(1));
    /// ```
    #[must_use]
    pub fn find(printed: &str) -> Option<Self> {
        let start = printed.rfind("[struct stat=")?;
        let text = printed[start..].trim().trim_start_matches("[struct ");
        Some(Self { text: text.trim_end_matches(']').to_owned() })
    }

    /// Whether the program says that it succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.text.starts_with("stat=\"OK\"")
    }

    /// The error text or other message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once("msg=\"")?;
        Some(rest.split('"').next().unwrap_or(rest).trim())
    }

    /// A whole number of the answer, for example `badfits`.
    #[must_use]
    pub fn count(&self, key: &str) -> Option<u64> {
        let parts = self.text.split(", ");
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| *name == key)?.1.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_over_two_lines_is_read_whole() {
        let printed = "noise\n[struct stat=\"ERROR\", msg=\"Image file z.fits missing\n\"]\n";
        let answer = Answer::find(printed).unwrap();
        assert!(!answer.is_ok());
        assert_eq!(answer.message(), Some("Image file z.fits missing"));
        assert_eq!(answer.count("count"), None);
    }

    #[test]
    fn other_output_is_no_answer() {
        assert_eq!(Answer::find("command not found"), None);
    }
}
