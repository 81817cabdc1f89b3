//! A status for people. The time comes in.

use std::fmt::Write;

use serde_json::Value;

use super::{ClusterRow, ComparedRow, HeldBack, Hostnames, LeaderRow, Mixed, PublishedRow, Status};

/// How many names are listed.
const LISTED: usize = 20;

impl Status {
    /// The page; `now` is in Unix seconds, `wide` shows every shard.
    pub(crate) fn page(&self, now: u64, wide: bool) -> String {
        let mut page = String::new();
        self.write(&mut page, now, wide).expect("a String takes everything");
        page
    }

    fn write(&self, page: &mut String, now: u64, wide: bool) -> std::fmt::Result {
        let Self { clusters, hostnames, mixed, leaders, published, compared, server, withdrawals_held } =
            self;
        if let Some(server) = server {
            writeln!(page)?;
            write_server(page, server)?;
        }
        writeln!(page)?;
        let mut rows = vec![
            ["CLUSTER", "STATE", "SINCE", "HEARTBEAT", "HEARD BY", "HELD BACK"].map(str::to_owned).to_vec(),
        ];
        rows.extend(clusters.iter().map(|cluster| cluster_columns(cluster, now)));
        write_table(page, &rows)?;
        for cluster in clusters {
            if let Some(reason) = cluster.reason.as_ref().filter(|reason| !reason.is_empty()) {
                writeln!(page, "  {}: {reason}", cluster.name)?;
            }
            if cluster.degraded {
                writeln!(
                    page,
                    "  {}: it has no working view of its own API server: what it publishes may be old",
                    cluster.name
                )?;
            }
            for one in &cluster.hostname_overrides {
                writeln!(page, "  {} at {}: {}", one.hostname, cluster.name, held_back(&one.held_back))?;
            }
        }
        writeln!(page)?;
        write_hostnames(page, hostnames)?;
        if let Some(mixed) = mixed {
            write_mixed(page, mixed)?;
        }
        if let Some(leaders) = leaders {
            writeln!(page)?;
            let mut rows = vec![["LEADS", "WHO", "TERM", "RENEWED"].map(str::to_owned).to_vec()];
            rows.extend(leaders.iter().map(|leader| leader_columns(leader, now)));
            write_table(page, &rows)?;
            writeln!(page, "Heartbeats and renewals are by the clocks of who wrote them.")?;
        }
        if let Some(published) = published {
            writeln!(page)?;
            write_published(page, published, wide)?;
        }
        if !compared.is_empty() {
            writeln!(page)?;
            write_compared(page, compared)?;
        }
        match (withdrawals_held, leaders) {
            // State files hold nothing.
            (None, None) => Ok(()),
            (None, Some(_)) => writeln!(
                page,
                "\nHeld withdrawals: each dns-server knows its own (--server http://HOST:PORT)."
            ),
            (Some(held), _) if held.is_empty() => writeln!(page, "\nNo withdrawal is held."),
            (Some(held), _) => {
                writeln!(page, "\nWithdrawals held: {} (mci withdraw --confirm lets them go)", held.len())?;
                write_names(page, held)
            }
        }
    }
}

fn write_server(page: &mut String, server: &Value) -> std::fmt::Result {
    let text = |key: &str| server.get(key).and_then(Value::as_str).unwrap_or("?");
    let ready = server.get("ready").and_then(Value::as_bool).unwrap_or_default();
    let ready = if ready { "ready" } else { "NOT READY" };
    writeln!(page, "{}, {ready}, digest {}", text("program"), text("digest"))?;
    for source in server.get("sources").and_then(Value::as_array).into_iter().flatten() {
        let name = source.get("name").and_then(Value::as_str).unwrap_or("?");
        let heard = source.get("heardSecondsAgo").and_then(Value::as_u64);
        let heard =
            heard.map_or_else(|| "never heard".to_owned(), |seconds| format!("heard {}", ago(seconds)));
        match source.get("why").and_then(Value::as_str) {
            Some(why) => writeln!(page, "  {name}: {heard}; {why}")?,
            None => writeln!(page, "  {name}: {heard}")?,
        }
    }
    Ok(())
}

fn cluster_columns(cluster: &ClusterRow, now: u64) -> Vec<String> {
    vec![
        cluster.name.clone(),
        if cluster.degraded { format!("{}, degraded", cluster.state) } else { cluster.state.to_string() },
        cluster.since.clone().unwrap_or_else(|| "-".to_owned()),
        cluster.heartbeat.map_or_else(|| "-".to_owned(), |at| ago(now.saturating_sub(at))),
        cluster.protocol.clone().unwrap_or_else(|| "-".to_owned()),
        cluster.held_back.as_ref().map_or_else(String::new, held_back),
    ]
}

fn held_back(HeldBack { state, reason, by, until }: &HeldBack) -> String {
    let mut text = state.to_string();
    if let Some(until) = until {
        let _ = write!(text, " until {until}");
    }
    if let Some(by) = by {
        let _ = write!(text, ", by {by}");
    }
    if let Some(reason) = reason {
        let _ = write!(text, ": {reason}");
    }
    text
}

fn write_hostnames(page: &mut String, hostnames: &Hostnames) -> std::fmt::Result {
    let Hostnames { count, answered, single_cluster, drained, unanswerable, stale } = hostnames;
    writeln!(
        page,
        "Hostnames: {count}; answered {answered}, by a single cluster {single_cluster}, by stale clusters alone {}; \
         with a drained cluster {drained}; unanswerable {}",
        stale.len(),
        unanswerable.len()
    )?;
    for (what, names) in [("Nothing answers", unanswerable), ("Only stale clusters answer", stale)] {
        if !names.is_empty() {
            writeln!(page, "{what}:")?;
            write_names(page, names)?;
        }
    }
    Ok(())
}

fn write_mixed(page: &mut String, Mixed { rest, hostnames }: &Mixed) -> std::fmt::Result {
    writeln!(
        page,
        "Heard by REST: {}. Such a cluster prefers the lowest priority and gives one address a cluster: while priorities \
         differ it answers otherwise than this one:",
        rest.join(", ")
    )?;
    write_names(page, hostnames)
}

fn write_names(page: &mut String, names: &[String]) -> std::fmt::Result {
    for name in names.iter().take(LISTED) {
        writeln!(page, "  {name}")?;
    }
    if names.len() > LISTED {
        writeln!(page, "  … and {} more: -o json lists all", names.len() - LISTED)?;
    }
    Ok(())
}

fn leader_columns(leader: &LeaderRow, now: u64) -> Vec<String> {
    vec![
        leader.lease.clone(),
        leader.holder.clone().unwrap_or_else(|| "nobody".to_owned()),
        leader.term.to_string(),
        leader.renewed.map_or_else(|| "-".to_owned(), |at| ago(now.saturating_sub(at))),
    ]
}

fn write_published(page: &mut String, published: &[PublishedRow], wide: bool) -> std::fmt::Result {
    let head = ["PUBLISHED BY", "SHARDS", "HOSTNAMES", "NEWEST", "DIGEST"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in published {
        let (shards, hostnames) = (one.shards.len().to_string(), one.hostnames.to_string());
        let newest = format!("{}.{}", one.term, one.seq);
        rows.push(vec![one.cluster.clone(), shards, hostnames, newest, one.digest.clone()]);
        for shard in one.shards.iter().filter(|_| wide) {
            let newest = format!("{}.{}", shard.term, shard.seq);
            let name = format!("  {}", shard.shard);
            rows.push(vec![name, String::new(), shard.hostnames.to_string(), newest, shard.digest.clone()]);
        }
    }
    write_table(page, &rows)?;
    writeln!(page, "As stored here; the same digest in another cluster means the same content there.")
}

fn write_compared(page: &mut String, compared: &[ComparedRow]) -> std::fmt::Result {
    let mut rows = vec![["STORED IN", "OF", "AS HERE"].map(str::to_owned).to_vec()];
    rows.extend(compared.iter().map(|ComparedRow { at, cluster, different }| {
        let text = match different.as_slice() {
            [] => "the same".to_owned(),
            shards if shards.len() > LISTED => format!("{} shards differ", shards.len()),
            shards => format!("differs in {}", shards.join(", ")),
        };
        vec![at.clone(), cluster.clone(), text]
    }));
    write_table(page, &rows)?;
    writeln!(page, "Read one after the other: what changed in between may be told as a difference.")
}

/// Columns two spaces apart, the last one as long as it is.
fn write_table(page: &mut String, rows: &[Vec<String>]) -> std::fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:<width$}  ")?;
        }
        writeln!(page, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `3 s ago`, `12 min ago`, `5 h ago`, `9 d ago`.
fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use mci_core::{ClusterState, OverrideState};
    use serde_json::json;

    use super::super::ShardRow;
    use super::*;

    #[test]
    fn the_page_of_a_cluster() {
        let drained = HeldBack {
            state: OverrideState::Drained,
            reason: Some("upgrade".to_owned()),
            by: Some("admin".to_owned()),
            until: Some("2026-07-01T18:00:00Z".to_owned()),
        };
        let status = Status {
            clusters: vec![
                ClusterRow {
                    name: "east".to_owned(),
                    since: Some("2026-07-01T12:00:00Z".to_owned()),
                    heartbeat: Some(997),
                    held_back: Some(drained),
                    protocol: Some("stream".to_owned()),
                    degraded: true,
                    ..ClusterRow::default()
                },
                ClusterRow {
                    name: "west-of-the-moon".to_owned(),
                    state: ClusterState::Stale,
                    reason: Some("no heartbeat was heard for 90 s".to_owned()),
                    ..ClusterRow::default()
                },
            ],
            hostnames: Hostnames {
                count: 3,
                answered: 2,
                single_cluster: 2,
                drained: 1,
                unanswerable: vec!["a.example".to_owned()],
                stale: vec!["b.example".to_owned()],
            },
            mixed: Some(Mixed { rest: vec!["old".to_owned()], hostnames: vec!["c.example".to_owned()] }),
            leaders: Some(vec![
                LeaderRow { lease: "mci-operator".to_owned(), holder: None, term: 0, renewed: None },
                LeaderRow {
                    lease: "mci-orchestrator".to_owned(),
                    holder: Some("mci-orchestrator-1_00ff".to_owned()),
                    term: 12,
                    renewed: Some(400),
                },
            ]),
            published: Some(vec![PublishedRow {
                cluster: "east".to_owned(),
                hostnames: 7,
                term: 2,
                seq: 31,
                digest: "00112233".to_owned(),
                shards: vec![ShardRow {
                    shard: "3ff".to_owned(),
                    term: 2,
                    seq: 31,
                    digest: "abcd".to_owned(),
                    hostnames: 7,
                }],
            }]),
            compared: vec![
                ComparedRow { at: "north".to_owned(), cluster: "east".to_owned(), different: Vec::new() },
                ComparedRow {
                    at: "north".to_owned(),
                    cluster: "west".to_owned(),
                    different: vec!["00a".to_owned(), "3ff".to_owned()],
                },
            ],
            server: None,
            withdrawals_held: None,
        };
        insta::assert_snapshot!(status.page(1_000, true));
    }

    #[test]
    fn the_page_of_a_server() {
        let status = Status {
            server: Some(json!({
                "program": "mci-dns-server 0.1.0", "ready": true, "digest": "00ff",
                "sources": [
                    {"name": "clusters", "heardSecondsAgo": 3},
                    {"name": "hostnamecaches", "heardSecondsAgo": 200, "why": "refused"},
                ],
            })),
            withdrawals_held: Some(vec!["a.example".to_owned()]),
            ..Status::default()
        };
        insta::assert_snapshot!(status.page(1_000, false));
    }

    #[test]
    fn clusters_are_compared_shard_by_shard() {
        let row = |cluster: &str, shards: &[(&str, &str, usize)]| PublishedRow {
            cluster: cluster.to_owned(),
            hostnames: 0,
            term: 1,
            seq: 1,
            digest: String::new(),
            shards: shards
                .iter()
                .map(|(shard, digest, hostnames)| ShardRow {
                    shard: (*shard).to_owned(),
                    term: 1,
                    seq: 1,
                    digest: (*digest).to_owned(),
                    hostnames: *hostnames,
                })
                .collect(),
        };
        let here = [
            row("east", &[("001", "a", 1), ("002", "b", 1), ("003", "empty", 0)]),
            row("own", &[("001", "c", 2)]),
        ];
        let there = [
            row("east", &[("001", "a", 1), ("002", "other", 1), ("004", "d", 1)]),
            row("own", &[("001", "c", 2)]),
        ];
        let compared = ComparedRow::of("north", &here, &there);
        let different: Vec<_> =
            compared.iter().map(|row| (row.cluster.as_str(), row.different.join(" "))).collect();
        assert_eq!(different, [("east", "002 004".to_owned()), ("own", String::new())]);
    }

    #[test]
    fn a_mixed_fleet_is_warned_of_where_priorities_differ() {
        let text = "
clusters: [{name: west}, {name: old}, {name: left, state: gone}]
hostnames:
  - hostname: equal.example
    endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: old, addresses: [192.0.2.2]}]
  - hostname: other.example
    endpoints: [{cluster: west, addresses: [192.0.2.1], priority: 1}, {cluster: old, addresses: [192.0.2.2]}]
  - hostname: gone.example
    endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: left, addresses: [192.0.2.2], priority: 3}]
";
        let snapshot = mci_core::state_file::StateFile::parse(text).unwrap().into_snapshot();
        let row = |name: &str, protocol: &str| ClusterRow {
            name: name.to_owned(),
            protocol: Some(protocol.to_owned()),
            ..ClusterRow::default()
        };
        assert_eq!(Mixed::of(&snapshot, &[row("west", "stream"), row("old", "stream")]), None);
        assert_eq!(
            Mixed::of(&snapshot, &[row("west", "stream"), row("old", "rest")]),
            Some(Mixed { rest: vec!["old".to_owned()], hostnames: vec!["other.example".to_owned()] })
        );
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(
            [0, 119, 120, 7_199, 7_200, 172_800].map(ago),
            ["0 s ago", "119 s ago", "2 min ago", "119 min ago", "2 h ago", "2 d ago"]
        );
    }
}
