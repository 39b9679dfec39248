//! Tests of the plan on small, hand-made tables.

use super::names::stems;
use super::*;
use crate::guards;
use crate::images::tests::table_text;
use crate::overlaps::OverlapTable;
use crate::workflow::tests::assert_runs_in_order;

fn images(places: &[(&str, f64, f64)]) -> ImageTable {
    ImageTable::parse("images.tbl", &table_text(places)).unwrap()
}

fn mosaic(bands: Vec<Band>) -> Mosaic {
    let all =
        ImageTable { images: bands.iter().flat_map(|band| band.images.images.clone()).collect() };
    Mosaic {
        name: "test".to_owned(),
        image_directory: "raw/".to_owned(),
        region: Region::covering(&all, None).unwrap(),
        bands,
        shrink: Shrink::ToFit,
    }
}

fn two() -> ImageTable {
    images(&[("a.fits", 150.0, 20.0), ("b.fit", 150.05, 20.0)])
}

#[test]
fn two_images_make_the_whole_chain() {
    let plan = mosaic(vec![Band::new("sky", two())]).plan().unwrap();
    assert_runs_in_order(&plan.workflow);
    let names: Vec<_> = plan.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["region.hdr", "sky/images.lst"]);
    insta::assert_snapshot!("list", plan.files[1].content);
    let mut json = serde_json::to_string_pretty(&plan.workflow).unwrap();
    for (name, guard) in [
        ("<difference.sh>", guards::DIFFERENCE),
        ("<fit.sh>", guards::FIT),
        ("<check_images.awk>", guards::CHECK_IMAGES),
        ("<collect_fits.awk>", guards::COLLECT_FITS),
        ("<check_model.awk>", guards::CHECK_MODEL),
        ("<flatten.sh>", guards::FLATTEN),
    ] {
        let quoted = serde_json::to_string(guard).unwrap();
        assert!(json.contains(&quoted), "{name} is not used");
        json = json.replace(&quoted, &format!("\"{name}\""));
    }
    insta::assert_snapshot!("workflow", json);
}

#[test]
fn three_bands_end_in_one_colour_picture() {
    let bands = ["red", "green", "blue"].map(|name| Band::new(name, two()));
    let plan = mosaic(bands.to_vec()).plan().unwrap();
    assert_runs_in_order(&plan.workflow);
    let last = plan.workflow.processes.last().unwrap();
    assert_eq!(last.ins.len(), 3);
    assert_eq!(plan.workflow.signals[last.outs[0]].name, "mosaic.png");
    assert_eq!(plan.workflow.directories(), ["blue", "green", "raw", "red"]);
}

#[test]
fn images_without_overlap_are_added_without_a_model() {
    let apart = images(&[("a.fits", 150.0, 20.0), ("b.fits", 151.0, 20.0)]);
    let plan = mosaic(vec![Band::new("sky", apart)]).plan().unwrap();
    assert_runs_in_order(&plan.workflow);
    let types: Vec<_> = plan.workflow.tasks_by_type();
    assert_eq!(
        types,
        [
            ("checkImages", 1),
            ("mAdd", 1),
            ("mBackground", 1),
            ("mFitplane", 1),
            ("mImgtbl", 1),
            ("mProjectPP", 2),
            ("mViewer", 1)
        ]
    );
}

#[test]
fn a_large_mosaic_is_shrunk_for_its_picture() {
    let mut large = mosaic(vec![Band::new("sky", two())]);
    large.region.pixels = [4_100, 900];
    let plan = large.plan().unwrap();
    let shrink = plan.workflow.processes.iter().find(|p| p.name == "mShrink").unwrap();
    assert_eq!(shrink.config.executor.args[2], "3");
    large.shrink = Shrink::By(1);
    assert!(large.plan().unwrap().workflow.processes.iter().all(|p| p.name != "mShrink"));
}

#[test]
fn many_overlaps_are_collected_in_parts() {
    let many: Vec<_> = (0..70).map(|_| ("same.fits", 10.0, 0.0)).collect();
    let plan = mosaic(vec![Band::new("sky", images(&many))]).plan().unwrap();
    assert_runs_in_order(&plan.workflow);
    let count = |name| plan.workflow.processes.iter().filter(|p| p.name == name).count();
    assert_eq!((count("mDiff"), count("collectFits"), count("joinTables")), (2_415, 2, 1));
}

#[test]
fn other_projections_and_extensions_reach_the_command_line() {
    let mut table = two();
    table.images[1].plane_to_plane = false;
    table.images[1].hdu = 2;
    let plan = mosaic(vec![Band::new("sky", table)]).plan().unwrap();
    let process = &plan.workflow.processes[1];
    assert_eq!(process.name, "mProjectQL");
    assert_eq!(process.config.executor.args[..3], ["-h", "2", "raw/b.fit"]);
    let names = plan.workflow.signals.iter().map(|signal| signal.name.as_str());
    assert_eq!(names.filter(|name| name.contains("p_") && name.contains("_area")).count(), 0);
}

#[test]
fn equal_and_odd_file_names_give_unique_plain_names() {
    let table = images(&[
        ("x/a b.fits", 0.0, 0.0),
        ("y/a b.fits", 0.0, 0.0),
        ("é.fits.gz", 0.0, 0.0),
        ("m_area.fits", 0.0, 0.0),
        ("m.fits", 0.0, 0.0),
    ]);
    assert_eq!(stems(&table.images), ["m", "m_area-000001", "a_b-000002", "a_b-000003", "_"]);
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let errors = [
        mosaic(vec![Band::new("a", two())]).tap(|m| m.bands.clear()),
        mosaic(vec![Band::new("a/b", two())]),
        mosaic(vec![Band::new("a", two()), Band::new("a", two())]),
        mosaic(vec![Band::new("a", two())]).tap(|m| m.bands[0].images.images.clear()),
        mosaic(vec![Band::new("a", two())]).tap(|m| {
            let pairs = vec![Pair { plus: 0, minus: 2 }];
            m.bands[0].overlaps = Overlaps::Table(OverlapTable { pairs });
        }),
    ];
    let messages: Vec<_> = errors.iter().map(|m| m.plan().unwrap_err().to_string()).collect();
    insta::assert_snapshot!("errors", messages.join("\n"));
}

trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for Mosaic {}
