//! Whether servers that answer DNS answer what they should, and with which TTL.

use std::net::IpAddr;

use mci_core::{Hostname, Possible, Query, Rcode, RecordType, Snapshot};

use super::{Examination, Finding};
use crate::ask::Client;
use crate::dig::{Question, Reply, plain};
use crate::facts::served;
use crate::source::Server;

/// How many hostnames each server is asked for.
const ASKED: usize = 20;

/// Examines those of `dns://` and `grpc://` against what is known.
pub(super) async fn examine(
    examination: &Examination,
    known: Option<&Snapshot>,
    findings: &mut Vec<Finding>,
) {
    let servers = || examination.servers.iter().filter(|server| !matches!(server, Server::Http(_)));
    if servers().next().is_none() {
        return;
    }
    let Some(known) = known else {
        findings.push(Finding::unknown(
            "what should be answered is not known: give a kube context, or a dns-server by --server http://HOST:PORT",
        ));
        return;
    };
    let names = names(known, examination.zone.as_deref());
    for server in servers() {
        of_server(server, &names, known, examination, findings).await;
    }
}

/// Hostnames that have an answer, those of the zone where one is named.
fn names(known: &Snapshot, zone: Option<&str>) -> Vec<Query> {
    let mut hostnames: Vec<Hostname> = known
        .hostnames()
        .filter(|hostname| !hostname.to_string().starts_with('*'))
        .filter(|hostname| zone.is_none_or(|zone| is_below(&plain(&hostname.to_string()), zone)))
        .collect();
    hostnames.sort_by_cached_key(ToString::to_string);
    let answered = |hostname: Hostname| {
        let types = [RecordType::A, RecordType::AAAA].map(|of| Query::new(hostname.clone(), of));
        types.into_iter().find(|query| {
            let possible = known.possible(query);
            possible.is_answered() && !possible.configured
        })
    };
    hostnames.into_iter().filter_map(answered).take(ASKED).collect()
}

/// Whether a name is a zone's apex or below it.
pub(super) fn is_below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

async fn of_server(
    server: &Server,
    names: &[Query],
    known: &Snapshot,
    examination: &Examination,
    findings: &mut Vec<Finding>,
) {
    let (mut wrong, mut longest, mut asked) = (Vec::new(), None, 0);
    let mut client = match Client::connect(server, false).await {
        Ok(client) => client,
        Err(error) => {
            findings
                .push(Finding::fail(format!("{error:#}"), "is it running, and is the port open from here?"));
            return;
        }
    };
    for query in names {
        let Ok(question) = Question::new(&query.name().to_string(), query.record_type()) else { continue };
        let reply = match client.ask(&question).await {
            Ok((reply, _)) => reply,
            Err(error) => {
                findings.push(Finding::fail(
                    format!("{error:#}"),
                    "is it running, and is the port open from here?",
                ));
                return;
            }
        };
        asked += 1;
        let possible = known.possible(query);
        if let Some(why) = differs(&reply, query, &possible) {
            wrong.push((query.clone(), why));
        }
        longest = longest.max(excess(&reply, &possible));
    }
    // What should be answered may have changed since it was read.
    if !wrong.is_empty()
        && let Some(now) = read_again(examination).await
    {
        let mut still = Vec::new();
        for (query, _) in wrong {
            let Ok(question) = Question::new(&query.name().to_string(), query.record_type()) else {
                continue;
            };
            let Ok((reply, _)) = client.ask(&question).await else { continue };
            still.extend(differs(&reply, &query, &now.possible(&query)).map(|why| (query, why)));
        }
        wrong = still;
    }
    if asked == 0 {
        findings.push(Finding::unknown(format!("{server} is not asked: no hostname has an answer")));
    } else if let Some((query, why)) = wrong.first() {
        findings.push(Finding::fail(
            format!("{server} answers {} of {asked} hostnames otherwise than it should", wrong.len()),
            format!(
                "{} {} is {why}; a cache in front keeps old answers for their TTL",
                query.name(),
                query.record_type()
            ),
        ));
    } else {
        findings.push(Finding::ok(format!("{server} answers {asked} hostnames as it should")));
    }
    if let Some((excess, ttl)) = longest {
        findings.push(Finding::fail(
            format!("{server} answers with a TTL of {} s where {ttl} s is published", ttl + excess),
            "a cache in front of it makes TTLs longer: failover takes that much longer (`cache` of CoreDNS: at least 5 s)",
        ));
    } else if asked > 0 {
        findings.push(Finding::ok(format!("{server} answers with no TTL above what is published")));
    }
    if let (Server::Dns(..), Some(query)) = (server, names.first()) {
        findings.push(over_tcp(server, query).await);
    }
}

async fn over_tcp(server: &Server, query: &Query) -> Finding {
    let asking = async {
        let question = Question::new(&query.name().to_string(), query.record_type())?;
        Client::connect(server, true).await?.ask(&question).await
    };
    match asking.await {
        Ok(_) => Finding::ok(format!("{server} answers over UDP and TCP")),
        Err(error) => Finding::fail(
            format!("{server} does not answer over TCP ({error:#})"),
            "open the port for TCP too: long answers come by it",
        ),
    }
}

async fn read_again(examination: &Examination) -> Option<Snapshot> {
    for server in &examination.servers {
        if let Server::Http(url) = server
            && let Ok(snapshot) = served(url).await
        {
            return Some(snapshot);
        }
    }
    let asked = examination.kube.as_ref()?.ask().await.ok()?;
    Some(asked.facts().await.ok()?.snapshot)
}

/// How the reply is no answer that may be given.
fn differs(reply: &Reply, query: &Query, possible: &Possible) -> Option<String> {
    let rcode = reply.rcode();
    if !possible.is_answered() {
        let empty = reply.answer().is_empty();
        return (!empty).then(|| format!("answered {}, and should have no answer", reply.summary()));
    }
    if rcode != Rcode::NOERROR {
        return Some(format!("answered {rcode}, and should be {possible}"));
    }
    let name = plain(&query.name().to_string());
    // What follows an alias may come from elsewhere.
    let own: Vec<_> = reply.answer().into_iter().filter(|line| line.owner == name).collect();
    let allowed = |data: &str, of: RecordType| match of {
        RecordType::CNAME => possible.targets.iter().any(|target| plain(&target.to_string()) == *data),
        _ => data.parse::<IpAddr>().is_ok_and(|address| possible.addresses.contains(&address)),
    };
    if own.is_empty() {
        return Some(format!("answered {}, and should be {possible}", reply.summary()));
    }
    let stranger = own.iter().find(|line| !allowed(&line.data, line.record_type))?;
    Some(format!("answered {}, which is none of {possible}", stranger.data))
}

/// By how much the reply's TTL is above what is published, and what that is.
fn excess(reply: &Reply, possible: &Possible) -> Option<(u32, u32)> {
    let published = possible.ttl?;
    let longest = reply.answer().iter().map(|line| line.ttl).max()?;
    (longest > published).then(|| (longest - published, published))
}

#[cfg(test)]
mod tests {
    use mci_core::state_file::StateFile;
    use mci_core::wire::Transport;

    use super::*;

    const STATE: &str = "
clusters: [{name: west}, {name: east}]
hostnames:
  - hostname: app.example
    ttl: 5
    endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: east, addresses: [192.0.2.2]}]
  - {hostname: cdn.example, endpoints: [{cluster: west, targets: [lb.example.net]}]}
  - {hostname: none.example, endpoints: [{cluster: west, addresses: [192.0.2.1], ready: false}]}
";

    fn snapshot(text: &str) -> Snapshot {
        StateFile::parse(text).unwrap().into_snapshot()
    }

    fn reply(snapshot: &Snapshot, query: &Query) -> Reply {
        let question = Question::new(&query.name().to_string(), query.record_type()).unwrap();
        let mut octets = Vec::new();
        snapshot.answer(&question.to_octets(0), Transport::Stream, &mut rand::rng(), &mut octets);
        Reply::read(&octets, 0).unwrap()
    }

    fn difference(served: &Snapshot, known: &Snapshot, name: &str) -> Option<String> {
        let query = Query::new(name.parse().unwrap(), RecordType::A);
        differs(&reply(served, &query), &query, &known.possible(&query))
    }

    #[test]
    fn any_answer_that_may_be_given_is_right() {
        let known = snapshot(STATE);
        for name in ["app.example", "cdn.example", "none.example"] {
            for _ in 0..20 {
                assert_eq!(difference(&known, &known, name), None, "{name}");
            }
        }
    }

    #[test]
    fn any_other_answer_says_what_would_be_right() {
        let known = snapshot(STATE);
        let other = snapshot(&STATE.replace("192.0.2.1]", "192.0.2.9]").replace("192.0.2.2]", "192.0.2.9]"));
        assert_eq!(
            difference(&other, &known, "app.example").as_deref(),
            Some("answered 192.0.2.9, which is none of east 50%, west 50%")
        );
        let less = snapshot("clusters: [{name: west}]\nhostnames: []");
        let said = difference(&less, &known, "cdn.example").unwrap();
        assert!(said.starts_with("answered REFUSED, and should be west"), "{said}");
        let more = snapshot(&STATE.replace(", ready: false", ""));
        assert_eq!(
            difference(&more, &known, "none.example").as_deref(),
            Some("answered 192.0.2.1, and should have no answer")
        );
    }

    #[test]
    fn a_ttl_above_what_is_published_is_seen() {
        let known = snapshot(STATE);
        let long = snapshot(&STATE.replace("ttl: 5", "ttl: 30"));
        let query = Query::new("app.example".parse().unwrap(), RecordType::A);
        assert_eq!(excess(&reply(&long, &query), &known.possible(&query)), Some((25, 5)));
        assert_eq!(excess(&reply(&known, &query), &known.possible(&query)), None);
    }

    #[test]
    fn only_hostnames_with_an_answer_are_asked_for_and_those_of_the_zone() {
        let known = snapshot(STATE);
        let asked =
            |zone| names(&known, zone).iter().map(|query| query.name().to_string()).collect::<Vec<_>>();
        assert_eq!(asked(None), ["app.example", "cdn.example"]);
        assert_eq!(asked(Some("pp.example")), [""; 0]);
        assert_eq!(asked(Some("app.example")), ["app.example"]);
    }
}
