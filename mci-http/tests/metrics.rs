//! What Prometheus is told of messages and of the snapshot.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "a test; its values are exact"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mci_core::wire::Transport;
use mci_core::{
    Builder, Chance, ClusterState, Endpoint, Exchange, HostnameState, Live, Observe, OverrideState, Settings,
    Snapshot, Ttl, Way, Zone, Zones,
};
use mci_http::metrics::{Format, MAX_HOSTNAMES};
use mci_http::{Metrics, Reload};

/// Always the first.
struct First;

impl Chance for First {
    fn below(&mut self, _n: NonZeroU64) -> u64 {
        0
    }
}

fn zone(name: &str) -> Zone {
    Zone {
        name: name.parse().unwrap(),
        name_servers: Vec::new(),
        responsible_email: format!("hostmaster@{name}"),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records: Vec::new(),
        acme_delegation: None,
    }
}

/// An endpoint of the cluster, which is not ready where a `-` stands before its name.
fn endpoint(cluster: &str) -> Endpoint {
    let name = cluster.trim_start_matches('-');
    Endpoint::new(name.parse().unwrap(), ["192.0.2.1".parse().unwrap()]).ready(name == cluster)
}

fn settings() -> Settings {
    Settings { dns_server_name: Some("ns.example.net".parse().unwrap()), ..Settings::default() }
}

fn zones(names: &[&str]) -> Zones {
    Zones::new(names.iter().map(|name| zone(name)).collect(), settings().dns_server_name.as_ref()).unwrap()
}

fn snapshot(hostnames: &[(&str, &[&str])]) -> Snapshot {
    let mut builder = Builder::new(settings(), zones(&["example.com"]));
    for (name, clusters) in hostnames {
        let state = HostnameState::new(name.parse().unwrap());
        builder
            .insert(&clusters.iter().fold(state, |state, cluster| state.endpoint(endpoint(cluster))))
            .unwrap();
    }
    builder.build()
}

struct Rig {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
}

impl Rig {
    fn new(snapshot: Snapshot) -> Self {
        let live = Arc::new(Live::new(snapshot));
        let metrics = Arc::new(Metrics::new(Arc::clone(&live), "1.2.3"));
        Self { live, metrics }
    }

    fn ask(&self, way: Way, name: &str, elapsed: Option<Duration>) {
        let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, 1, 0, 1]);
        self.send(way, &query, elapsed);
    }

    fn send(&self, way: Way, query: &[u8], elapsed: Option<Duration>) {
        let mut reply = Vec::new();
        let facts = self.live.load().answer(query, Transport::Stream, &mut First, &mut reply);
        self.metrics.answered(&Exchange { way, facts, query, reply: &reply, client: None, elapsed });
    }

    /// Every series with its value, as Prometheus's text format has them.
    fn series(&self) -> BTreeMap<String, f64> {
        let text = self.metrics.text(Format::Prometheus);
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        let mut all = BTreeMap::new();
        for (series, value) in samples {
            assert!(all.insert(series.clone(), value).is_none(), "{series} comes twice");
        }
        all
    }

    fn of(&self, prefix: &str) -> Vec<(String, f64)> {
        self.series().into_iter().filter(|(series, _)| series.starts_with(prefix)).collect()
    }
}

fn expect(found: &[(String, f64)], expected: &[(&str, f64)]) {
    let found: Vec<(&str, f64)> = found.iter().map(|(series, value)| (series.as_str(), *value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn messages_are_counted_by_transport_and_rcode_and_answers_by_zone_and_cluster() {
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"]), ("b.example.org", &["west"])]));
    rig.ask(Way::Grpc, "a.example.com", None);
    rig.ask(Way::Grpc, "A.eXample.com", None);
    rig.ask(Way::Udp, "b.example.org", None);
    rig.ask(Way::Udp, "none.example.com", None);
    rig.ask(Way::Tcp, "foreign.example.net", None);
    rig.send(Way::Udp, &[0; 3], None);
    rig.metrics.overloaded(Way::Grpc);
    expect(
        &rig.of("mci_dns_queries_total"),
        &[
            (r#"mci_dns_queries_total{transport="grpc",rcode="NOERROR"}"#, 2.0),
            (r#"mci_dns_queries_total{transport="tcp",rcode="REFUSED"}"#, 1.0),
            (r#"mci_dns_queries_total{transport="udp",rcode="NOERROR"}"#, 1.0),
            (r#"mci_dns_queries_total{transport="udp",rcode="NXDOMAIN"}"#, 1.0),
            (r#"mci_dns_queries_total{transport="udp",rcode="none"}"#, 1.0),
        ],
    );
    expect(
        &rig.of("mci_dns_answers_total"),
        &[
            (r#"mci_dns_answers_total{zone="-",cluster="west"}"#, 1.0),
            (r#"mci_dns_answers_total{zone="example.com",cluster="east"}"#, 2.0),
        ],
    );
    expect(
        &rig.of("mci_dns_overloaded_total"),
        &[
            (r#"mci_dns_overloaded_total{transport="grpc"}"#, 1.0),
            (r#"mci_dns_overloaded_total{transport="tcp"}"#, 0.0),
            (r#"mci_dns_overloaded_total{transport="udp"}"#, 0.0),
        ],
    );
}

#[test]
fn counts_of_all_threads_are_one() {
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"])]));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| rig.ask(Way::Udp, "a.example.com", None)));
        }
    });
    expect(
        &rig.of("mci_dns_answers_total"),
        &[(r#"mci_dns_answers_total{zone="example.com",cluster="east"}"#, 800.0)],
    );
}

#[test]
fn durations_of_the_sample_are_a_histogram() {
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"])]));
    rig.ask(Way::Udp, "a.example.com", None);
    for microseconds in [2, 2, 20, 5_000_000] {
        rig.ask(Way::Udp, "a.example.com", Some(Duration::from_micros(microseconds)));
    }
    let series = rig.series();
    let bucket =
        |bound| series[&format!(r#"mci_dns_query_duration_seconds_bucket{{le="{bound}",transport="udp"}}"#)];
    assert_eq!(
        [bucket("0.000001"), bucket("0.0000025"), bucket("0.000025"), bucket("1.0"), bucket("+Inf")],
        [0.0, 2.0, 3.0, 3.0, 4.0]
    );
    assert_eq!(series[r#"mci_dns_query_duration_seconds_count{transport="udp"}"#], 4.0);
    let sum = series[r#"mci_dns_query_duration_seconds_sum{transport="udp"}"#];
    assert!((sum - 5.000_024).abs() < 1e-9, "{sum}");
}

#[test]
fn r11_r24_hostnames_are_counted_by_zone_and_condition() {
    let rig = Rig::new(snapshot(&[
        ("two.example.com", &["east", "west"]),
        ("one.example.com", &["east"]),
        ("far.example.com", &["west"]),
        ("unready.example.com", &["-north"]),
        ("out.example.org", &["east"]),
    ]));
    let conditions = |zone| {
        let series = rig.series();
        ["answered", "unanswerable", "single_cluster", "stale", "drained"]
            .map(|condition| series[&format!(r#"mci_hostnames{{zone="{zone}",condition="{condition}"}}"#)])
    };
    assert_eq!(conditions("example.com"), [3.0, 1.0, 2.0, 0.0, 0.0]);
    assert_eq!(conditions("-"), [1.0, 0.0, 1.0, 0.0, 0.0]);

    let west = "west".parse().unwrap();
    rig.live.edit(|edit| edit.set_cluster(&west, ClusterState::Stale));
    assert_eq!(conditions("example.com"), [3.0, 1.0, 3.0, 1.0, 0.0]);
    rig.live.edit(|edit| {
        edit.set_cluster(&west, ClusterState::Alive);
        edit.override_cluster(&west, Some(OverrideState::Drained.into()));
    });
    assert_eq!(conditions("example.com"), [3.0, 1.0, 3.0, 0.0, 2.0]);
    rig.live.edit(|edit| edit.set_cluster(&west, ClusterState::Gone));
    assert_eq!(conditions("example.com"), [2.0, 1.0, 2.0, 0.0, 0.0], "R12: one does not exist any more");
}

#[test]
fn r24_each_cluster_has_its_state_and_override() {
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"])]));
    let east = "east".parse().unwrap();
    rig.live.edit(|edit| {
        edit.set_cluster(&east, ClusterState::Stale);
        edit.override_cluster(&east, Some(OverrideState::Down.into()));
    });
    expect(
        &rig.of("mci_cluster_state"),
        &[
            (r#"mci_cluster_state{cluster="east",state="alive"}"#, 0.0),
            (r#"mci_cluster_state{cluster="east",state="down"}"#, 1.0),
            (r#"mci_cluster_state{cluster="east",state="drained"}"#, 0.0),
            (r#"mci_cluster_state{cluster="east",state="gone"}"#, 0.0),
            (r#"mci_cluster_state{cluster="east",state="stale"}"#, 1.0),
        ],
    );
}

#[test]
fn series_of_what_is_gone_are_gone() {
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"]), ("b.example.com", &["west"])]));
    rig.metrics.count_hostnames(&["*.example.com".to_owned()]);
    rig.ask(Way::Udp, "a.example.com", None);
    rig.ask(Way::Udp, "b.example.com", None);
    let mut builder = Builder::new(settings(), zones(&["example.edu", "example.com"]));
    builder.insert(&HostnameState::new("b.example.com".parse().unwrap()).endpoint(endpoint("west"))).unwrap();
    let next = builder.build();
    rig.live.edit(|edit| edit.replace(&next));
    rig.ask(Way::Udp, "b.example.com", None);
    let all: String = rig.series().into_keys().collect();
    assert!(!all.contains("east") && !all.contains("a.example.com"), "{all}");
    expect(
        &rig.of("mci_dns_answers_total"),
        &[(r#"mci_dns_answers_total{zone="example.com",cluster="west"}"#, 2.0)],
    );
    expect(
        &rig.of("mci_dns_hostname_answers_total"),
        &[
            (r#"mci_dns_hostname_answers_total{hostname="b.example.com",cluster=""}"#, 0.0),
            (r#"mci_dns_hostname_answers_total{hostname="b.example.com",cluster="west"}"#, 2.0),
        ],
    );
}

#[test]
fn hostnames_are_counted_where_globs_ask_for_them() {
    let rig = Rig::new(snapshot(&[
        ("app.example.com", &["east"]),
        ("api.example.com", &["east"]),
        ("*.wild.example.com", &["west"]),
        ("empty.wild.example.com", &[]),
    ]));
    assert!(rig.of("mci_dns_hostname_answers_total").is_empty(), "off by default");
    rig.metrics.count_hostnames(&["APP.*".to_owned(), "*.wild.example.com".to_owned()]);
    for name in ["app.example.com", "APP.example.com", "api.example.com", "x.y.wild.example.com"] {
        rig.ask(Way::Udp, name, None);
    }
    rig.ask(Way::Udp, "empty.wild.example.com", None);
    expect(
        &rig.of("mci_dns_hostname_answers_total"),
        &[
            (r#"mci_dns_hostname_answers_total{hostname="*.wild.example.com",cluster=""}"#, 0.0),
            (r#"mci_dns_hostname_answers_total{hostname="*.wild.example.com",cluster="west"}"#, 1.0),
            (r#"mci_dns_hostname_answers_total{hostname="app.example.com",cluster=""}"#, 0.0),
            (r#"mci_dns_hostname_answers_total{hostname="app.example.com",cluster="east"}"#, 2.0),
            (r#"mci_dns_hostname_answers_total{hostname="empty.wild.example.com",cluster=""}"#, 1.0),
        ],
    );
    rig.metrics.count_hostnames(&[]);
    assert!(rig.of("mci_dns_hostname_answers_total").is_empty());
}

#[test]
fn at_most_two_hundred_hostnames_have_series() {
    let names: Vec<String> = (0..300).map(|n| format!("app-{n:03}.example.com")).collect();
    let hostnames: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &["east"][..])).collect();
    let rig = Rig::new(snapshot(&hostnames));
    rig.metrics.count_hostnames(&["*".to_owned()]);
    assert_eq!(rig.of("mci_dns_hostname_answers_total").len(), MAX_HOSTNAMES);
}

#[test]
fn the_digest_is_that_of_the_snapshot_and_changes_are_dated() {
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"])]));
    let digest = |rig: &Rig| rig.series()["mci_snapshot_digest"];
    let other = Rig::new(snapshot(&[("a.example.com", &["east"])]));
    assert_eq!(digest(&rig), digest(&other));
    #[expect(clippy::cast_precision_loss, reason = "masked to 53 bits")]
    let expected = (rig.live.load().digest() & ((1 << 53) - 1)) as f64;
    assert_eq!(digest(&rig), expected);
    rig.live.edit(|edit| edit.set_cluster(&"east".parse().unwrap(), ClusterState::Stale));
    assert_ne!(digest(&rig), digest(&other));

    rig.metrics.snapshot_changed(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250));
    assert_eq!(rig.series()["mci_snapshot_changed_timestamp_seconds"], 1_700_000_000.25);
    rig.metrics.state_file_reloaded(Reload::Refused);
    expect(
        &rig.of("mci_state_file_reloads_total"),
        &[
            (r#"mci_state_file_reloads_total{result="applied"}"#, 0.0),
            (r#"mci_state_file_reloads_total{result="refused"}"#, 1.0),
            (r#"mci_state_file_reloads_total{result="unchanged"}"#, 0.0),
        ],
    );
    rig.metrics.config_reloaded(Reload::Applied);
    expect(
        &rig.of("mci_config_reloads_total"),
        &[
            (r#"mci_config_reloads_total{result="applied"}"#, 1.0),
            (r#"mci_config_reloads_total{result="refused"}"#, 0.0),
            (r#"mci_config_reloads_total{result="unchanged"}"#, 0.0),
        ],
    );
}

#[test]
fn the_process_is_described() {
    let series = Rig::new(Snapshot::unready()).series();
    assert_eq!(series["mci_snapshot_ready"], 0.0);
    assert_eq!(series[r#"mci_build_info{version="1.2.3"}"#], 1.0);
    assert!(series["process_start_time_seconds"] > 1.6e9);
    if cfg!(target_os = "linux") {
        assert!(series["process_resident_memory_bytes"] > 1e5);
        assert!(series["process_open_fds"] >= 3.0);
        assert!(series.contains_key("process_cpu_seconds_total"));
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("skipped: promtool is not installed (Debian: apt-get install prometheus)");
        return;
    };
    let rig = Rig::new(snapshot(&[("a.example.com", &["east"])]));
    rig.metrics.count_hostnames(&["*".to_owned()]);
    rig.ask(Way::Udp, "a.example.com", Some(Duration::from_micros(2)));
    rig.ask(Way::Udp, "none.example.com", None);
    promtool.stdin.take().unwrap().write_all(rig.metrics.text(Format::Prometheus).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.trim(), "", "no complaint");
}
