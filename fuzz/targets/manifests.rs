//! The reader of manifests, the order of what was read, and its conversion.
//!
//! An input is read as it is. Places must be sound, what was read and cleaned is read the same again, every object has
//! its turn after what it depends on, and what was converted needs no further conversion.

#![no_main]

use k8s_apply::convert::{convert, convert_manifest, find, lint};
use k8s_apply::manifest::{Input, LoadOptions, Loaded, load};
use k8s_apply::order::{plan_deletion, plan_manifests};
use libfuzzer_sys::fuzz_target;

fn read(name: &str, bytes: &[u8]) -> Loaded {
    load(&[Input::text(name, bytes)], &LoadOptions::default())
}

fuzz_target!(|bytes: &[u8]| {
    let loaded = read("a.yaml", bytes);
    assert_eq!(read("a.json", bytes).manifests.len(), loaded.manifests.len());
    let texts = loaded.sources.texts();
    let lines = texts.first().map_or(0, |source| source.text.lines().count());
    for place in loaded.problems.iter().filter_map(|problem| problem.place.as_ref()) {
        assert!(place.line >= 1 && place.column >= 1 && place.line <= lines.max(1) + 1);
    }
    let _ = diagnostics::render(&loaded.problems, &texts);

    let (schedule, _) = plan_manifests(&loaded.manifests, "default");
    let mut step_of = vec![None; loaded.manifests.len()];
    for (number, step) in schedule.steps.iter().enumerate() {
        for &index in step {
            assert!(step_of[index].replace(number).is_none());
        }
    }
    assert!(step_of.iter().all(Option::is_some));
    assert!(schedule.edges.iter().all(|edge| step_of[edge.before] < step_of[edge.after]));
    let objects: Vec<_> = loaded.manifests.iter().map(|manifest| &manifest.object).collect();
    assert_eq!(plan_deletion(&objects, "default").steps.concat().len(), objects.len());

    for manifest in &loaded.manifests {
        assert_eq!(lint(manifest, None).is_empty(), find(&manifest.object).is_none());
        let (new, changes, losses) = convert_manifest(manifest);
        assert!(losses.iter().all(|loss| loss.place.is_some()));
        if changes.is_empty() {
            assert!(new.object == manifest.object);
        } else {
            assert!(find(&new.object).is_none() && convert(&new.object).changes.is_empty());
        }
        if !loaded.has_errors() {
            let text = manifest.object.value().to_string();
            let again = read("again.json", text.as_bytes());
            assert!(again.problems.is_empty(), "{:?}", again.problems);
            assert!(again.manifests[0].object == manifest.object);
        }
    }
});
