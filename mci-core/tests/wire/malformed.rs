//! Messages that are wrong, or unusual and right: D14 to D17.

use mci_core::RecordType;
use mci_core::wire::{Disposition, Transport};

use crate::ask::{a_record, opt_record, question, send, wire};
use crate::world::snapshot;
use crate::{Ask, Reply};

fn stream(octets: &[u8]) -> Reply {
    Reply::read(send(&snapshot(), octets, Transport::Stream))
}

#[track_caller]
fn assert_formerr_with_question(octets: &[u8]) {
    let reply = stream(octets);
    assert_eq!((reply.rcode, reply.flags.as_str()), (1, "qr"));
    assert_eq!(reply.question, ["v4.gslb.example.com. IN A"]);
    assert_eq!(reply.facts.disposition, Disposition::Reply);
    reply.assert_no_records();
}

#[track_caller]
fn assert_unreadable(octets: &[u8]) {
    let reply = stream(octets);
    assert_eq!((reply.rcode, reply.flags.as_str(), reply.question.len()), (1, "qr", 0));
    assert_eq!(reply.facts.disposition, Disposition::Unreadable);
    assert_eq!(reply.facts.query_type, None);
    assert_eq!(reply.octets.len(), 12);
}

fn v4() -> Ask {
    Ask::a("v4.gslb.example.com")
}

#[test]
fn d14_no_question_or_two() {
    let mut none = v4();
    none.questions.clear();
    let mut two = v4();
    two.questions.push(question("app.gslb.example.com", RecordType::A, 1));
    let mut compressed = v4();
    compressed.questions.push(b"\x03app\xc0\x0f\x00\x01\x00\x01".to_vec());
    for ask in [none, two, compressed] {
        for ask in [ask.clone(), ask.opt()] {
            let reply = ask.udp(&snapshot());
            assert_eq!((reply.rcode, reply.flags.as_str()), (1, "qr"));
            assert_eq!(reply.opt.is_some(), !ask.records[2].is_empty());
            reply.assert_no_records();
        }
    }
}

#[test]
fn d15_no_message_at_all() {
    let octets = v4().octets();
    for len in 0..12 {
        let (facts, out) = send(&snapshot(), &octets[..len], Transport::Stream);
        assert_eq!((facts.disposition, out.len()), (Disposition::Drop, 0), "{len}");
    }
    let (facts, out) = send(&snapshot(), &v4().flags(0x8000).octets(), Transport::Stream);
    assert_eq!((facts.disposition, out.len()), (Disposition::Drop, 0));
}

#[test]
fn d15a_cut_off_anywhere() {
    let ask = v4().additional(a_record("x")).opt();
    let octets = ask.octets();
    let question_end = 12 + wire("v4.gslb.example.com").len() + 4;
    for len in 12..octets.len() {
        if len < question_end {
            assert_unreadable(&octets[..len]);
        } else {
            assert_formerr_with_question(&octets[..len]);
        }
    }
    assert_eq!(stream(&octets).rcode, 0);
}

#[test]
fn d15a_counts_that_lie() {
    let octets = v4().opt().octets();
    for (at, count) in [(5, 2), (7, 1), (9, 1), (11, 2), (4, 255), (6, 255), (8, 255), (10, 255)] {
        let mut lying = octets.clone();
        lying[at] = count;
        assert_formerr_with_question(&lying);
    }
}

#[test]
fn d15a_a_question_that_cannot_be_read() {
    for name in [
        &b"\xc0\x0c"[..],
        b"\x01a\xc0\x0c",
        b"\xc0\x00",
        b"\xc0\xff",
        b"\x40a\x00",
        b"\x80a\x00",
        b"\x3fabc\x00",
    ] {
        let mut ask = v4();
        ask.questions = vec![[name, &[0, 1, 0, 1]].concat()];
        assert_unreadable(&ask.octets());
        assert_unreadable(&ask.opt().octets());
    }
}

#[test]
fn d15a_pointers_that_loop_or_lead_forward() {
    for name in [&b"\xc0\x25"[..], b"\xc0\xff", b"\xff\xff", b"\x01a\xc0\x25", b"\xc0\x26"] {
        let record = [name, &[0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 1, 2, 3, 4]].concat();
        assert_formerr_with_question(&v4().additional(record).octets());
    }
}

#[test]
fn d15a_an_opt_that_is_twice_there_or_out_of_place() {
    assert_formerr_with_question(&v4().opt().opt().octets());
    for section in [0, 1] {
        let mut ask = v4();
        ask.records[section].push(opt_record(1232, 0, 0, &[]));
        assert_formerr_with_question(&ask.octets());
    }
    let mut not_at_root = wire("x");
    not_at_root.extend(&opt_record(1232, 0, 0, &[])[1..]);
    assert_formerr_with_question(&v4().additional(not_at_root).octets());
}

#[test]
fn d15a_an_option_past_the_end_of_the_opt() {
    for data in [&b"\x00"[..], b"\x00\x0a\x00", b"\x00\x0a\x00\x08\x01", b"\x00\x64\xff\xff"] {
        let mut record = opt_record(1232, 0, 0, &[]);
        let len = record.len();
        record[len - 1] = u8::try_from(data.len()).unwrap();
        record.extend(data);
        assert_formerr_with_question(&v4().additional(record.clone()).octets());
        // The same in a message that is not plain.
        assert_formerr_with_question(&v4().additional(a_record("x")).additional(record).octets());
    }
}

#[test]
fn d15a_answers_and_authorities_of_a_query_are_ignored() {
    let mut ask = v4().opt();
    ask.records[0].push(a_record("v4.gslb.example.com"));
    ask.records[1].push(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x05\x00\x16\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01".to_vec());
    let reply = ask.udp(&snapshot());
    assert_eq!((reply.rcode, reply.answers.len(), reply.opt.is_some()), (0, 1, true));
}

#[test]
fn d15a_64_kib_of_garbage() {
    let mut garbage: Vec<u8> =
        (0..65_535_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    garbage[2] = 0;
    assert_eq!(stream(&garbage).rcode, 1);
    garbage[2] = 0xff;
    assert_eq!(send(&snapshot(), &garbage, Transport::Stream).0.disposition, Disposition::Drop);
}

#[test]
fn d16_other_opcodes_are_not_implemented() {
    for opcode in 1..16 {
        let reply = v4().opcode(opcode).opt().udp(&snapshot());
        assert_eq!((reply.rcode, reply.flags.as_str(), u16::from(reply.opcode())), (4, "qr", opcode));
        assert_eq!(reply.question, ["v4.gslb.example.com. IN A"]);
        assert!(reply.opt.is_some());
        reply.assert_no_records();
    }
    // NOTIFY and UPDATE have records; a header alone is enough; and what cannot be read is not echoed.
    let mut notify = v4().opcode(4);
    notify.records[0].push(a_record("v4.gslb.example.com"));
    let mut header_only = v4().opcode(15);
    header_only.questions.clear();
    let mut unreadable = v4().opcode(15);
    unreadable.questions = vec![b"\xc0\x0c\x00".to_vec()];
    for (ask, questions) in [(notify, 1), (header_only, 0), (unreadable, 0)] {
        let reply = ask.udp(&snapshot());
        assert_eq!((reply.rcode, reply.question.len()), (4, questions));
        assert_eq!(reply.facts.disposition, Disposition::Reply);
    }
}

#[test]
fn d17_trailing_octets_are_accepted() {
    for ask in [v4(), v4().opt(), v4().additional(a_record("x")).opt()] {
        let mut longer = ask.clone();
        longer.trailing = vec![0xc0; 100];
        assert_eq!(longer.udp(&snapshot()).octets, ask.udp(&snapshot()).octets);
    }
}

#[test]
fn names_that_could_be_no_hostname_are_simply_not_held() {
    for name in [&b"\x03a.b\x04gslb\x07example\x03com\x00"[..], b"\x02\x00\xff\x04gslb\x07example\x03com\x00"]
    {
        let mut ask = v4();
        ask.questions = vec![[name, &[0, 1, 0, 1]].concat()];
        let reply = ask.udp(&snapshot());
        assert_eq!(reply.rcode, 3);
        assert_eq!(reply.octets[12..12 + name.len()], *name);
    }
    // The root is above what is held outside every zone (D12).
    let reply = Ask::a(".").udp(&snapshot());
    assert_eq!((reply.rcode, reply.question), (0, vec![". IN A".to_owned()]));
    // As owner of the SOA it is one octet, not a pointer of two.
    assert_eq!(reply.octets[12 + 5..][..3], [0, 0, 6]);
}
