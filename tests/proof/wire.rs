//! MQTT 3.1.1 as bytes, as far as a witness needs it: a client library would hide what was acknowledged, and when.

use std::io::{self, Read};

/// Kinds of packets: the upper half of the first byte.
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const PINGRESP: u8 = 13;

/// A ping: what the broker sent before its answer it had to send.
pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];

/// A packet as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    head: u8,
    body: Vec<u8>,
}

/// A message in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publish<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    /// None at QoS 0.
    pub(crate) id: Option<u16>,
}

impl Packet {
    /// The next packet of a connection.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        let [head] = byte;
        let mut length = 0;
        for place in 0..4 {
            from.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << (7 * place);
            if byte[0] < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Self { head, body })
    }

    /// The first packet in `bytes`, and what it takes of them; `None` if it is not whole yet.
    pub(crate) fn first(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut rest = bytes;
        let packet = Self::read(&mut rest).ok()?;
        Some((packet, bytes.len() - rest.len()))
    }

    pub(crate) fn kind(&self) -> u8 {
        self.head >> 4
    }

    /// The message of a PUBLISH.
    pub(crate) fn publish(&self) -> Option<Publish<'_>> {
        if self.kind() != PUBLISH {
            return None;
        }
        let (topic, rest) = split(&self.body)?;
        let topic = std::str::from_utf8(topic).ok()?;
        if self.head & 0x06 == 0 {
            return Some(Publish { topic, payload: rest, id: None });
        }
        let (id, payload) = rest.split_first_chunk::<2>()?;
        Some(Publish { topic, payload, id: Some(u16::from_be_bytes(*id)) })
    }

    /// What a PUBACK acknowledges.
    pub(crate) fn acknowledged(&self) -> Option<u16> {
        let id = self.body.first_chunk::<2>().filter(|_| self.kind() == PUBACK)?;
        Some(u16::from_be_bytes(*id))
    }
}

/// What a length of two bytes is in front of, and what follows.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// CONNECT without keep-alive.
pub(crate) fn connect(id: &str, clean: bool) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, u8::from(clean) << 1, 0, 0];
    text(&mut body, id);
    packet(0x10, &body)
}

/// SUBSCRIBE to filters at one QoS.
pub(crate) fn subscribe(filters: &[&str], qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    for filter in filters {
        text(&mut body, filter);
        body.push(qos);
    }
    packet(0x82, &body)
}

/// PUBLISH at QoS 1.
pub(crate) fn publish(topic: &str, payload: &[u8], id: u16) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    text(&mut body, topic);
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    packet(0x32, &body)
}

/// PUBACK.
pub(crate) fn puback(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [0x40, 2, high, low]
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}

fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    let mut left = body.len();
    loop {
        let more = left >= 0x80;
        bytes.push(u8::try_from(left & 0x7f).unwrap_or(0) | u8::from(more) << 7);
        left >>= 7;
        if !more {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_wire_whatever_its_length() {
        for length in [0, 1, 100, 121, 122, 200, 16_000, 70_000] {
            let payload = vec![7; length];
            let bytes = publish("plant/p1", &payload, 513);
            let (packet, taken) = Packet::first(&[bytes.as_slice(), &[1, 2]].concat()).unwrap();
            assert_eq!(taken, bytes.len());
            let expected = Publish { topic: "plant/p1", payload: &payload, id: Some(513) };
            assert_eq!(packet.publish(), Some(expected));
            assert_eq!(Packet::first(&bytes[..bytes.len() - 1]), None);
        }
        let (packet, _) = Packet::first(&puback(700)).unwrap();
        assert_eq!((packet.acknowledged(), packet.publish()), (Some(700), None));
    }
}
