//! Everything that looks at an environment takes any that can be read.

#![no_main]

use envxml::catalogue::Catalogue;
use envxml::lint::{LintOptions, Target, lint};
use envxml::plan::{RestartPlan, StableStorage};
use envxml::{Diff, Document, explain, list};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = Document::parse(text) else { return };
    for target in [Target::Host, Target::Kubernetes] {
        lint(&document, &LintOptions { target, ..LintOptions::default() });
    }
    let _ = list::machines(&document, "10.0.0.9");
    let _ = list::processes(&document, "10.0.0.9");
    let _ = list::esp_services(&document, "10.0.0.9");
    let _ = list::common_directories(&document);
    let _ = list::drop_zones(&document, "10.0.0.9");
    assert!(Diff::new(&document, &document).is_empty());
    assert!(RestartPlan::new(&document, &document, &StableStorage::none()).is_empty());
    if let Ok(everything) = "".parse() {
        explain::explain(&document, &everything, Catalogue::newest());
    }
});
