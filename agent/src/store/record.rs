//! One channel's state as bytes: version, CRC-32, length of the JSON part, JSON part, snapshot. Newer are those of more steps.

use crate::device::Saved;
use crate::reading::{ChannelId, DeviceId};

/// One channel to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whose channel.
    pub device: DeviceId,
    /// Which channel.
    pub channel: ChannelId,
    /// Its state.
    pub saved: Saved,
}

impl Record {
    pub(crate) fn key(&self) -> String {
        key(&self.device, &self.channel)
    }
}

/// Of this layout; another is another version's.
const VERSION: u8 = 1;

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// The device's name with its length before it, so that no two pairs of names look the same; the channel's.
pub(crate) fn key(device: &DeviceId, channel: &ChannelId) -> String {
    format!("{}:{device}{channel}", device.0.len())
}

/// The names that made a key.
pub(crate) fn names(key: &str) -> Option<(DeviceId, ChannelId)> {
    let (length, names) = key.split_once(':')?;
    let (device, channel) = names.split_at_checked(length.parse().ok()?)?;
    Some((DeviceId(device.into()), ChannelId(channel.into())))
}

pub(crate) fn encode(saved: &Saved) -> Vec<u8> {
    let json = serde_json::to_vec(saved).unwrap_or_default();
    let length = u32::try_from(json.len()).unwrap_or(0).to_le_bytes();
    let body = [&length, json.as_slice(), &saved.snapshot].concat();
    [&[VERSION][..], &CRC.checksum(&body).to_le_bytes(), &body].concat()
}

/// `None` if the bytes are damaged or of another version.
pub(crate) fn decode(bytes: &[u8]) -> Option<Saved> {
    let (version, rest) = bytes.split_first()?;
    let (sum, body) = rest.split_first_chunk::<4>()?;
    if *version != VERSION || CRC.checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (length, rest) = body.split_first_chunk::<4>()?;
    let (json, snapshot) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let saved: Saved = serde_json::from_slice(json).ok()?;
    Some(Saved { snapshot: snapshot.to_vec(), ..saved })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn keys_give_back_their_names() {
        for (device, channel) in [("a", "b"), ("", ""), ("1:", ":2"), ("a\0", "b"), ("ü", "\0b")] {
            let (device, channel) = (DeviceId(device.into()), ChannelId(channel.into()));
            assert_eq!(names(&key(&device, &channel)), Some((device, channel)));
        }
        assert!(["", "x", "9:ab", "1:ü"].iter().all(|key| names(key).is_none()));
    }

    #[test]
    fn what_is_damaged_is_no_record() {
        let saved = Saved { steps: 7, snapshot: vec![9; 100], alerts: 2, ..Saved::default() };
        let bytes = encode(&saved);
        assert_eq!(decode(&bytes), Some(saved));
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes), None, "bit {bit}");
        }
    }
}
