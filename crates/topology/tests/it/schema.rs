//! The checked-in schema is that of the types.

use std::path::Path;

#[test]
fn the_schema_that_is_checked_in_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/hpcc.schema.json");
    let made = serde_json::to_string_pretty(&topology::hpcc_schema()).unwrap() + "\n";
    if std::env::var_os("WINDLASS_UPDATE_SCHEMA").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "the types have changed: run `WINDLASS_UPDATE_SCHEMA=1 cargo test -p topology`, and read the difference"
    );
}
