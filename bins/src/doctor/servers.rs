//! Each dns-server's HTTP port: whether it is ready, and whether all hold the same.

use mci_core::Snapshot;
use serde_json::Value;

use super::Finding;
use crate::facts::served;
use crate::http_client::HttpServer;
use crate::source::Server;

/// Examines those of `http://`; gives what the first of them answers from.
pub(super) async fn examine(servers: &[Server], findings: &mut Vec<Finding>) -> Option<Snapshot> {
    let mut digests: Vec<(String, String)> = Vec::new();
    let mut held = None;
    for server in servers {
        let Server::Http(url) = server else { continue };
        let client = match HttpServer::new(url) {
            Ok(client) => client,
            Err(error) => {
                findings.push(Finding::unknown(format!("{url}: {error:#}")));
                continue;
            }
        };
        ready(url, &client, findings).await;
        if let Some(digest) = status(url, &client, findings).await {
            digests.push((url.clone(), digest));
        }
        if held.is_none() {
            held = served(url).await.ok();
        }
    }
    // One that has just taken in a change is ahead of the others for a moment.
    if differ(&digests) {
        let mut again = Vec::new();
        for (url, old) in &digests {
            let asked = async { HttpServer::new(url)?.json("/api/v1/status").await };
            let told = asked.await.ok();
            again.push((url.clone(), told.as_ref().and_then(digest_of).unwrap_or_else(|| old.clone())));
        }
        digests = again;
    }
    if let [(_, first), _, ..] = digests.as_slice() {
        findings.push(if differ(&digests) {
            let each: Vec<_> = digests.iter().map(|(url, digest)| format!("{url} {digest}")).collect();
            Finding::fail(
                format!("the dns-servers do not hold the same: {}", each.join(", ")),
                "their configurations differ (zones, defaults), or one does not follow the API server: see /readyz of each",
            )
        } else {
            Finding::ok(format!("{} dns-servers hold the same, digest {first}", digests.len()))
        });
    }
    held
}

fn differ(digests: &[(String, String)]) -> bool {
    digests.iter().any(|(_, digest)| digests.first().is_some_and(|(_, first)| first != digest))
}

async fn ready(url: &str, client: &HttpServer, findings: &mut Vec<Finding>) {
    let answer = match client.get("/readyz").await {
        Ok(answer) => answer,
        Err(error) => {
            findings.push(Finding::fail(format!("{error:#}"), "is it running, and is this its HTTP port?"));
            return;
        }
    };
    let report: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut whys = Vec::new();
    for condition in report.get("conditions").and_then(Value::as_array).into_iter().flatten() {
        let name = condition.get("name").and_then(Value::as_str).unwrap_or("?");
        if let Some(why) = condition.get("why").and_then(Value::as_str) {
            whys.push(format!("{name}: {why}"));
        }
    }
    let whys = whys.join("; ");
    findings.push(match (answer.status.is_success(), whys.is_empty()) {
        (true, true) => Finding::ok(format!("{url} is ready")),
        (true, false) => {
            Finding::fail(format!("{url} is ready, and not as it should be"), format!("{whys} (see its log)"))
        }
        (false, true) => Finding::fail(format!("{url} is not ready ({})", answer.status), "see its log"),
        (false, false) => Finding::fail(format!("{url} is not ready"), format!("{whys} (see its log)")),
    });
}

async fn status(url: &str, client: &HttpServer, findings: &mut Vec<Finding>) -> Option<String> {
    let told = match client.json("/api/v1/status").await {
        Ok(told) => told,
        Err(error) => {
            findings.push(Finding::unknown(format!("what it holds is not known: {error:#}")));
            return None;
        }
    };
    for source in told.get("sources").and_then(Value::as_array).into_iter().flatten() {
        let name = source.get("name").and_then(Value::as_str).unwrap_or("?");
        let heard = source.get("heardSecondsAgo").and_then(Value::as_u64);
        let heard = heard.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s ago"));
        findings.push(match source.get("why").and_then(Value::as_str) {
            None => Finding::ok(format!("{url} follows {name}, heard {heard}")),
            Some(why) => Finding::fail(
                format!("{url} does not follow {name}, heard {heard}"),
                format!("{why}: it answers from what it saw last"),
            ),
        });
    }
    let file = told.get("snapshotFile");
    if file.and_then(|file| file.get("serving")).and_then(Value::as_bool) == Some(true) {
        let age = file.and_then(|file| file.get("ageSeconds")).and_then(Value::as_u64).unwrap_or_default();
        findings.push(Finding::fail(
            format!("{url} answers from its snapshot file, {age} s old"),
            "the API server has not been heard since it started",
        ));
    }
    let held = told.get("withdrawalsHeld").and_then(Value::as_array).map_or(0, Vec::len);
    if held > 0 {
        findings.push(Finding::fail(
            format!("{url} holds the withdrawal of {held} hostnames (R26)"),
            "if it is meant: mci withdraw --confirm",
        ));
    }
    digest_of(&told)
}

fn digest_of(status: &Value) -> Option<String> {
    status.get("digest").and_then(Value::as_str).map(str::to_owned)
}
