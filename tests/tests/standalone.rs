//! `mci standalone` as people run it: what it says and does at its start and end, and files that change while it
//! answers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::client::Transport;
use mci_tests::dig::{self, dig};
use mci_tests::http;
use mci_tests::load::{Answer, Plan};
use mci_tests::mci::{Mci, mci, repository};
use mci_tests::port::Port;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// West answers; with `east` in its place, east does.
const WEST: &str = "
zones:
  - name: gslb.example.com
    nameservers:
      - {name: ns1.gslb.example.com, addresses: [192.0.2.53]}
      - ns2.example.net
    negativeTtl: 7
hostnames:
  - hostname: app.gslb.example.com
    endpoints: [{cluster: west, addresses: [192.0.2.10, \"2001:db8::10\"]}]
  - hostname: \"*.wild.gslb.example.com\"
    endpoints: [{cluster: west, addresses: [192.0.2.11]}]
  - hostname: alias.gslb.example.com
    endpoints: [{cluster: west, addresses: [app.gslb.example.com]}]
";

fn east() -> String {
    WEST.replace("192.0.2.10, \"2001:db8::10\"", "198.51.100.20")
}

#[test]
fn dig_gets_what_it_asks_for() {
    if !require::present(&[Component::Dig, Component::Ipv6]) {
        return;
    }
    let mci = Mci::over(WEST).ipv6().start();
    for server in [mci.dns(), mci.dns_v6()] {
        for protocol in ["+notcp", "+tcp"] {
            let ask = |arguments: &[&str]| dig(server, &[&[protocol], arguments].concat());

            let found = ask(&["app.gslb.example.com", "A"]);
            assert_eq!((found.status.as_str(), found.flags.as_str()), ("NOERROR", "qr aa"), "{}", found.text);
            assert_eq!(
                found.section("ANSWER"),
                ["app.gslb.example.com. 5 IN A 192.0.2.10"],
                "{}",
                found.text
            );
            assert!(!found.text.contains("WARNING"), "{}", found.text);

            let found = ask(&["app.gslb.example.com", "AAAA"]);
            assert_eq!(
                found.section("ANSWER"),
                ["app.gslb.example.com. 5 IN AAAA 2001:db8::10"],
                "{}",
                found.text
            );

            let found = ask(&["gslb.example.com", "SOA"]);
            assert!(
                found.section("ANSWER")[0]
                    .starts_with("gslb.example.com. 3600 IN SOA ns1.gslb.example.com. ")
            );

            let found = ask(&["gslb.example.com", "NS"]);
            assert_eq!(
                found.section("ANSWER"),
                [
                    "gslb.example.com. 3600 IN NS ns1.gslb.example.com.",
                    "gslb.example.com. 3600 IN NS ns2.example.net."
                ]
            );
            assert_eq!(
                found.section("ADDITIONAL"),
                ["ns1.gslb.example.com. 3600 IN A 192.0.2.53"],
                "{}",
                found.text
            );

            let found = ask(&["app.gslb.example.com", "ANY"]);
            assert_eq!(
                found.section("ANSWER"),
                ["app.gslb.example.com. 7 IN HINFO \"RFC8482\" \"\""],
                "{}",
                found.text
            );

            let found = ask(&["any.thing.wild.gslb.example.com", "A"]);
            assert_eq!(found.section("ANSWER"), ["any.thing.wild.gslb.example.com. 5 IN A 192.0.2.11"]);

            let found = ask(&["alias.gslb.example.com", "A"]);
            assert_eq!(
                found.section("ANSWER"),
                [
                    "alias.gslb.example.com. 5 IN CNAME app.gslb.example.com.",
                    "app.gslb.example.com. 5 IN A 192.0.2.10",
                ]
            );

            let found = ask(&["missing.gslb.example.com", "A"]);
            assert_eq!(found.status, "NXDOMAIN", "{}", found.text);
            assert!(
                found.section("AUTHORITY")[0].starts_with("gslb.example.com. 7 IN SOA "),
                "{}",
                found.text
            );

            let found = ask(&["aPP.gslb.EXAMPLE.com", "A"]);
            assert_eq!(
                found.section("ANSWER"),
                ["aPP.gslb.EXAMPLE.com. 5 IN A 192.0.2.10"],
                "{}",
                found.text
            );

            assert_eq!(ask(&["www.example.net", "A"]).status, "REFUSED");
        }
    }
}

/// Every way in which people and programs replace files.
#[test]
fn a_new_version_is_served_however_it_is_written() {
    let mci = Mci::start(WEST);
    let udp = mci.client(Transport::Udp);
    let served = |address: &str| {
        wait::until_true(&format!("{address} is answered"), || {
            udp.query("app.gslb.example.com", "A").data("A") == [address]
        });
    };
    served("192.0.2.10");
    mci.replace_state(&east());
    served("198.51.100.20");
    mci.overwrite_state(WEST.as_bytes());
    served("192.0.2.10");

    // In two halves, with a pause that an editor may make: the half is never served.
    let text = east();
    let (half, _) = text.split_at(text.find("  - hostname: \"*").unwrap() + 10);
    mci.overwrite_state(half.as_bytes());
    thread::sleep(Duration::from_millis(30));
    mci.overwrite_state(text.as_bytes());
    served("198.51.100.20");
    assert_eq!(udp.query("any.wild.gslb.example.com", "A").data("A"), ["192.0.2.11"]);

    // Removed and written again.
    fs::remove_file(mci.state_file()).unwrap();
    assert_eq!(udp.query("app.gslb.example.com", "A").data("A"), ["198.51.100.20"]);
    mci.overwrite_state(WEST.as_bytes());
    served("192.0.2.10");
}

/// As the kubelet updates a `ConfigMap`: `state.yaml` → `..data/state.yaml`, and `..data` → a folder that is replaced.
#[test]
fn a_new_version_is_served_that_comes_as_a_config_map() {
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let root = folder.path();
    let version = |name: &str, text: &str| {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("state.yaml"), text).unwrap();
        symlink(name, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    version("..1", WEST);
    symlink("..data/state.yaml", root.join("state.yaml")).unwrap();

    let mci = Mci::over("hostnames: []\n").over_file(&root.join("state.yaml")).start();
    let udp = mci.client(Transport::Udp);
    assert_eq!(udp.query("app.gslb.example.com", "A").data("A"), ["192.0.2.10"]);
    version("..2", &east());
    fs::remove_dir_all(root.join("..1")).unwrap();
    wait::until_true("east is answered", || {
        udp.query("app.gslb.example.com", "A").data("A") == ["198.51.100.20"]
    });
}

#[test]
fn a_bad_new_version_changes_nothing_and_is_logged() {
    let mut mci = Mci::start(WEST);
    let udp = mci.client(Transport::Udp);
    let bad: [(&str, &[u8]); 8] = [
        ("an unknown key", b"zoness: []\nhostnames: []\n"),
        ("no YAML", b"zones: [\n"),
        ("not UTF-8", b"zones: []\nhostnames: [\xff\xfe]\n"),
        ("empty", b""),
        ("a wrong type", b"zones: 7\n"),
        (
            "a weight over u32",
            b"hostnames: [{hostname: a.example.com, endpoints: [{cluster: w, weight: 4294967296}]}]\n",
        ),
        (
            "no address",
            b"hostnames: [{hostname: a.example.com, endpoints: [{cluster: w, addresses: [192.0.2.300]}]}]\n",
        ),
        ("an unquoted star", b"hostnames: [{hostname: *.example.com, endpoints: []}]\n"),
    ];
    for (what, text) in bad {
        let logged = mci.process.log().len();
        mci.overwrite_state(text);
        mci.process.wait_until(&format!("{what} is logged"), |log| log[logged..].contains("state.yaml"));
        let reply = udp.query("app.gslb.example.com", "A");
        assert_eq!(reply.data("A"), ["192.0.2.10"], "{what}: {reply}");
    }
    assert_eq!(http::get(mci.http(), "/readyz").unwrap().status, 200);
    let refused = http::sample(&mci.metrics(), "mci_state_file_reloads_total{result=\"refused\"}");
    assert_eq!(refused, Some(8.0));
    mci.overwrite_state(east().as_bytes());
    wait::until_true("a good one is served", || {
        udp.query("app.gslb.example.com", "A").data("A") == ["198.51.100.20"]
    });
}

/// None failed, none wrong, while the file is edited every 300 ms and dig runs in a loop beside the load.
#[test]
fn editing_the_file_while_queries_come_fails_none() {
    let mut mci = Mci::start(WEST);
    let stop = AtomicBool::new(false);
    let with_dig = require::present(&[Component::Dig]);
    let (west, east_answer) = (Answer::addresses(["192.0.2.10"]), Answer::addresses(["198.51.100.20"]));
    // Noticed within a second, and served when it is parsed: with room for a machine that is busy.
    let mut checker = Checker::new(Duration::from_secs(3)).phase("west", Instant::now(), [west.clone()]);
    let mut strict = Checker::new(Duration::ZERO).phase("west", Instant::now(), [west.clone()]);
    let mut plan = Plan::new([mci.dns()], "app.gslb.example.com");
    plan.clients = 2;
    let udp = mci.client(Transport::Udp);
    let load = plan.start();
    thread::scope(|scope| {
        let digging = scope.spawn(|| {
            let mut seen = 0;
            while with_dig && !stop.load(Ordering::Relaxed) {
                let lines = dig::short(mci.dns(), &["app.gslb.example.com", "A"]);
                assert!(lines == ["192.0.2.10"] || lines == ["198.51.100.20"], "{lines:?}");
                seen += 1;
            }
            seen
        });
        for round in 0..10 {
            let (text, answer, address) = if round % 2 == 0 {
                (east(), &east_answer, "198.51.100.20")
            } else {
                (WEST.to_owned(), &west, "192.0.2.10")
            };
            let name = if round % 2 == 0 { "east" } else { "west" };
            checker = checker.clone().phase(name, Instant::now(), [answer.clone()]);
            strict = strict.clone().phase(name, Instant::now(), [answer.clone()]);
            if round % 3 == 0 {
                mci.overwrite_state(text.as_bytes());
            } else {
                mci.replace_state(&text);
            }
            wait::until_true(name, || udp.query("app.gslb.example.com", "A").data("A") == [address]);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(digging.join().unwrap() > 10 || !with_dig);
    });
    let exchanges = load.stop();
    checker.judge(&exchanges).assert_none_failed_none_wrong(500);
    // The check is seen to fail: nothing is served in the instant in which it is written.
    assert!(!strict.judge(&exchanges).wrong.is_empty());
    // Each change of what may be answered is one line.
    mci.process.wait_until("the changes are logged", |log| log.matches("Answer changed").count() >= 10);
    let log = mci.process.log();
    let line = log.lines().find(|line| line.contains("Answer changed")).unwrap();
    for part in ["app.gslb.example.com", "192.0.2.10", "198.51.100.20"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

/// R26 holds what an operator publishes and what a dns-server takes in, not a file that someone has edited.
#[test]
fn r26_a_file_that_loses_its_names_acts_at_once() {
    use std::fmt::Write as _;

    let mut all = "zones: [{name: gslb.example.com}]\ndnsServerName: ns.example.net\nhostnames:\n".to_owned();
    let mut few = all.clone();
    for number in 0..100 {
        let line = format!(
            "  - {{hostname: n{number}.gslb.example.com, endpoints: [{{cluster: west, addresses: [192.0.2.1]}}]}}\n"
        );
        let _ = write!(all, "{line}");
        if number < 3 {
            let _ = write!(few, "{line}");
        }
    }
    let mci = Mci::start(&all);
    let udp = mci.client(Transport::Udp);
    assert_eq!(udp.query("n99.gslb.example.com", "A").rcode, "NOERROR");
    mci.replace_state(&few);
    wait::until_true("97 of 100 are gone", || udp.query("n99.gslb.example.com", "A").rcode == "NXDOMAIN");
    assert_eq!(udp.query("n2.gslb.example.com", "A").rcode, "NOERROR");
}

#[test]
fn several_files_and_folders_are_one_state() {
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    fs::create_dir(folder.path().join("hostnames")).unwrap();
    let zones = folder.path().join("zones.yaml");
    fs::write(&zones, "zones: [{name: gslb.example.com, nameservers: [ns1.example.net, ns2.example.net]}]\n")
        .unwrap();
    let hostname = |name: &str, address: &str| {
        let path = folder.path().join("hostnames").join(format!("{name}.yaml"));
        let text = format!(
            "hostnames: [{{hostname: {name}.gslb.example.com, endpoints: [{{cluster: west, addresses: [{address}]}}]}}]\n"
        );
        fs::write(path, text).unwrap();
    };
    hostname("one", "192.0.2.1");
    let mci = Mci::over("").over_file(&zones).and_file(&folder.path().join("hostnames")).start();
    let udp = mci.client(Transport::Udp);
    assert_eq!(udp.query("one.gslb.example.com", "A").data("A"), ["192.0.2.1"]);
    // A file that comes to the folder, one that changes, and one that goes.
    hostname("two", "192.0.2.2");
    wait::until_true("two is there", || udp.query("two.gslb.example.com", "A").data("A") == ["192.0.2.2"]);
    hostname("two", "192.0.2.22");
    wait::until_true("two has changed", || {
        udp.query("two.gslb.example.com", "A").data("A") == ["192.0.2.22"]
    });
    fs::remove_file(folder.path().join("hostnames").join("one.yaml")).unwrap();
    wait::until_true("one is gone", || udp.query("one.gslb.example.com", "A").rcode == "NXDOMAIN");
}

/// Runs to its end, which has to come at once.
fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

fn standalone(file: &Path) -> Command {
    let mut command = mci();
    command.arg("standalone").arg(file).args(["--dns", "off", "--grpc", "off", "--http", "off"]);
    command
}

#[test]
fn a_taken_port_names_its_flag_and_its_holder() {
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let file = folder.path().join("state.yaml");
    fs::write(&file, WEST).unwrap();
    let port = Port::reserve();
    let address = port.v4().to_string();
    let free = |flag: &str| if flag == "--dns" { Port::reserve().v4().to_string() } else { "off".to_owned() };
    let tcp = TcpListener::bind(port.v4()).unwrap();
    for flag in ["--dns", "--grpc", "--http"] {
        let mut command = mci();
        command.arg("standalone").arg(&file);
        for other in ["--dns", "--grpc", "--http"] {
            command.args([other.to_owned(), if other == flag { address.clone() } else { free(other) }]);
        }
        let (code, said) = run(&mut command);
        assert!(code.is_some_and(|code| code != 0 && code != 101), "{code:?}: {said}");
        assert!(said.contains(flag) && said.contains(&address), "{flag} and {address} are not in: {said}");
        // Its holder is this very process.
        assert!(said.contains(&std::process::id().to_string()), "the holder's ID is not in: {said}");
    }
    drop(tcp);
    let _udp = UdpSocket::bind(port.v4()).unwrap();
    let mut command = mci();
    command.arg("standalone").arg(&file).args(["--dns", &address, "--grpc", "off", "--http", "off"]);
    let (code, said) = run(&mut command);
    assert!(code.is_some_and(|code| code != 0 && code != 101), "{code:?}: {said}");
    assert!(said.contains("--dns") && said.contains(&address), "{said}");
}

#[test]
fn a_bad_file_is_refused_with_every_mistake_and_its_place() {
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let file = folder.path().join("state.yaml");
    let text = "zones:\n  - name: gslb.example.com\n    nameserver: []\nclusters: [{name: west}]\nhostnames:\n  \
        - hostname: app.gslb.example.com\n    endpoints:\n      - {cluster: wset, addresses: [192.0.2.300]}\n";
    fs::write(&file, text).unwrap();
    let (code, said) = run(&mut standalone(&file));
    assert!(code.is_some_and(|code| code != 0), "{code:?}: {said}");
    for part in ["state.yaml:3", "nameserver", "nameservers", "state.yaml:8", "wset", "west", "192.0.2.300"] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}

#[test]
fn files_that_cannot_be_served_are_one_clear_message() {
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let file = folder.path().join("state.yaml");
    let (code, said) = run(&mut standalone(&file));
    assert!(code.is_some_and(|code| code != 0) && said.contains("state.yaml"), "{code:?}: {said}");

    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for letter in 'b'..='i' {
        let last = char::from(u8::try_from(letter).unwrap() - 1);
        bomb.extend([&format!("{letter}: &{letter} ["), &format!("*{last},").repeat(10)[..], "]\n"]);
    }
    let bad: [(&str, Vec<u8>); 5] = [
        ("empty", Vec::new()),
        ("not UTF-8", b"hostnames: [\xff]".to_vec()),
        ("a list", b"- one\n".to_vec()),
        ("anchors that explode", bomb.into_bytes()),
        ("binary", (0..=255).cycle().take(100_000).collect()),
    ];
    for (what, text) in bad {
        fs::write(&file, text).unwrap();
        let started = Instant::now();
        let (code, said) = run(&mut standalone(&file));
        assert!(code.is_some_and(|code| code != 0 && code != 101), "{what}: {code:?}: {said}");
        assert!(said.contains("state.yaml"), "{what}: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
        assert!(said.len() < 10_000, "{what}: a message of {} octets", said.len());
        assert!(started.elapsed() < Duration::from_secs(20), "{what}: {:?}", started.elapsed());
    }
}

#[test]
fn a_misspelt_flag_names_the_nearest() {
    let (code, said) = run(mci().args(["standalone", "state.yaml", "--htttp", "off"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--http"), "{said}");
}

#[test]
fn sigterm_and_sigint_end_it_gracefully() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut mci = Mci::start(WEST);
        mci.client(Transport::Tcp).query("app.gslb.example.com", "A");
        let started = Instant::now();
        mci.process.signal(signal);
        let status = mci.process.wait();
        assert_eq!(status.code(), Some(0), "{signal}: {status}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let mci = Mci::start(WEST);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http::get(mci.http(), path).unwrap().status, 200, "{path}");
    }
    assert_eq!(http::get(mci.http(), "/nothing").unwrap().status, 404);
    for client in mci.clients() {
        client.query("app.gslb.example.com", "A");
        client.query("missing.gslb.example.com", "A");
    }
    let metrics = mci.metrics();
    let value = |labels: [&str; 2]| {
        let line = metrics.lines().find(|line| {
            line.starts_with("mci_dns_queries_total{") && labels.iter().all(|label| line.contains(label))
        });
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
    };
    for transport in ["transport=\"udp\"", "transport=\"tcp\""] {
        for rcode in ["rcode=\"NOERROR\"", "rcode=\"NXDOMAIN\""] {
            assert_eq!(value([transport, rcode]), Some(1.0), "{transport} {rcode}:\n{metrics}");
        }
    }
    let names = [
        "mci_dns_query_duration_seconds",
        "mci_dns_answers_total{",
        "mci_snapshot_changed_timestamp_seconds",
        "mci_cluster_state{",
        "mci_hostnames{",
        "mci_snapshot_digest",
    ];
    for name in names {
        assert!(metrics.contains(name), "{name} is not in:\n{metrics}");
    }
}

/// The client that comes with it asks a running server both ways.
#[test]
fn mci_resolve_asks_a_running_server() {
    let mci_server = Mci::start(WEST);
    for server in [format!("dns://{}", mci_server.dns()), format!("grpc://{}", mci_server.grpc())] {
        let (code, said) =
            run(mci().args(["resolve", "app.gslb.example.com", "A", "--short", "--server", &server]));
        assert_eq!(code, Some(0), "{server}: {said}");
        assert!(said.lines().any(|line| line == "192.0.2.10"), "{server}: {said}");
    }
}

/// What the README begins with.
#[test]
fn the_example_is_served() {
    let text = fs::read_to_string(repository().join("examples").join("standalone.yaml")).unwrap();
    let mci = Mci::start(&text);
    for client in mci.clients() {
        let reply = client.query("app.gslb.example.com", "A");
        assert_eq!((reply.rcode.as_str(), reply.data("A").is_empty()), ("NOERROR", false), "{reply}");
    }
}
