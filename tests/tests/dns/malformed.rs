//! D15, D15a, D17: what is no proper query.

use mci_tests::query::{Opt, Query, flag, record};
use mci_tests::reply::Reply;

use crate::world::{World, both, expect};

fn app() -> Query {
    Query::new("app.gslb.example.com", "A")
}

/// Octets that are no query at all.
fn no_queries() -> Vec<(&'static str, Vec<u8>)> {
    let mut response = app().flags(flag::QR).octets();
    let whole = app().octets();
    let mut all = vec![("a response", response.clone()), ("nothing but an ID", whole[..2].to_vec())];
    all.push(("11 octets", whole[..11].to_vec()));
    response.truncate(12);
    all.push(("the header of a response", response));
    all
}

#[test]
fn d15_direct_no_reply_to_what_is_no_query() {
    let world = World::direct();
    for client in world.clients() {
        for (what, octets) in no_queries() {
            eprintln!("{what} over {:?}", client.transport);
            client.expect_no_reply(&octets);
        }
        // And all is well after it.
        expect(&client.ask(&app()), "NOERROR", true);
    }
}

#[test]
fn d15_coredns_gives_no_reply_to_what_is_no_query_itself() {
    let Some(world) = World::coredns() else { return };
    for client in world.clients() {
        for (what, octets) in no_queries() {
            eprintln!("{what} over {:?}", client.transport);
            if octets.len() >= 12 {
                client.expect_no_reply(&octets);
            }
        }
        expect(&client.ask(&app()), "NOERROR", true);
    }
}

/// Messages whose header can be read and whose rest is wrong, with whether the question can be read.
fn broken() -> Vec<(&'static str, Vec<u8>, bool)> {
    let with_opt = |option: &[u8]| {
        let mut octets = app().edns().octets();
        let length = octets.len();
        octets[length - 1] = u8::try_from(option.len()).unwrap();
        octets.extend(option);
        octets
    };
    let counts = |at: usize, count: u8| {
        let mut octets = app().octets();
        octets[at] = count;
        octets
    };
    let plain = app().octets();
    let mut pointer_loop = Query::empty().octets();
    pointer_loop[5] = 1;
    pointer_loop.extend(b"\xc0\x0c\0\x01\0\x01");
    let mut forward = Query::empty().octets();
    forward[5] = 1;
    forward.extend(b"\x03app\xc0\xff\0\x01\0\x01");
    let mut long_label = Query::empty().octets();
    long_label[5] = 1;
    long_label.extend(b"\x80abc\0\0\x01\0\x01");
    let mut long_name = Query::empty().octets();
    long_name[5] = 1;
    for _ in 0..64 {
        long_name.extend(b"\x03abc");
    }
    long_name.extend(b"\0\0\x01\0\x01");
    let mut in_answer = plain.clone();
    in_answer[7] = 1;
    in_answer.extend(Opt::new().octets());
    vec![
        ("a pointer to itself", pointer_loop, false),
        ("a pointer forward", forward, false),
        ("a label of an unknown kind", long_label, false),
        ("a name of 257 octets", long_name, false),
        ("a header that promises a question", counts(5, 1)[..12].to_vec(), false),
        ("a question cut off in its name", plain[..20].to_vec(), false),
        ("a question without its class", plain[..plain.len() - 2].to_vec(), false),
        ("an additional record that is not there", counts(11, 1), true),
        ("an answer that is not there", counts(7, 1), true),
        ("an OPT record at a name", app().additional(record("x", 41, 1232, 0, b"")).octets(), true),
        ("an OPT record among the answers", in_answer, true),
        ("an OPT record cut off", app().edns().octets()[..plain.len() + 5].to_vec(), true),
        ("half an option", with_opt(b"\0\x0a\0"), true),
        ("an option past the end of its record", with_opt(b"\0\x03\0\x04ab"), true),
        ("two OPT records", app().additional(Opt::new().octets()).edns().octets(), true),
    ]
}

#[test]
fn d15a_direct_a_broken_message_is_a_format_error() {
    let world = World::direct();
    for client in world.clients() {
        for (what, octets, readable) in broken() {
            let reply = client.ask_octets(&octets).unwrap_or_else(|| panic!("no reply to {what}"));
            let reply = Reply::read(&reply).unwrap_or_else(|error| panic!("{what}: {error}"));
            expect(&reply, "FORMERR", false);
            assert_eq!(reply.questions.len(), usize::from(readable), "{what}: {reply}");
            assert_eq!(
                (reply.answers(), reply.authorities(), reply.additionals()),
                (vec![], vec![], vec![]),
                "{reply}"
            );
        }
        expect(&client.ask(&app()), "NOERROR", true);
    }
}

#[test]
fn d15a_coredns_two_opt_records_are_a_format_error() {
    let Some(world) = World::coredns() else { return };
    for client in world.clients() {
        let reply = client.ask(&app().additional(Opt::new().octets()).edns());
        assert_eq!((reply.rcode.as_str(), reply.answers()), ("FORMERR", vec![]), "{reply}");
    }
}

#[test]
fn d15a_direct_records_of_answer_and_authority_are_ignored() {
    for client in World::direct().clients() {
        for at in [7, 9] {
            let mut octets = app().octets();
            octets[at] = 1;
            octets.extend(record("x.example.com", 1, 1, 5, &[192, 0, 2, 1]));
            let reply = Reply::read(&client.ask_octets(&octets).expect("a reply")).unwrap();
            expect(&reply, "NOERROR", true);
            assert_eq!(reply.data("A"), ["192.0.2.10", "192.0.2.11"], "{reply}");
        }
    }
}

/// 64 KiB of anything: no panic (the rig would see it), and the next query is answered.
#[test]
fn d15a_direct_garbage_of_any_size_does_no_harm() {
    let world = World::direct();
    let [udp, tcp] = world.clients();
    for (index, size) in [12, 13, 17, 64, 512, 1_232, 1_233, 4_096, 65_000].into_iter().enumerate() {
        for fill in [0x00, 0x01, 0x3f, 0xc0, 0xff] {
            let mut octets = vec![fill; size];
            // A query for one question, whatever the rest says.
            octets[2] = 0;
            octets[4..6].copy_from_slice(&[0, 1]);
            octets[0] = u8::try_from(index).unwrap();
            let _ = mci_tests::client::udp(udp.server, &octets, std::time::Duration::from_millis(20));
            let _ = tcp.ask_octets(&octets);
        }
        expect(&udp.ask(&app()), "NOERROR", true);
        expect(&tcp.ask(&app()), "NOERROR", true);
    }
}

#[test]
fn d17_direct_trailing_octets_are_accepted() {
    for client in World::direct().clients() {
        for query in
            [app().trailing(b"\0"), app().trailing(b"anything at all"), app().edns().trailing(&[0xff; 64])]
        {
            let reply = client.ask(&query);
            expect(&reply, "NOERROR", true);
            assert_eq!(reply.data("A"), ["192.0.2.10", "192.0.2.11"], "{reply}");
        }
    }
}

both!(
    fn d15a_direct_options_that_end_with_their_record_are_fine,
    fn d15a_coredns_options_that_end_with_their_record_are_fine,
    whole_options
);

/// The counterpart of the broken ones: an empty option, and one that fills the record.
fn whole_options(world: &World) {
    for client in world.clients() {
        let opt = Opt::new().option(65_001, b"").option(65_002, &[7; 100]);
        expect(&client.ask(&app().opt(opt)), "NOERROR", true);
    }
}
