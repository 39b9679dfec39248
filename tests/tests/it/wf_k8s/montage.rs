//! A mosaic by the real programs in pods: its pixels are those of a run on this machine.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use tests::{images, is_installed, output_of, skipped};

use super::bed::{Bed, Way};

fn run_here(dir: &Path, args: &[&str]) {
    let said = output_of(dir, args);
    assert!(said.status.success(), "{args:?}: {}", String::from_utf8_lossy(&said.stderr));
}

/// Copies a folder, for the user of the pods.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let name = from.file_name().unwrap();
        if name == ".windlass" {
            continue;
        }
        let to = to.join(name);
        if from.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
        chown(&to, Some(1000), Some(1000)).unwrap();
    }
}

/// The pixels of a FITS file: all behind its header, which ends in a block of 2880 bytes.
fn pixels(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let cards = bytes.chunks(80).position(|card| card.starts_with(b"END ")).unwrap();
    let header = ((cards + 1) * 80).next_multiple_of(2880);
    assert!(bytes.len() > header, "{} has no pixels", file.display());
    bytes[header..].to_vec()
}

/// A sky of so many images and what is to be made of it. None: it cannot be had, which was said.
fn sky(test: &str, grid: &str, size: &str) -> Option<tempfile::TempDir> {
    if !is_installed("mProjectPP") || !is_installed("mMakeImg") {
        let reason = "the Debian package `montage` is not installed (./test --all installs it)";
        skipped(test, reason);
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    run_here(dir, &["gen", "sky", "--grid", grid, "--pixels", size, "-o", "sky.json"]);
    run_here(dir, &["sky.json", "--progress", "none"]);
    run_here(dir, &["gen", "montage", "--images", "raw", "-o", "w.json"]);
    fs::remove_dir_all(dir.join(".windlass")).unwrap();
    Some(folder)
}

/// Makes the mosaic here and there. Answers how many tasks it took.
fn same_pixels(test: &str, beds: Vec<(Option<Bed>, Way)>, grid: &str, size: &str) -> u64 {
    let beds: Option<Vec<(Bed, Way)>> =
        beds.into_iter().map(|(bed, way)| Some((bed?, way))).collect();
    let Some(beds) = beds else { return 0 };
    let Some(sky) = sky(test, grid, size) else { return 0 };
    let mut tasks = 0;
    for (bed, _) in &beds {
        copy(sky.path(), bed.dir());
    }
    run_here(sky.path(), &["w.json", "--progress", "none"]);
    for (mut bed, way) in beds {
        bed.image = images::montage(bed.cluster).unwrap().to_owned();
        let ran = bed.start(way, &["--max-pods", "4"]).end();
        let summary = ran.well();
        tasks = summary["done"].as_u64().unwrap();
        let mosaic = "gray/mosaic.fits";
        assert!(
            pixels(&bed.dir().join(mosaic)) == pixels(&sky.path().join(mosaic)),
            "{way:?}: the pixels differ: {ran}"
        );
        bed.nothing_is_left();
    }
    tasks
}

#[test]
fn a_mosaic_made_in_pods_has_the_pixels_of_one_made_here() {
    let test = "a_mosaic_made_in_pods_has_the_pixels_of_one_made_here";
    let beds = vec![
        (Bed::with_claim(test), Way::Pool),
        (Bed::new(test), Way::Pool),
        (Bed::with_claim(test), Way::Clustered),
        (Bed::with_claim(test), Way::Alone),
    ];
    let tasks = same_pixels(test, beds, "2x2", "300");
    assert!(tasks == 0 || (20..60).contains(&tasks), "{tasks}");
}

#[test]
fn a_mosaic_of_600_tasks_made_in_a_pool_has_the_pixels_of_one_made_here() {
    let test = "a_mosaic_of_600_tasks_made_in_a_pool_has_the_pixels_of_one_made_here";
    let tasks = same_pixels(test, vec![(Bed::with_claim(test), Way::Pool)], "8x8", "100");
    assert!(tasks == 0 || (400..800).contains(&tasks), "{tasks}");
}
