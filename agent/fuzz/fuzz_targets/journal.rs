#![no_main]
//! Whatever is in a file of the journal, and whatever is in its frames: reading it ends, and what it tells can be repeated.

use std::cell::Cell;

use brooklet::device::Op;
use brooklet::store::journal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = journal::read(data, |_| {});
    // Behind a right header and a right checksum too.
    let last = Cell::new(0);
    let _ = journal::read(&journal::framed(data), |entry| {
        // Names come from somewhere in the data; nothing is invented.
        assert!(entry.device.len() + entry.channel.len() + entry.source.len() <= data.len());
        if let Op::Adopt(bytes) = &entry.op {
            assert!(bytes.len() <= data.len());
        }
        last.set(entry.step);
    });
});
