//! Packed forests against scikit-learn, and against bytes that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;

use brooklet_core::classify::packed_forest::{PackedForest, PackedForestError};
use brooklet_core::sample::Sample;
use brooklet_golden::Golden;

fn bytes(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("files/packed/{name}.bin"))).unwrap()
}

fn says_the_same<const C: usize>(name: &str) {
    let bytes = bytes(name);
    let forest = PackedForest::<4, C>::new(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    for row in Golden::open(&format!("packed/{name}"), 1e-6).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        let told = forest.predict_one(&x);
        for (output, value) in told.iter().enumerate() {
            row.check(&format!("y{output}"), Some(*value));
        }
        if C > 1 {
            row.check("class", forest.class_one(&x).map(f32::from));
        }
    }
}

#[test]
fn random_forest_and_extra_trees() {
    says_the_same::<3>("forest");
    says_the_same::<2>("extra_trees");
    says_the_same::<1>("forest_number");
}

#[test]
fn gradient_boosting() {
    says_the_same::<2>("boosting_two");
    says_the_same::<3>("boosting_three");
    says_the_same::<1>("boosting_number");
}

#[test]
fn what_does_not_fit_is_refused() {
    let bytes = bytes("extra_trees");
    let refused = |bytes: &[u8]| PackedForest::<4, 2>::new(bytes).unwrap_err();
    assert_eq!(PackedForest::<5, 2>::new(&bytes).unwrap_err(), PackedForestError::WrongFeatures(4));
    assert_eq!(PackedForest::<4, 3>::new(&bytes).unwrap_err(), PackedForestError::WrongOutputs(2));
    for cut in 0..bytes.len() {
        assert_eq!(refused(&bytes[..cut]), PackedForestError::Truncated, "cut at {cut}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x11;
        refused(&damaged);
    }
}

/// With a checksum that holds, any bytes are refused or safe to walk.
#[test]
fn no_bytes_make_it_panic_or_walk_for_ever() {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut rng = brooklet_core::rng::Rng::new(1);
    let (mut read, whole) = (0, bytes("boosting_two"));
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        let body = bytes.len() - 4;
        for _ in 0..3 {
            let at = 20 + (rng.next_u64() as usize) % (body - 20);
            bytes[at] = rng.next_u64() as u8;
        }
        let checksum = crc.checksum(&bytes[..body]).to_le_bytes();
        bytes[body..].copy_from_slice(&checksum);
        if let Ok(forest) = PackedForest::<4, 2>::new(&bytes) {
            let told = forest.predict_one(&Sample::new([0.1, -0.5, 2.0, f32::MAX]).unwrap());
            assert!(told.iter().all(|share| (0.0..=1.0).contains(share)));
            read += 1;
        }
    }
    assert!((100..2900).contains(&read), "{read} of 3000 could be read");
}

/// Sums of numbers that are finite each, but not together.
#[test]
fn numbers_that_add_up_to_infinity_are_refused() {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    // Two trees of one leaf each, of sums.
    let mut bytes = b"BKPF\x01\x01\x04\x00\x01\x00\x02\x00\x02\x00\x00\x00\x00\x00\x00\x00".to_vec();
    for field in [0u32, 0, 1, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    for _ in 0..2 {
        bytes.extend(f32::MAX.to_le_bytes());
        bytes.extend([0xFF, 0xFF, 0, 0]);
    }
    bytes.extend(crc.checksum(&bytes).to_le_bytes());
    assert_eq!(PackedForest::<4, 1>::new(&bytes).unwrap_err(), PackedForestError::Invalid);
}
