//! Paths of files that go over a connection: they stay inside the work directory, on both sides.

/// A path that may not go over a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path `{0}` may lead out of the work directory: files that are transferred need relative paths without `..`"
)]
pub struct PathError(pub String);

/// The names of a path's folders and, last, of its file.
///
/// # Errors
/// If the path is absolute, names a folder (`a/`), or holds `..`. Links are not looked at: that is for those who open
/// the file.
pub fn names(path: &str) -> Result<Vec<&str>, PathError> {
    let refused = || PathError(path.to_owned());
    if path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(refused());
    }
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let ends_in_dot = path.rsplit('/').next().is_some_and(|last| last == ".");
    if names.is_empty() || ends_in_dot || names.contains(&"..") {
        return Err(refused());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_the_work_directory_pass() {
        assert_eq!(names("a").unwrap(), ["a"]);
        assert_eq!(names("./a//b..c/..d").unwrap(), ["a", "b..c", "..d"]);
        for bad in ["", ".", "..", "/a", "a/", "a/..", "../a", "a/../b", "a/.", "a\0b"] {
            assert!(names(bad).is_err(), "{bad:?}");
        }
    }
}
