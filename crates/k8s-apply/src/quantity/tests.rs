use proptest::prelude::*;
use serde_json::json;

use super::*;

fn of(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Texts, and what the Go package of Kubernetes 1.35 makes of them.
const CANONICAL: &[(&str, &str)] = &[
    ("1", "1"),
    ("+1", "1"),
    ("-1", "-1"),
    ("00012", "12"),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1.", "1"),
    ("1000m", "1"),
    ("100000", "100k"),
    ("1500000", "1500k"),
    ("1048576", "1048576"),
    ("1n", "1n"),
    ("0.1n", "1n"),
    ("-0.1n", "-1n"),
    ("123456789n", "123456789n"),
    ("1E", "1E"),
    ("12345678901234567890123", "12345678901234567890123"),
    ("1e3", "1e3"),
    ("1e+3", "1e3"),
    ("1E3", "1e3"),
    ("1e4", "10e3"),
    ("1e20", "100e18"),
    ("1e21", "1e21"),
    ("12e-1", "1200e-3"),
    ("1E-3", "1e-3"),
    ("1e-9", "1e-9"),
    ("1e-12", "1e-9"),
    ("0e5", "0"),
    ("0Gi", "0"),
    ("0.0Gi", "0"),
    ("1Gi", "1Gi"),
    ("1.5Gi", "1536Mi"),
    ("0.5Gi", "512Mi"),
    ("1.1Gi", "1181116006400m"),
    ("1024", "1024"),
    ("1024Ki", "1Mi"),
    ("1023Ki", "1023Ki"),
    ("1.5Ki", "1536"),
    ("500Ki", "500Ki"),
    ("-2000Ki", "-2000Ki"),
    ("-0.5Ki", "-512"),
    ("0.1Ki", "102400m"),
    ("0.001Ki", "1024m"),
    ("7Ei", "7Ei"),
    ("100Ei", "9223372036854775807"),
    ("1.00000000000000000000000000001Ki", "1024000000001n"),
];

#[test]
fn texts_become_what_the_api_server_writes() {
    for (text, canonical) in CANONICAL {
        assert_eq!(of(text).to_string(), *canonical, "{text}");
    }
    // Go drops the suffix here; the value is kept instead.
    assert_eq!(of("1000E").to_string(), "1000E");
}

#[test]
fn equal_amounts_are_equal_however_written() {
    for (one, two) in [
        ("1000m", "1"),
        ("1Gi", "1073741824"),
        ("1Gi", "1024Mi"),
        ("1e3", "1k"),
        ("0.5", "500m"),
        ("1000000u", "1"),
        ("0", "0Gi"),
    ] {
        assert_eq!(of(one), of(two), "{one} {two}");
    }
    assert!(of("1Gi") > of("1G"));
    assert!(of("-1") < of("1n"));
    assert!(of("999m") < of("1"));
}

#[test]
fn a_refused_text_comes_with_what_was_expected() {
    let fault = |text: &str| text.parse::<Quantity>().unwrap_err().to_string();
    insta::assert_snapshot!(
        [
            fault(""),
            fault("-"),
            fault("."),
            fault("1.2.3"),
            fault("abc"),
            fault("1 Gi"),
            fault("1GB"),
            fault("2GiB"),
            fault("1K"),
            fault("512mi"),
            fault("1e"),
            fault("1e3m"),
            fault("1Ke"),
            fault("1e30"),
            fault("1e99999999999999999999"),
            Quantity::from_value(&json!([])).unwrap_err().to_string(),
        ]
        .join("\n"),
        @r#"
        `` is no quantity: expected a number, and a suffix such as `m`, `k` or `Gi` if need be
        `-` is no quantity: expected a number, and a suffix such as `m`, `k` or `Gi` if need be
        `.` is no quantity: expected a number, and a suffix such as `m`, `k` or `Gi` if need be
        `1.2.3` is no quantity: expected a number, and a suffix such as `m`, `k` or `Gi` if need be
        `abc` is no quantity: expected a number, and a suffix such as `m`, `k` or `Gi` if need be
        `1 Gi` is no quantity: it must not have spaces
        `1GB` is no quantity: `GB` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3; `1G` would do
        `2GiB` is no quantity: `GiB` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3; `2Gi` would do
        `1K` is no quantity: `K` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3; `1k` would do
        `512mi` is no quantity: `mi` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3; `512Mi` would do
        `1e` is no quantity: `e` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3
        `1e3m` is no quantity: `e3m` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3
        `1Ke` is no quantity: `Ke` is no suffix; expected one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent as in 1e3
        the quantity `1e30` is too large
        the quantity `1e99999999999999999999` is too large
        expected a quantity: a text such as "500m", or a number
        "#
    );
    // Far below a billionth is still something.
    assert_eq!(of("1e-99999999999999999999").nanos(), 1);
}

#[test]
fn numbers_of_manifests_are_quantities() {
    let of = |value: Value| Quantity::from_value(&value).unwrap().to_string();
    assert_eq!(of(json!(2)), "2");
    assert_eq!(of(json!(0.1)), "100m");
    assert_eq!(of(json!(-1)), "-1");
    let read: Quantity = serde_json::from_value(json!("64Mi")).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), json!("64Mi"));
}

#[test]
fn amounts_are_added_exactly() {
    let sum = |one: &str, two: &str| of(one).checked_add(of(two)).unwrap().to_string();
    assert_eq!(sum("0.1", "0.2"), "300m");
    assert_eq!(sum("1Gi", "1"), "1073741825");
    assert_eq!(sum("1G", "1Gi"), "2073741824");
    assert_eq!(sum("0", "1Gi"), "1Gi");
    assert_eq!(of("1Gi").checked_sub(of("512Mi")).unwrap().to_string(), "512Mi");
    assert_eq!(of("250m").checked_mul(4).unwrap().to_string(), "1");
    assert_eq!(of("1e29").checked_add(of("1e29")), None);
    assert_eq!(of("1e29").checked_mul(10), None);
}

#[test]
fn whole_units_are_rounded_away_from_zero() {
    assert_eq!((of("1n").units(), of("1n").millis()), (1, 1));
    assert_eq!((of("-1500m").units(), of("-1500m").millis()), (-2, -1500));
    assert_eq!(Quantity::of_millis(1500), of("1.5"));
    assert_eq!(Quantity::of_bytes(1 << 30).to_string(), "1Gi");
    assert_eq!(Quantity::of_units(3).to_string(), "3");
    assert_eq!(format!("{:>5}", of("1k")), "   1k");
}

fn texts() -> impl Strategy<Value = String> {
    let suffix = prop::sample::select(vec![
        "n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3",
        "E-2", "e+5", "e0",
    ]);
    ("[+-]?", "[0-9]{1,9}(\\.[0-9]{0,12})?", suffix)
        .prop_map(|(sign, number, suffix)| format!("{sign}{number}{suffix}"))
}

fn quantities() -> impl Strategy<Value = Quantity> {
    let format = prop::sample::select(vec![Format::Decimal, Format::Binary, Format::Exponent]);
    let nanos = prop_oneof![
        any::<i64>().prop_map(i128::from),
        (any::<i64>(), 0_u32..18).prop_map(|(value, zeros)| i128::from(value) * 10_i128.pow(zeros)),
        any::<i64>().prop_map(|value| i128::from(value) * NANOS),
    ];
    (nanos, format).prop_map(|(nanos, format)| Quantity { nanos, format })
}

proptest! {
    #[test]
    fn the_canonical_text_means_the_same(quantity in quantities()) {
        prop_assert_eq!(of(&quantity.to_string()), quantity);
    }

    #[test]
    fn the_canonical_text_is_its_own(text in texts()) {
        let canonical = of(&text).to_string();
        prop_assert_eq!(of(&canonical).to_string(), canonical);
    }

    #[test]
    fn order_is_that_of_the_values(one in quantities(), two in quantities()) {
        prop_assert_eq!(one.cmp(&two), one.nanos().cmp(&two.nanos()));
        prop_assert_eq!(one == two, one.checked_sub(two).is_some_and(Quantity::is_zero));
    }

    #[test]
    fn sums_are_undone_by_differences(one in quantities(), two in quantities()) {
        let sum = one.checked_add(two).unwrap();
        prop_assert_eq!(sum.checked_sub(two), Some(one));
        prop_assert_eq!(one.checked_mul(2), one.checked_add(one));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        let _ = text.parse::<Quantity>();
    }
}
