//! Puts this program where the containers of a pod find it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Copies the program at `program` (of the running one: `/proc/self/exe`) to `dir`/wf-worker, for all to run. The
/// directory is made. The file is there whole or not at all. Returns where it is.
///
/// # Errors
/// If it cannot be read or written.
pub fn install(program: &Path, dir: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let target = dir.join("wf-worker");
    let temporary = dir.join(format!(".wf-worker.{}", std::process::id()));
    // Left by a container with the same process id.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let copy = || -> io::Result<()> {
        let mut from = File::open(program)?;
        let mut to = File::options().write(true).create_new(true).mode(0o755).open(&temporary)?;
        io::copy(&mut from, &mut to)?;
        // Whatever the umask says.
        to.set_permissions(fs::Permissions::from_mode(0o755))?;
        drop(to);
        fs::rename(&temporary, &target)
    };
    copy().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_copied_and_may_be_run_by_all() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::write(&from, "program").unwrap();
        let to = dir.path().join("a/b");
        for _ in 0..2 {
            let at = install(&from, &to).unwrap();
            assert_eq!(at, to.join("wf-worker"));
            assert_eq!(fs::read(&at).unwrap(), b"program");
            assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o7777, 0o755);
        }
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
        assert!(install(&dir.path().join("none"), &to).is_err());
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    }
}
