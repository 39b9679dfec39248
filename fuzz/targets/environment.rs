//! The reader and writer of environment.xml: what is read is written as it was, and `envgen`'s layout is
//! read back as the same environment.

#![no_main]

use envxml::Document;
use envxml::tree::canonical;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX) + 1;
            assert!((1..=lines).contains(&error.position.line), "{error}");
            assert!(!error.message.is_empty());
            return;
        }
    };
    assert_eq!(document.to_text(), text);
    let laid_out = document.to_envgen_text();
    let again = Document::parse(&laid_out).expect("what was laid out can be read");
    assert_eq!(again.to_envgen_text(), laid_out);
    // The layout trims text beside elements and drops comments, and nothing else.
    assert_eq!(canonical(&again.root), canonical(&Document::parse(&again.to_text()).unwrap().root));
});
