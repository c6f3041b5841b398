//! Any text as a configuration: no panic, problems that name their place in few lines, and a configuration that survives being
//! written and read.
//!
//! `cargo fuzz run --sanitizer none config fuzz/corpus/config fuzz/seeds/config` in `agent/`.
#![no_main]

use brooklet::check::{self, TopicPattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match check::parse(text) {
        Ok(config) => {
            for stream in &config.streams {
                if let Ok(pattern) = TopicPattern::parse(&stream.topic) {
                    let _ = pattern.captures(&stream.name).map(|captures| captures.rest().map(str::len));
                }
            }
            let written = toml::to_string(&config).expect("what was read can be written");
            assert_eq!(check::parse(&written).expect("what was written can be read"), config);
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!(problem.line <= text.split('\n').count() && !problem.message.is_empty());
                assert!(!problem.to_string().contains('\n'), "{problem:?}");
            }
        }
    }
});
