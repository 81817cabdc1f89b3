//! What a GSLB says, read once: its claims, its overrides, its policy, and what is wrong with each (R18, R19, R27).

use crate::glob;
use crate::hostname::Hostname;
use crate::hostname_state::Policy;
use crate::publish::config::{Config, HostnameRule};
use crate::publish::objects::Gslb;
use crate::publish::places::{Places, Source};
use crate::publish::status::Reason;
use crate::text;

/// A GSLB as it is understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The hostnames that it may have, in order.
    pub(crate) claims: Vec<Hostname>,
    /// What stands in place of the object's own addresses (R18), where anything does.
    pub(crate) overrides: Option<Places>,
    pub(crate) policy: Policy,
    /// What is refused, and why.
    pub(crate) problems: Vec<(Reason, String)>,
}

/// Reads a GSLB.
pub(crate) fn read(gslb: &Gslb, config: &Config) -> Reading {
    let mut reading = Reading::default();
    for fault in &gslb.faults {
        reading.problems.push((Reason::InvalidField, fault.clone()));
    }
    for given in &gslb.hostnames {
        match text::hostname(given) {
            Err(error) => reading.problems.push((Reason::InvalidHostname, error)),
            Ok(hostname) => match refusal(gslb, &hostname, config) {
                Some(why) => reading.problems.push((Reason::HostnameNotAllowed, why)),
                None => reading.claims.push(hostname),
            },
        }
    }
    reading.claims.sort_unstable();
    reading.claims.dedup();
    if !gslb.ip_overrides.is_empty() {
        let places = Places::of_texts(Source::Overrides, &gslb.ip_overrides);
        reject(&mut reading.problems, "ipOverrides", &places.rejected);
        reading.overrides = Some(places);
    }
    let mut fallback = Vec::new();
    for given in &gslb.fallback {
        match text::address(given) {
            Ok(address) if fallback.contains(&address) => {}
            Ok(address) => fallback.push(address),
            Err(error) => reading.problems.push((Reason::InvalidAddress, format!("fallback: {error}"))),
        }
    }
    reading.policy =
        Policy { ttl: gslb.ttl, answer_mode: gslb.answer_mode, when_all_down: gslb.when_all_down, fallback };
    reading
}

/// Adds addresses that were rejected.
pub(crate) fn reject(problems: &mut Vec<(Reason, String)>, place: &str, rejected: &[String]) {
    problems.extend(rejected.iter().map(|why| (Reason::InvalidAddress, format!("{place}: {why}"))));
}

/// Why `hostnamePolicy` refuses a hostname to a GSLB, if it does (R27).
fn refusal(gslb: &Gslb, hostname: &Hostname, config: &Config) -> Option<String> {
    let rules = config.hostname_policy.as_ref()?;
    let namespace = &*gslb.name.object.namespace;
    let Some(rule) = rules.iter().find(|rule| concerns(rule, namespace, hostname)) else {
        return Some(format!("{hostname}: no entry of hostnamePolicy lets namespace {namespace} publish it"));
    };
    if rule.ip_overrides == Some(false) && !gslb.ip_overrides.is_empty() {
        return Some(format!(
            "{hostname}: hostnamePolicy lets namespace {namespace} publish it only without ipOverrides"
        ));
    }
    rule.max_priority.filter(|max| gslb.priority > *max).map(|max| {
        format!(
            "{hostname}: hostnamePolicy lets namespace {namespace} publish it with a priority of at most {max}, and \
             this is {}",
            gslb.priority
        )
    })
}

/// Whether an entry is about this namespace and this name.
fn concerns(rule: &HostnameRule, namespace: &str, hostname: &Hostname) -> bool {
    let HostnameRule { namespaces, zones, ip_overrides: _, max_priority: _ } = rule;
    namespaces
        .as_ref()
        .is_none_or(|patterns| patterns.iter().any(|pattern| glob::is_match(pattern, namespace)))
        && zones.as_ref().is_none_or(|zones| zones.iter().any(|zone| hostname.is_within(zone)))
}
