//! `render --legacy`: the files that OpenPAI would have put on each host.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ::cli::{Exit, counted, invalid, note};
use anyhow::{Context, Result};
use openpai::legacy;

use crate::intake;

pub(crate) fn render(input: &Path, output: &Path) -> Result<Exit> {
    let Some(cluster) = intake::cluster(input)? else { return Ok(Exit::Invalid) };
    let rendered = legacy::render(&cluster)?;
    // Files of another time would be taken for some of these.
    match std::fs::read_dir(output).map(Iterator::count) {
        Ok(1..) => {
            let output = output.display();
            return Err(invalid(format!(
                "{output} is not empty: give an empty folder, or one that is not there yet"
            )));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(invalid(format!(
                "failed to read the folder {}: {error}",
                output.display()
            )));
        }
        _ => {}
    }
    let mut count = 0;
    for host in &rendered.hosts {
        for file in &host.files {
            let inside = file.path.trim_start_matches('/');
            write(&output.join("hosts").join(&host.host).join(inside), &file.text)?;
            count += 1;
        }
    }
    for file in &rendered.addons {
        write(&output.join("cluster").join(&file.path), &file.text)?;
        count += 1;
    }
    let hosts = counted(rendered.hosts.len(), "host");
    note(&format!("{} for {hosts} in {}", counted(count, "file"), output.display()));
    Ok(Exit::Ok)
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    let failed = || format!("failed to write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    std::fs::write(path, text).with_context(failed)?;
    if path.extension().is_some_and(|extension| extension == "sh") {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .with_context(failed)?;
    }
    Ok(())
}
