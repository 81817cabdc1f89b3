//! What one GSLB comes to: what its hostnames publish, and what its status says.

use core::fmt::{Display, Write as _};
use core::net::IpAddr;

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::hostname_state::{Endpoint, Policy};
use crate::publish::names::{GslbName, Referent};
use crate::publish::objects::{BackendPolicy, Gslb};
use crate::publish::places::{Places, Source};
use crate::publish::reading::{Reading, reject};
use crate::publish::references::{Gate, Offer, ReadyBackends};
use crate::publish::status::{Condition, ConditionType, Reason, Status};

/// So many target names, and addresses of one family, can be held for one hostname.
const MAX_TARGETS: usize = u8::MAX as usize;
const MAX_ADDRESSES: usize = u16::MAX as usize;
/// So many things are named in one sentence.
const NAMED: usize = 5;

/// What every hostname of a GSLB publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    addresses: Vec<IpAddr>,
    targets: Vec<Hostname>,
    priority: i64,
    weight: u32,
    ready: bool,
    policy: Policy,
}

impl Content {
    /// This as an endpoint.
    pub(crate) fn endpoint(&self, cluster: &ClusterId, changed: u32) -> Endpoint {
        let Self { addresses, targets, priority, weight, ready, policy } = self.clone();
        // Both lists are without duplicates already.
        Endpoint { cluster: cluster.clone(), addresses, targets, priority, weight, ready, policy, changed }
    }
}

/// All that decides about a GSLB.
pub(crate) struct Case<'a> {
    pub(crate) gslb: &'a Gslb,
    pub(crate) reading: &'a Reading,
    pub(crate) offer: &'a Offer,
    /// The addresses that are held (R25).
    pub(crate) held: Option<&'a Places>,
    /// The hostnames that it has.
    pub(crate) won: Vec<Hostname>,
    /// The hostnames that others have, and who (R19).
    pub(crate) lost: Vec<(Hostname, GslbName)>,
    /// The apexes of the configured zones.
    pub(crate) zones: &'a [Hostname],
}

/// Whether everything but its addresses is ready (R15 to R18).
pub(crate) fn is_serving(gslb: &Gslb, overridden: bool, offer: &Offer) -> bool {
    offer.exists && closed_gate(overridden, offer).is_none() && backends_are_ready(gslb, offer)
}

/// Whether its backends are ready, as far as it asks.
fn backends_are_ready(gslb: &Gslb, offer: &Offer) -> bool {
    match gslb.backend_policy {
        BackendPolicy::Any => offer.backends != ReadyBackends::None,
        BackendPolicy::All => offer.backends == ReadyBackends::All,
    }
}

/// What the object waits for, if it does. With overrides a Gateway need not be programmed (R18).
fn closed_gate(overridden: bool, offer: &Offer) -> Option<Gate> {
    match offer.gate {
        Gate::Open => None,
        Gate::NotProgrammed if overridden => None,
        gate @ (Gate::NotProgrammed | Gate::NotAccepted) => Some(gate),
    }
}

/// Decides.
pub(crate) fn judge(case: &Case<'_>) -> (Content, Status) {
    let Case { gslb, reading, offer, held, won, lost: _, zones } = case;
    let own = held.unwrap_or(&offer.places);
    let places = reading.overrides.as_ref().unwrap_or(own);
    let too_large = is_too_large(places);
    let (addresses, targets) =
        if too_large { (Vec::new(), Vec::new()) } else { (places.addresses.clone(), places.targets.clone()) };
    let nowhere = addresses.is_empty() && targets.is_empty();
    let ready = !nowhere && is_serving(gslb, reading.overrides.is_some(), offer);

    let mut conditions = vec![accepted(case), resolved(gslb, offer), published(case, too_large, nowhere)];
    if held.is_some() {
        conditions.push(holds(
            ConditionType::AddressHeld,
            Reason::AddressesLost,
            "the object has no address for now while its backends are ready: the last ones stay for addressHold \
             (R25)"
                .to_owned(),
        ));
    }
    if addresses.is_empty() && !targets.is_empty() {
        let at_apex: Vec<&Hostname> = won.iter().filter(|hostname| zones.contains(hostname)).collect();
        if !at_apex.is_empty() {
            conditions.push(holds(
                ConditionType::CnameAtApex,
                Reason::CnameAtApex,
                format!(
                    "{}: a CNAME may not stand at a zone's apex, so it is not answered there: give the object an \
                     address, or set ipOverrides to addresses",
                    listed(&at_apex)
                ),
            ));
        }
    }
    if !addresses.is_empty() && !targets.is_empty() {
        conditions.push(holds(
            ConditionType::NamesIgnored,
            Reason::NamesIgnored,
            format!("{}: not used, because there are addresses too", listed(&targets)),
        ));
    }
    conditions.sort_by_key(|condition| condition.kind);

    let anything = !won.is_empty();
    let status = Status {
        observed_generation: gslb.generation,
        conditions,
        addresses: if anything { addresses.clone() } else { Vec::new() },
        targets: if anything { targets.clone() } else { Vec::new() },
        hostnames: won.clone(),
        ready: ready && anything,
    };
    let (priority, weight, policy) = (gslb.priority, gslb.weight, reading.policy.clone());
    (Content { addresses, targets, priority, weight, ready, policy }, status)
}

fn is_too_large(places: &Places) -> bool {
    let v4 = places.addresses.iter().filter(|address| address.is_ipv4()).count();
    let v6 = places.addresses.len() - v4;
    v4.max(v6) > MAX_ADDRESSES || places.targets.len() > MAX_TARGETS
}

/// R19, R27: whether every entry is taken.
fn accepted(case: &Case<'_>) -> Condition {
    let Case { gslb, reading, offer, lost, .. } = case;
    let mut problems = reading.problems.clone();
    if gslb.reference.is_none() && gslb.faults.is_empty() {
        let message = "objectReference is missing: it names the object, as {kind, name}".to_owned();
        problems.push((Reason::InvalidReference, message));
    }
    if gslb.hostnames.is_empty() {
        problems.push((Reason::NoHostname, "hostnames is empty: it lists the names to answer".to_owned()));
    }
    if reading.overrides.is_none() {
        let place = gslb.referent().map_or_else(String::new, |reference| reference.to_string());
        reject(&mut problems, &place, &offer.places.rejected);
    }
    for (hostname, other) in lost {
        let message = format!("{hostname}: GSLB {other} has it, for it is older or comes first by name");
        problems.push((Reason::HostnameConflict, message));
    }
    let severity = |reason: Reason| match reason {
        Reason::HostnameNotAllowed => 0,
        Reason::HostnameConflict => 1,
        Reason::InvalidHostname => 2,
        Reason::InvalidAddress => 3,
        _ => 4,
    };
    problems.sort_by_key(|(reason, _)| severity(*reason));
    let Some((reason, _)) = problems.first() else {
        return condition(
            ConditionType::Accepted,
            Reason::Accepted,
            "every hostname and address is accepted".to_owned(),
        );
    };
    let messages: Vec<&String> = problems.iter().map(|(_, message)| message).collect();
    condition(ConditionType::Accepted, *reason, sentences(&messages))
}

/// Whether what is referred to is there and may be referred to.
fn resolved(gslb: &Gslb, offer: &Offer) -> Condition {
    let refused = |reason, message| condition(ConditionType::ResolvedRefs, reason, message);
    let Some(reference) = gslb.referent() else {
        return refused(Reason::InvalidReference, "there is no usable objectReference".to_owned());
    };
    if !offer.exists {
        let message = if offer.not_installed {
            format!("{reference} cannot be found: {} is not installed in this cluster", reference.kind)
        } else {
            format!("{reference} does not exist")
        };
        return refused(Reason::RefNotFound, message);
    }
    if !offer.forbidden.is_empty() {
        let message = format!(
            "{}: a Service of another namespace counts only where a ReferenceGrant there allows {}s of namespace {}",
            listed(&offer.forbidden),
            reference.kind,
            reference.object.namespace
        );
        return refused(Reason::RefNotPermitted, message);
    }
    if !offer.missing.is_empty() {
        let message = format!("{reference} refers to what does not exist: {}", listed(&offer.missing));
        return refused(Reason::RefNotFound, message);
    }
    let message = format!("{reference} and what it refers to are there");
    condition(ConditionType::ResolvedRefs, Reason::ResolvedRefs, message)
}

/// Whether a hostname is published as ready, and if not, the first thing that is in the way.
fn published(case: &Case<'_>, too_large: bool, nowhere: bool) -> Condition {
    let Case { gslb, reading, offer, won, .. } = case;
    let refused = |reason, message| condition(ConditionType::Published, reason, message);
    if won.is_empty() {
        return refused(Reason::NoHostname, "none of its hostnames is accepted".to_owned());
    }
    let Some(reference) = gslb.referent() else {
        return refused(Reason::InvalidReference, "there is no usable objectReference".to_owned());
    };
    if !offer.exists {
        return refused(Reason::RefNotFound, format!("{reference} does not exist"));
    }
    match closed_gate(reading.overrides.is_some(), offer) {
        Some(Gate::NotAccepted) => {
            return refused(Reason::NotAccepted, format!("no Gateway has accepted {reference}"));
        }
        Some(Gate::NotProgrammed) => {
            return refused(Reason::NotProgrammed, format!("{reference} is not programmed"));
        }
        Some(Gate::Open) | None => {}
    }
    if !backends_are_ready(gslb, offer) {
        return refused(Reason::NoReadyEndpoints, not_ready(gslb, reference.kind, offer));
    }
    if too_large {
        let message = format!(
            "over {MAX_ADDRESSES} addresses of one family, or over {MAX_TARGETS} names, cannot be published"
        );
        return refused(Reason::TooLarge, message);
    }
    if nowhere {
        return refused(Reason::NoAddress, no_address(case, &reference));
    }
    let message = format!("{} of {} hostnames are published", won.len(), won.len() + refused_count(case));
    condition(ConditionType::Published, Reason::Published, message)
}

/// The hostnames that were not taken.
fn refused_count(case: &Case<'_>) -> usize {
    let refused = case
        .reading
        .problems
        .iter()
        .filter(|(reason, _)| matches!(reason, Reason::InvalidHostname | Reason::HostnameNotAllowed))
        .count();
    refused + case.lost.len()
}

fn not_ready(gslb: &Gslb, kind: Referent, offer: &Offer) -> String {
    if kind == Referent::Service {
        return "the Service has no ready endpoint".to_owned();
    }
    let mut message = match gslb.backend_policy {
        BackendPolicy::All if offer.backends == ReadyBackends::Some => {
            let unready: Vec<_> = offer.unready.iter().chain(&offer.forbidden).collect();
            format!("backendPolicy is all, and these have no ready endpoint: {}", listed(&unready))
        }
        BackendPolicy::All | BackendPolicy::Any if offer.unready.is_empty() => {
            "it has no backend Service".to_owned()
        }
        BackendPolicy::All | BackendPolicy::Any => {
            format!("none of its backend Services has a ready endpoint: {}", listed(&offer.unready))
        }
    };
    if !offer.resources.is_empty() {
        message.push_str("; whether a backend that is no Service is ready cannot be known: ");
        message.push_str(&listed(&offer.resources));
    }
    message
}

fn no_address(case: &Case<'_>, reference: &impl Display) -> String {
    if case.reading.overrides.is_some() {
        return "none of its ipOverrides can be answered".to_owned();
    }
    match case.offer.places.source {
        Source::Nothing => format!(
            "{reference} has no address outside the cluster: set ipOverrides, or make it a LoadBalancer, NodePort \
             or headless Service"
        ),
        Source::Nodes => format!("no address is known of the nodes that hold {reference}'s ready endpoints"),
        _ => format!("{reference} has no address that can be answered"),
    }
}

/// A condition of the three that are always there: it holds if the reason is the one that says so.
fn condition(kind: ConditionType, reason: Reason, message: String) -> Condition {
    let holds = matches!(reason, Reason::Accepted | Reason::ResolvedRefs | Reason::Published);
    Condition { kind, holds, reason, message }
}

/// A condition that is there only while it holds.
fn holds(kind: ConditionType, reason: Reason, message: String) -> Condition {
    Condition { kind, holds: true, reason, message }
}

/// The first few of many, with a comma between them.
fn listed(items: &[impl Display]) -> String {
    joined(items, ", ")
}

/// The first few of many sentences.
fn sentences(items: &[impl Display]) -> String {
    joined(items, "; ")
}

fn joined(items: &[impl Display], between: &str) -> String {
    let mut text = String::new();
    for (position, item) in items.iter().take(NAMED).enumerate() {
        if position > 0 {
            text.push_str(between);
        }
        text.push_str(&item.to_string());
    }
    if let Some(more) = items.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}
