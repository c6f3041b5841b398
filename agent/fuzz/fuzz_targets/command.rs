//! Any bytes as a command: no panic, and whatever is answered is JSON that is no command itself.
//!
//! `cargo fuzz run --sanitizer none command fuzz/corpus/command fuzz/seeds/command` in `agent/`.
#![no_main]

use brooklet::command::{Command, State};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] =
    ["publish-model", "send-model", "fetch-model", "set-mode", "reset", "identify", "restart", "none"];

fuzz_target!(|payload: &[u8]| {
    for name in NAMES {
        let Some(command) = Command::parse("brooklet/gw/cmd/x/1", name, payload) else { continue };
        for state in [State::Successful, State::Failed("so".to_owned())] {
            let told = command.ticket.told(&state);
            assert!(serde_json::from_slice::<serde_json::Value>(&told).is_ok());
            assert_eq!(
                Command::parse("brooklet/gw/cmd/x/1", name, &told),
                None,
                "an answer is taken for a command"
            );
        }
    }
});
