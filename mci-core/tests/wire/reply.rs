//! Replies, read with hickory-proto and shown as text.

use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::Record;
use mci_core::wire::{Disposition, Facts};

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) facts: Facts,
    pub(crate) octets: Vec<u8>,
    /// The header's second 16 bits, without opcode and rcode: `qr aa tc rd ra z ad cd`.
    pub(crate) flags: String,
    /// With the extended bits.
    pub(crate) rcode: u16,
    pub(crate) question: Vec<String>,
    pub(crate) answers: Vec<String>,
    pub(crate) authorities: Vec<String>,
    /// Without the OPT record.
    pub(crate) additionals: Vec<String>,
    pub(crate) opt: Option<Opt>,
}

/// The OPT record of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    pub(crate) size: u16,
    pub(crate) version: u8,
    /// All flags, DO included.
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Opt {
    /// Without options and flags.
    pub(crate) fn plain() -> Self {
        Self { size: 1232, version: 0, flags: 0, options: Vec::new() }
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn read((facts, octets): (Facts, Vec<u8>)) -> Self {
        assert_ne!(facts.disposition, Disposition::Drop, "there is a reply");
        let message = Message::from_vec(&octets).expect("hickory-proto reads the reply");
        let header = u16::from_be_bytes([octets[2], octets[3]]);
        let names = [(15, "qr"), (10, "aa"), (9, "tc"), (8, "rd"), (7, "ra"), (6, "z"), (5, "ad"), (4, "cd")];
        let flags: Vec<_> =
            names.into_iter().filter(|(bit, _)| header >> bit & 1 == 1).map(|(_, name)| name).collect();
        let high = message.edns.as_ref().map_or(0, Edns::rcode_high);
        let rcode = u16::from(high) << 4 | header & 0xf;
        let flags = flags.join(" ");
        assert_eq!(facts.rcode.0, rcode, "Facts tell the rcode");
        assert_eq!(facts.truncated, flags.contains("tc"), "Facts tell TC");
        Self {
            facts,
            flags,
            rcode,
            question: message
                .queries
                .iter()
                .map(|query| format!("{} {} {}", query.name(), query.query_class(), query.query_type()))
                .collect(),
            answers: show(&message.answers),
            authorities: show(&message.authorities),
            additionals: show(&message.additionals),
            opt: message.edns.as_ref().map(read_opt),
            octets,
        }
    }

    /// The octets behind the header, up to the end of the question.
    pub(crate) fn id(&self) -> u16 {
        u16::from_be_bytes([self.octets[0], self.octets[1]])
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.octets[2] >> 3 & 0xf
    }

    /// The extended errors (RFC 8914).
    pub(crate) fn extended_errors(&self) -> Vec<u16> {
        let options = self.opt.iter().flat_map(|opt| &opt.options);
        options
            .filter(|(code, _)| *code == 15)
            .map(|(_, content)| u16::from_be_bytes(content.as_slice().try_into().expect("a code alone")))
            .collect()
    }

    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        let options = self.opt.iter().flat_map(|opt| &opt.options);
        options.filter(|(found, _)| *found == code).map(|(_, content)| content.as_slice()).next()
    }

    /// No record but OPT.
    #[track_caller]
    pub(crate) fn assert_no_records(&self) {
        let none: [String; 0] = [];
        assert_eq!(
            (&self.answers[..], &self.authorities[..], &self.additionals[..]),
            (&none[..], &none[..], &none[..])
        );
    }
}

fn show(records: &[Record]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

fn read_opt(edns: &Edns) -> Opt {
    let flags = u16::from(edns.flags().dnssec_ok) << 15 | edns.flags().z;
    let options = edns.options().as_ref().iter();
    let options = options
        .map(|(code, option)| (u16::from(*code), Vec::<u8>::try_from(option).expect("an option has octets")))
        .collect();
    Opt { size: edns.max_payload(), version: edns.version(), flags, options }
}
