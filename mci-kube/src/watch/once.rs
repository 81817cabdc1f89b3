//! Everything there is of one kind, listed once: for who looks and goes.

use http::Request;
use serde_json::value::RawValue;

use super::run::encode;
use super::wire::{Head, Page};
use super::{Listing, Malformed, Observed, Relist, Source, Timing};
use crate::client::{CallError, ClusterClient};

/// Lists everything, page by page, as a watch does at its start.
pub(crate) async fn once<T>(
    client: &ClusterClient,
    source: &Source,
    decode: impl Fn(&RawValue) -> Result<T, String>,
) -> Result<Listing<T>, CallError> {
    let Timing { page: limit, deadline, .. } = Timing::default();
    let (mut items, mut malformed) = (Vec::new(), Vec::new());
    let mut next: Option<String> = None;
    loop {
        let from = next.as_deref().map(|next| format!("&continue={}", encode(next))).unwrap_or_default();
        let request = Request::get(format!("{}?limit={limit}{from}", source.path()))
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())
            .expect("a path of an API and an encoded query are a URI");
        let body = client.call_within(request, deadline).await?;
        let page = Page::read(&body)?;
        for object in page.items() {
            let Head { key, uid, version } = Head::read(object)?;
            match decode(object) {
                Ok(value) => items.push(Observed { key, uid, version, value }),
                Err(problem) => malformed.push(Malformed { key, uid, version, problem }),
            }
        }
        if let Some(token) = page.next() {
            next = Some(token.to_owned());
            continue;
        }
        // All pages of one list are as of one version.
        let (version, vanished) = (page.version()?, Vec::new());
        return Ok(Listing { version, reason: Relist::Start, items, malformed, vanished });
    }
}
