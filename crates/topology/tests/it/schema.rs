//! The checked-in schemas are those of the types.

use std::path::Path;

use schemars::Schema;

fn is_checked_in(file: &str, schema: &Schema) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(file);
    let made = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("WINDLASS_UPDATE_SCHEMA").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "the types have changed: run `WINDLASS_UPDATE_SCHEMA=1 cargo test -p topology`, and read the difference"
    );
}

#[test]
fn the_schema_of_hpcc_yaml_that_is_checked_in_is_that_of_the_types() {
    is_checked_in("hpcc.schema.json", &topology::hpcc_schema());
}

#[test]
fn the_schema_of_cluster_yaml_that_is_checked_in_is_that_of_the_types() {
    is_checked_in("cluster.schema.json", &topology::cluster_schema());
}
