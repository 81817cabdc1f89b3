//! D1, D2, D26, D28, D29: what is held is answered, each query its own.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::Duration;

use mci_tests::client::{Connection, Transport};
use mci_tests::query::{Query, flag};
use mci_tests::reply::Reply;

use crate::world::{World, both, expect};

both!(fn d01_direct_answers_what_is_held, fn d01_coredns_answers_what_is_held, answers_what_is_held);

fn answers_what_is_held(world: &World) {
    for client in world.clients() {
        // Every flag that a query may have set: RD alone comes back.
        let query = Query::new("app.gslb.example.com", "A").flags(flag::RD | flag::CD | flag::AD);
        let reply = client.ask(&query);
        assert_eq!(
            reply.answers(),
            ["app.gslb.example.com. 5 A 192.0.2.10", "app.gslb.example.com. 5 A 192.0.2.11"],
            "{reply}"
        );
        assert_eq!((reply.rcode.as_str(), reply.opcode.as_str()), ("NOERROR", "QUERY"));
        assert_eq!(reply.flags, flag::QR | flag::AA | flag::RD, "{reply}");
        assert_eq!(reply.questions, ["app.gslb.example.com. IN A"]);
        assert_eq!((reply.authorities(), reply.additionals(), reply.opt), (vec![], vec![], None));

        let reply = client.query("app.gslb.example.com", "AAAA");
        assert_eq!(reply.answers(), ["app.gslb.example.com. 5 AAAA 2001:db8::10"], "{reply}");
        assert_eq!(reply.flags, flag::QR | flag::AA, "{reply}");

        let reply = client.query("four.gslb.example.com", "A");
        assert_eq!(reply.answers(), ["four.gslb.example.com. 30 A 192.0.2.12"], "{reply}");
    }
}

both!(
    fn d02_direct_finds_a_name_in_any_spelling_and_repeats_it,
    fn d02_coredns_finds_a_name_in_any_spelling_and_repeats_it,
    finds_a_name_in_any_spelling
);

fn finds_a_name_in_any_spelling(world: &World) {
    for client in world.clients() {
        let reply = client.query("aPP.GsLb.eXaMpLe.CoM", "AAAA");
        assert_eq!(reply.questions, ["aPP.GsLb.eXaMpLe.CoM. IN AAAA"], "{reply}");
        assert_eq!(reply.answers(), ["aPP.GsLb.eXaMpLe.CoM. 5 AAAA 2001:db8::10"], "{reply}");

        let reply = client.query("Any.THING.wIld.gslb.example.com", "A");
        assert_eq!(reply.answers(), ["Any.THING.wIld.gslb.example.com. 5 A 192.0.2.14"], "{reply}");

        // A–Z are folded and nothing else: an escaped dot is no dot, and a space is a space.
        for name in [r"app\.gslb.example.com", r"\032app.gslb.example.com", r"a\000pp.gslb.example.com"] {
            let reply = client.query(name, "A");
            assert_eq!(reply.answers(), [""; 0], "{reply}");
            assert_ne!(reply.rcode, "NOERROR", "{reply}");
        }
    }
}

both!(fn d26_direct_gives_an_address_once, fn d26_coredns_gives_an_address_once, gives_an_address_once);

fn gives_an_address_once(world: &World) {
    for client in world.clients() {
        let reply = client.query("same.gslb.example.com", "A");
        assert_eq!(reply.answers(), ["same.gslb.example.com. 5 A 192.0.2.18"], "{reply}");
    }
}

both!(fn d28_direct_repeats_every_id, fn d28_coredns_repeats_every_id, repeats_every_id);

fn repeats_every_id(world: &World) {
    for client in world.clients() {
        for id in [0, 1, 0x00ff, 0xff00, 0x7fff, 0x8000, 0xffff] {
            // `ask` fails where the ID is another, for every test in this program.
            expect(&client.ask(&Query::new("app.gslb.example.com", "A").id(id)), "NOERROR", true);
            expect(&client.ask(&Query::new("missing.gslb.example.com", "A").id(id)), "NXDOMAIN", true);
        }
    }
}

both!(
    fn d29_direct_answers_each_of_many_at_once,
    fn d29_coredns_answers_each_of_many_at_once,
    answers_each_of_many_at_once
);

/// 200 queries for 200 names under a wildcard, all sent before the first reply is read.
fn answers_each_of_many_at_once(world: &World) {
    const COUNT: u16 = 200;
    let queries: HashMap<u16, Query> = (0..COUNT)
        .map(|number| (number, Query::new(&format!("n{number}.wild.gslb.example.com"), "A").id(number)))
        .collect();
    let judge = |replies: Vec<Reply>| {
        let mut seen: Vec<u16> = replies.iter().map(|reply| reply.id).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..COUNT).collect::<Vec<u16>>(), "each is answered once");
        for reply in replies {
            let own = format!("n{}.wild.gslb.example.com. 5 A 192.0.2.14", reply.id);
            assert_eq!(reply.answers(), [own], "{reply}");
        }
    };
    for client in world.clients() {
        let replies = match client.transport {
            Transport::Tcp => {
                let mut connection = Connection::open(client.server);
                for query in queries.values() {
                    connection.send(&query.octets());
                }
                (0..COUNT).map(|_| connection.reply()).collect()
            }
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                socket.connect(client.server).unwrap();
                for query in queries.values() {
                    socket.send(&query.octets()).unwrap();
                }
                let mut buffer = [0; 1_500];
                (0..COUNT)
                    .map(|_| {
                        let length = socket.recv(&mut buffer).unwrap();
                        Reply::read(&buffer[..length]).unwrap()
                    })
                    .collect()
            }
        };
        judge(replies);
    }
}
