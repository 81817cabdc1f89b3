//! A `coredns.dns.DnsPacket` in gRPC's framing: one octet of flags, four of length, the message.

use bytes::{Buf as _, Bytes};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::generated::DnsPacket;
use crate::status::Refusal;

/// A DNS message is at most this long: TCP's length field has 16 bits.
pub(crate) const MAX_MESSAGE: usize = 65_535;
const PREFIX: usize = 5;
/// The frame of the longest packet, with room for a few fields that we do not know.
pub(crate) const MAX_FRAME: usize = PREFIX + MAX_MESSAGE + 64;
/// The number of the field `msg`.
const MSG: u32 = 1;

/// The DNS message of a request's whole body, as a slice of it.
pub(crate) fn decode(mut body: Bytes) -> Result<Bytes, Refusal> {
    let (Ok(flags), Ok(length)) = (body.try_get_u8(), body.try_get_u32()) else {
        return Err(Refusal::NO_PACKET);
    };
    if flags == 1 {
        return Err(Refusal::COMPRESSED);
    }
    if flags != 0 || usize::try_from(length).ok() != Some(body.len()) {
        return Err(Refusal::NO_PACKET);
    }
    let packet = DnsPacket::decode(body).map_err(|_| Refusal::NO_PACKET)?;
    if packet.msg.len() > MAX_MESSAGE {
        return Err(Refusal::TOO_LARGE);
    }
    Ok(packet.msg)
}

/// The frame of a DNS message: one allocation of exactly its size.
pub(crate) fn encode(message: &[u8]) -> Bytes {
    debug_assert!(message.len() <= MAX_MESSAGE, "a DNS message");
    let packet = key_len(MSG) + encoded_len_varint(message.len() as u64) + message.len();
    let mut frame = Vec::with_capacity(PREFIX + packet);
    frame.push(0);
    frame.extend_from_slice(&u32::try_from(packet).unwrap_or(u32::MAX).to_be_bytes());
    encode_key(MSG, WireType::LengthDelimited, &mut frame);
    encode_varint(message.len() as u64, &mut frame);
    frame.extend_from_slice(message);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_what_prost_writes_and_reads() {
        for length in [1, 12, 127, 128, 300, 16_383, 16_384, MAX_MESSAGE] {
            let message = vec![0xA5; length];
            let packet = DnsPacket { msg: message.clone().into() }.encode_to_vec();
            let mut expected = vec![0];
            expected.extend(u32::try_from(packet.len()).unwrap().to_be_bytes());
            expected.extend(packet);
            let frame = encode(&message);
            assert_eq!(frame, expected);
            assert!(frame.len() <= MAX_FRAME);
            assert_eq!(decode(frame), Ok(message.into()));
        }
    }

    #[test]
    fn what_is_not_one_packet_is_refused() {
        let good = encode(b"query");
        let with = |at: usize, octet: u8| {
            let mut frame = good.to_vec();
            frame[at] = octet;
            Bytes::from(frame)
        };
        for cut in 0..good.len() {
            assert_eq!(decode(good.slice(..cut)), Err(Refusal::NO_PACKET), "cut to {cut}");
        }
        assert_eq!(decode([&good[..], &good[..]].concat().into()), Err(Refusal::NO_PACKET));
        assert_eq!(decode(with(0, 1)), Err(Refusal::COMPRESSED));
        assert_eq!(decode(with(0, 2)), Err(Refusal::NO_PACKET));
        assert_eq!(decode(with(4, 200)), Err(Refusal::NO_PACKET));
        assert_eq!(decode(with(5, 0x0B)), Err(Refusal::NO_PACKET), "a wire type that msg has not");
    }

    #[test]
    fn fields_that_are_not_known_are_skipped_and_an_absent_message_is_empty() {
        assert_eq!(decode(Bytes::from_static(&[0, 0, 0, 0, 0])), Ok(Bytes::new()));
        assert_eq!(
            decode(Bytes::from_static(&[0, 0, 0, 0, 5, 0x10, 7, 0x0A, 1, b'q'])),
            Ok(Bytes::from_static(b"q"))
        );
    }

    #[test]
    fn more_than_a_dns_message_is_too_large() {
        let packet = DnsPacket { msg: vec![0; MAX_MESSAGE + 1].into() }.encode_to_vec();
        let frame = [&[0][..], &u32::try_from(packet.len()).unwrap().to_be_bytes(), &packet].concat();
        assert_eq!(decode(frame.into()), Err(Refusal::TOO_LARGE));
    }
}
