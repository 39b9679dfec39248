//! Runs the guards with the system's `awk` and `sh` on small files.

use std::process::{Command, Output};

use super::*;

/// Runs a program of awk in a directory with `files`; the arguments after the program are `args`.
fn awk(options: &[&str], program: &str, files: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let mut command = Command::new("awk");
    command.args(options).arg(program).args(files.iter().map(|(name, _)| name));
    command.current_dir(directory.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a program that must fail says.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    text(&output.stderr)
}

const ANSWER: &str = "[struct stat=\"OK\", module=\"mFitplane\", a=0.5, b=-1e-05, c=3, crpix1=1, \
    crpix2=2, xmin=-9, xmax=9, ymin=-8, ymax=8, xcenter=0.1, ycenter=0.2, npixel=300, rms=1.5, \
    boxx=1, boxy=2, boxwidth=20, boxheight=10, boxang=-0]\n";

#[test]
fn answers_become_rows_and_pairs_without_data_do_not() {
    let files =
        [("fit-000003-000012.txt", ANSWER), ("fit-000004-000005.txt", "[struct stat=\"NONE\"]\n")];
    let output = awk(&[], COLLECT_FITS, &files);
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "collect_fits: 1 of 2 pairs share no data\n");
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn a_bad_answer_ends_the_run_and_is_named() {
    let refuse = |answer: &str| {
        refusal(&awk(
            &[],
            COLLECT_FITS,
            &[("fit-000001-000002.txt", ANSWER), ("f-1-3.txt", answer)],
        ))
    };
    let refusals = [
        refuse(""),
        refuse("[struct stat=\"ERROR\", msg=\"no memory\"]\n"),
        refuse(&ANSWER.replace("rms=1.5", "rms=-nan")),
        refuse(&ANSWER.replace("boxang=-0", "")),
        refuse(&ANSWER.repeat(2)),
    ];
    insta::assert_snapshot!(refusals.concat());
}

#[test]
fn tables_of_fits_are_joined_under_one_header() {
    let files =
        [("a", "|plus|minus|\n 1 2\n"), ("b", "|plus|minus|\n"), ("c", "|plus|minus|\n 3 4\n")];
    let output = awk(&[], JOIN_TABLES, &files);
    assert_eq!(text(&output.stdout), "|plus|minus|\n 1 2\n 3 4\n");
    refusal(&awk(&[], JOIN_TABLES, &[("a", "|plus|\n"), ("b", "oops\n")]));
}

#[test]
fn a_solution_with_nan_is_refused() {
    let good = "|   id   |  a  |  b  |  c  |\n   0  1.0e+00 -2.5e-01  3.0\n";
    let output = awk(&[], CHECK_MODEL, &[("model.tbl", good)]);
    assert_eq!(text(&output.stdout), good);
    let bad = good.replace("-2.5e-01", "-nan");
    let refused = refusal(&awk(&[], CHECK_MODEL, &[("model.tbl", &bad)]));
    assert_eq!(
        refused,
        "check_model: image 0 has the correction 1.0e+00 -nan 3.0, expected numbers\n"
    );
    refusal(&awk(&[], CHECK_MODEL, &[("model.tbl", "")]));
}

const LIST: &str = "|fname   |\n|char    |\n r/p_a.fits\n r/p_b.fits\n";
const TABLE: &str = "\\datatype = fitshdr\n| cntr | x | fname      |\n| int  | d | char       |\n\
    \x20     0  1.5 r/p_a.fits \n      1  2.5 r/p_b.fits \n";

#[test]
fn a_complete_table_is_turned_into_that_of_the_corrected_images() {
    let options = ["-v", "from=p_", "-v", "to=c_"];
    let output = awk(&options, CHECK_IMAGES, &[("images.lst", LIST), ("projected.tbl", TABLE)]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), TABLE.replace("/p_", "/c_"));
}

#[test]
fn a_table_that_lacks_or_swaps_images_is_refused() {
    let options = ["-v", "from=p_", "-v", "to=c_"];
    let refuse = |table: &str| {
        refusal(&awk(&options, CHECK_IMAGES, &[("images.lst", LIST), ("projected.tbl", table)]))
    };
    let refusals = [
        refuse(&TABLE.replace("      1  2.5 r/p_b.fits \n", "")),
        refuse(&TABLE.replace("p_a", "p_x")),
        refuse(&TABLE.replace("      1  2", "      7  2")),
        refuse(&format!("{TABLE}      2  9.9 r/p_c.fits\n")),
        refuse(""),
    ];
    insta::assert_snapshot!(refusals.concat());
}

/// Runs a shell guard with stand-ins for Montage's programs that print `answer`.
fn sh(script: &str, program: &str, answer: &str, code: i32, difference: Option<&str>) -> Output {
    let directory = tempfile::tempdir().unwrap();
    if let Some(content) = difference {
        std::fs::write(directory.path().join("d.fits"), content).unwrap();
    }
    // A function of the shell stands in for the program.
    let script = format!("{program}() {{ printf '%s' '{answer}'; return {code}; }}\n{script}\nls");
    let mut command = Command::new("sh");
    command.args(["-c", &script, program, "d.fits", "a.fits", "b.fits", "d.fits", "h.hdr"]);
    command.current_dir(directory.path()).output().unwrap()
}

#[test]
fn a_difference_of_images_without_common_pixels_is_empty() {
    for message in ["Images don\"t overlap", "All pixels are blank."] {
        let message = message.replace('"', "'\\''");
        let output = sh(
            DIFFERENCE,
            "mDiff",
            &format!("[struct stat=\"ERROR\", msg=\"{message}\"]"),
            1,
            None,
        );
        assert!(output.status.success(), "{output:?}");
        assert!(text(&output.stdout).ends_with("d.fits\nd_area.fits\n"));
    }
    refusal(&sh(DIFFERENCE, "mDiff", "[struct stat=\"ERROR\", msg=\"File not found\"]", 1, None));
    refusal(&sh(DIFFERENCE, "mDiff", "", 139, None));
}

#[test]
fn a_fit_answers_for_empty_blank_and_good_differences() {
    let first = |output: Output| text(&output.stdout).lines().next().unwrap_or_default().to_owned();
    let none = "[struct stat=\"NONE\"]";
    let nan = ANSWER.replace("rms=1.5", "rms=-nan");
    assert_eq!(first(sh(FIT, "mFitplane", ANSWER, 0, Some("data"))), ANSWER.trim());
    assert_eq!(first(sh(FIT, "mFitplane", &nan, 0, Some("data"))), none);
    let singular = "[struct stat=\"ERROR\", msg=\"Singular Matrix-1\"]";
    assert_eq!(first(sh(FIT, "mFitplane", singular, 1, Some("data"))), none);
}

#[test]
fn a_missing_difference_is_not_taken_for_an_empty_one() {
    let missing = "[struct stat=\"ERROR\", msg=\"Image file d.fits missing\"]";
    assert_eq!(refusal(&sh(FIT, "mFitplane", missing, 1, None)), format!("{missing}\n"));
}
