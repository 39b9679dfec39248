//! `wf-run gen`: writes workflows, and the files that their tasks need.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cli::{Exit, invalid, note};
use files::Backup;
use montage::{
    Answer, Band, ImageTable, Mosaic, Region, Shrink, Sky, SkyOptions, TextFile, Workflow,
};

use crate::cli::{GenCommand, MontageArgs, SkyArgs};

pub(super) fn generate(command: &GenCommand) -> Result<Exit> {
    match command {
        GenCommand::Montage(args) => mosaic(args),
        GenCommand::Sky(args) => sky(args),
    }
}

/// `1`, `3`, or names separated by commas.
fn band_names(text: &str) -> Result<Vec<String>> {
    match text {
        "1" => Ok(vec!["gray".to_owned()]),
        "3" => Ok(["red", "green", "blue"].map(str::to_owned).to_vec()),
        names if !names.is_empty() && !names.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(names.split(',').map(str::to_owned).collect())
        }
        _ => Err(invalid(format!("--bands {text}: expected 1, 3, or names such as j,h,k"))),
    }
}

/// `8x6` or `8`.
fn grid(text: &str) -> Result<(u32, u32)> {
    let (columns, rows) = text.split_once('x').unwrap_or((text, text));
    match (columns.parse(), rows.parse()) {
        (Ok(columns), Ok(rows)) => Ok((columns, rows)),
        _ => Err(invalid(format!("--grid {text}: expected columns x rows such as 8x6"))),
    }
}

/// The folder of the workflow to be written: the work directory of its tasks.
fn work_directory(out: &Path) -> Result<PathBuf> {
    let parent = match out.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(invalid(format!("{} is not a file name", out.display()))),
    };
    fs::create_dir_all(parent).with_context(|| format!("failed to make {}", parent.display()))?;
    parent.canonicalize().with_context(|| format!("failed to read {}", parent.display()))
}

/// Writes a file of the plan. What stood there and was different stays as `NAME.bak`.
fn write_file(path: &Path, content: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    files::replace(path, content.as_bytes(), Backup::Bak)?;
    Ok(())
}

fn write_plan(
    directory: &Path,
    out: &Path,
    workflow: &Workflow,
    files: &[TextFile],
) -> Result<Exit> {
    for name in workflow.directories() {
        let path = directory.join(name);
        fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    }
    for file in files {
        write_file(&directory.join(&file.name), &file.content)?;
    }
    // The workflow comes last: where it is, everything that it needs is.
    write_file(
        &directory.join(out.file_name().unwrap_or_default()),
        &serde_json::to_string(workflow)?,
    )?;
    let types: BTreeMap<_, _> = workflow.tasks_by_type().into_iter().collect();
    let types: Vec<String> = types.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "{}: {} tasks ({})",
        out.display(),
        workflow.processes.len(),
        types.join(", ")
    )?;
    Ok(Exit::Ok)
}

fn sky(args: &SkyArgs) -> Result<Exit> {
    let (columns, rows) = grid(&args.grid)?;
    let options = SkyOptions {
        columns,
        rows,
        pixels: args.pixels,
        overlap: args.overlap,
        bands: band_names(&args.bands)?,
        seed: args.seed,
        ..SkyOptions::default()
    };
    let sky = Sky::new(&options).map_err(|error| invalid(error.to_string()))?;
    write_plan(&work_directory(&args.out)?, &args.out, &sky.workflow, &sky.files)
}

fn mosaic(args: &MontageArgs) -> Result<Exit> {
    let names = band_names(&args.bands)?;
    let directory = work_directory(&args.out)?;
    let images = args.images.canonicalize().map_err(|error| {
        invalid(format!("cannot read images {}: {error}", args.images.display()))
    })?;
    if directory.starts_with(&images) {
        return Err(invalid(format!(
            "{} lies within the images: the mosaic's own files would count as images; give another -o",
            directory.display()
        )));
    }
    // Relative where it can be, so that the work directory may be moved.
    let image_directory = images.strip_prefix(&directory).unwrap_or(&images);
    let image_directory = image_directory
        .to_str()
        .ok_or_else(|| invalid(format!("{} is not UTF-8", image_directory.display())))?
        .to_owned();
    let text = image_table(&directory, &image_directory)?;
    let bad = |error: &dyn std::fmt::Display| invalid(error.to_string());
    let table = ImageTable::parse("images.tbl", &text).map_err(|error| bad(&error))?;
    let region = match &args.region {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| invalid(format!("cannot read {}: {error}", path.display())))?;
            Region::parse(&path.display().to_string(), &text)
        }
        None => Region::covering(&table, args.pixel_arcsec.map(|arcsec| arcsec / 3600.0)),
    };
    let bands = match names.as_slice() {
        [only] => vec![Band::new(only, table)],
        several => several.iter().map(|name| Band::new(name, table.below(name))).collect(),
    };
    let mosaic = Mosaic {
        name: "montage".to_owned(),
        image_directory,
        region: region.map_err(|error| bad(&error))?,
        bands,
        shrink: Shrink::ToFit,
    };
    let plan = mosaic.plan().map_err(|error| bad(&error))?;
    write_plan(&directory, &args.out, &plan.workflow, &plan.files)
}

/// Has mImgtbl look at all images. It ends with code 0 even where it left some out, so its answer counts.
fn image_table(directory: &Path, images: &str) -> Result<String> {
    let scratch = tempfile::Builder::new()
        .suffix(".tbl")
        .tempfile()
        .context("failed to make a temporary file")?;
    let output = Command::new("mImgtbl")
        .args(["-C", "-c", "-r", images])
        .arg(scratch.path())
        .current_dir(directory)
        .output()
        .map_err(|error| {
            invalid(format!("cannot run mImgtbl ({error}): install the Debian package `montage`"))
        })?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let answer = Answer::find(&printed)
        .ok_or_else(|| invalid(format!("mImgtbl gave no answer but: {}", printed.trim())))?;
    if !answer.is_ok() || !output.status.success() {
        let why = answer.message().unwrap_or("it gives no reason");
        return Err(invalid(format!("mImgtbl cannot read {images}: {why}")));
    }
    if let Some(bad @ 1..) = answer.count("badfits") {
        return Err(invalid(format!(
            "{bad} files in {images} are named like FITS images but cannot be read; mend or remove them"
        )));
    }
    if let Some(bad @ 1..) = answer.count("badwcs") {
        note(&format!("warning: {bad} images in {images} have no coordinates and are left out"));
    }
    fs::read_to_string(scratch.path()).context("failed to read what mImgtbl wrote")
}
