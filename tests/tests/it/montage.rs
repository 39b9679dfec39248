//! The example: a real mosaic by the real programs, checked as an astronomer would.

use std::process::Command;

use tests::{all_tiers, is_installed, repository, skipped};

#[test]
fn the_montage_example_makes_a_good_mosaic() {
    let test = "the_montage_example_makes_a_good_mosaic";
    if !is_installed("mProjectPP") || !is_installed("mMakeImg") {
        return skipped(
            test,
            "the Debian package `montage` is not installed (./test --all installs it)",
        );
    }
    if !all_tiers() {
        return skipped(test, "it builds in release and takes a minute: ./test --all runs it");
    }
    let ran = Command::new(repository().join("examples/montage/run"))
        .args(["--size", "small", "--bands", "3"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("the mosaic is good"), "{said}");
    for file in
        ["red/mosaic.fits", "green/mosaic.fits", "blue/mosaic.fits", "mosaic.png", "summary.txt"]
    {
        let path = repository().join("examples/montage/out").join(file);
        assert!(
            path.metadata().is_ok_and(|file| file.len() > 100),
            "{} is missing",
            path.display()
        );
    }
}
