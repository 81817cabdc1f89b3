//! Messages that chance has touched: never a panic, never an OK with an empty message.

use std::sync::LazyLock;

use hickory_proto::op::Message;
use mci_core::wire::{Client, Disposition, Transport};
use mci_core::{RecordType, Snapshot};
use proptest::prelude::*;

use crate::Ask;
use crate::ask::{a_record, secrets, send};
use crate::world::snapshot;

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(snapshot);

fn seeds() -> Vec<Vec<u8>> {
    let options = [(10, &b"12345678"[..]), (8, b"\x00\x01\x18\x00\xc0\x00\x02"), (100, b"abc")];
    let mut ixfr = Ask::new("gslb.example.com", RecordType::IXFR).opt();
    ixfr.records[1].push(a_record("x"));
    let mut none = Ask::a("x").option(10, b"12345678");
    none.questions.clear();
    [
        Ask::a("App.gslb.example.com"),
        Ask::a("many.gslb.example.com").opt_with(1232, 0, 0x8000, &options),
        Ask::a("step1.gslb.example.com").additional(a_record("x")).opt(),
        Ask::new("gslb.example.com", RecordType::NS).opt(),
        Ask::a("www.sub.gslb.example.com").opt(),
        ixfr,
        none,
    ]
    .iter()
    .map(Ask::octets)
    .collect()
}

#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    use prop::sample::Index;
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Change::Set(at, octet)),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, octets)| Change::Insert(at, octets)),
        1 => (any::<Index>(), 1_usize..20).prop_map(|(at, len)| Change::Remove(at, len)),
        1 => (any::<Index>(), 1_usize..60).prop_map(|(at, len)| Change::Repeat(at, len)),
        1 => any::<Index>().prop_map(Change::Cut),
    ]
}

fn apply(message: &mut Vec<u8>, change: Change) {
    let len = message.len();
    if len == 0 {
        return;
    }
    match change {
        Change::Set(at, octet) => message[at.index(len)] = octet,
        Change::Insert(at, octets) => {
            let at = at.index(len);
            message.splice(at..at, octets);
        }
        Change::Remove(at, count) => {
            let at = at.index(len);
            message.drain(at..(at + count).min(len));
        }
        Change::Repeat(at, count) => {
            let at = at.index(len);
            let again = message[at..(at + count).min(len)].to_vec();
            message.splice(at..at, again);
        }
        Change::Cut(at) => message.truncate(at.index(len)),
    }
}

fn check(query: &[u8]) -> Result<(), TestCaseError> {
    let cookies = secrets();
    let client = |over_limit| Client {
        address: "192.0.2.9".parse().unwrap(),
        now: 1_700_000_000,
        cookies: &cookies,
        over_limit,
    };
    let transports = [
        (Transport::Stream, 65_534),
        (Transport::Tcp(client(false)), 65_534),
        (Transport::Datagram(client(false)), 1232),
        (Transport::Datagram(client(true)), 1232),
    ];
    for (transport, longest) in transports {
        let (facts, reply) = send(&SNAPSHOT, query, transport);
        if facts.disposition == Disposition::Drop {
            prop_assert!(reply.is_empty() && (query.len() < 12 || query[2] & 0x80 != 0));
            continue;
        }
        prop_assert!((12..=longest).contains(&reply.len()));
        prop_assert_eq!(&reply[..2], &query[..2]);
        prop_assert_eq!(reply[2] & 0xf9, query[2] & 0x79 | 0x80);
        prop_assert!(reply[4] == 0 && reply[5] <= 1);
        let has_records = reply[6..10] != [0; 4];
        let cookie_alone = query[4..6] == [0, 0];
        prop_assert!(facts.rcode.0 != 0 || has_records || cookie_alone, "an empty OK");
        if let Err(error) = Message::from_vec(&reply) {
            // hickory-proto refuses client subnets of families that it does not know; we echo them.
            let mut options = reply.windows(6).filter(|octets| octets.starts_with(&[0, 8]));
            prop_assert!(options.any(|octets| !matches!(octets[4..], [0, 1 | 2])), "{}", error);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn d15a_changed_messages(seed in prop::sample::select(seeds()), changes in prop::collection::vec(change(), 0..8)) {
        let mut message = seed;
        for change in changes {
            apply(&mut message, change);
        }
        check(&message)?;
    }

    #[test]
    fn d15a_noise(message in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&message)?;
    }
}
