//! Queries, put together octet by octet.

use core::net::IpAddr;

use mci_core::wire::{Client, CookieSecrets, Facts, Transport};
use mci_core::{RecordType, Snapshot};

use crate::Reply;
use crate::world::First;

/// A query to be changed and sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: u16,
    /// The header's second 16 bits.
    pub(crate) flags: u16,
    /// Questions as octets.
    pub(crate) questions: Vec<Vec<u8>>,
    /// Records of the answer, authority and additional section as octets.
    pub(crate) records: [Vec<Vec<u8>>; 3],
    /// Octets behind the message.
    pub(crate) trailing: Vec<u8>,
}

/// RD.
pub(crate) const RD: u16 = 0x0100;

impl Ask {
    /// A query without OPT and with RD=0.
    pub(crate) fn new(name: &str, record_type: RecordType) -> Self {
        Self {
            id: 0x2a2b,
            flags: 0,
            questions: vec![question(name, record_type, 1)],
            records: Default::default(),
            trailing: Vec::new(),
        }
    }

    pub(crate) fn a(name: &str) -> Self {
        Self::new(name, RecordType::A)
    }

    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn opcode(self, opcode: u16) -> Self {
        self.flags(opcode << 11)
    }

    pub(crate) fn class(mut self, class: u16) -> Self {
        let question = self.questions.first_mut().unwrap();
        let at = question.len() - 2;
        question[at..].copy_from_slice(&class.to_be_bytes());
        self
    }

    /// With an OPT record that says 4096.
    pub(crate) fn opt(self) -> Self {
        self.opt_with(4096, 0, 0, &[])
    }

    pub(crate) fn option(self, code: u16, content: &[u8]) -> Self {
        self.opt_with(4096, 0, 0, &[(code, content)])
    }

    pub(crate) fn opt_with(self, size: u16, version: u8, flags: u16, options: &[(u16, &[u8])]) -> Self {
        self.additional(opt_record(size, version, flags, options))
    }

    pub(crate) fn additional(mut self, record: Vec<u8>) -> Self {
        self.records[2].push(record);
        self
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        let [answers, authorities, additionals] = &self.records;
        let counts = [self.questions.len(), answers.len(), authorities.len(), additionals.len()];
        for number in [self.id, self.flags] {
            octets.extend(number.to_be_bytes());
        }
        for count in counts {
            octets.extend(u16::try_from(count).unwrap().to_be_bytes());
        }
        for part in self.questions.iter().chain(answers).chain(authorities).chain(additionals) {
            octets.extend(part);
        }
        octets.extend(&self.trailing);
        octets
    }

    /// Over gRPC.
    pub(crate) fn stream(&self, snapshot: &Snapshot) -> Reply {
        Reply::read(send(snapshot, &self.octets(), Transport::Stream))
    }

    pub(crate) fn udp(&self, snapshot: &Snapshot) -> Reply {
        self.udp_from(snapshot, "192.0.2.200", 1_700_000_000, false)
    }

    pub(crate) fn udp_from(&self, snapshot: &Snapshot, address: &str, now: u32, over_limit: bool) -> Reply {
        let address: IpAddr = address.parse().unwrap();
        let cookies = secrets();
        let client = Client { address, now, cookies: &cookies, over_limit };
        Reply::read(send(snapshot, &self.octets(), Transport::Datagram(client)))
    }

    pub(crate) fn tcp(&self, snapshot: &Snapshot) -> Reply {
        let cookies = secrets();
        let address: IpAddr = "192.0.2.200".parse().unwrap();
        let client = Client { address, now: 1_700_000_000, cookies: &cookies, over_limit: false };
        Reply::read(send(snapshot, &self.octets(), Transport::Tcp(client)))
    }
}

pub(crate) fn secrets() -> CookieSecrets {
    CookieSecrets::new([7; 16], [[8; 16]])
}

/// What comes back; the buffer had something in it before.
pub(crate) fn send(snapshot: &Snapshot, query: &[u8], transport: Transport<'_>) -> (Facts, Vec<u8>) {
    let mut out = b"left over".to_vec();
    let facts = snapshot.answer(query, transport, &mut First, &mut out);
    (facts, out)
}

/// A name in wire form, its spelling kept.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

pub(crate) fn question(name: &str, record_type: RecordType, class: u16) -> Vec<u8> {
    [wire(name).as_slice(), &record_type.0.to_be_bytes(), &class.to_be_bytes()].concat()
}

pub(crate) fn opt_record(size: u16, version: u8, flags: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (code, content) in options {
        data.extend(code.to_be_bytes());
        data.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        data.extend(*content);
    }
    let mut record = vec![0, 0, 41];
    record.extend(size.to_be_bytes());
    record.extend([0, version]);
    record.extend(flags.to_be_bytes());
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}

/// An A record of `name`, as some clients put into queries.
pub(crate) fn a_record(name: &str) -> Vec<u8> {
    [wire(name).as_slice(), &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]].concat()
}
