//! A GSLB's status as the API server keeps it.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use mci_core::publish::{ConditionType, Status};

use crate::resources::GslbStatus;

/// What to write; every condition changed at `unix`, as far as anyone here knows.
pub(super) fn write(status: &Status, unix: u32) -> GslbStatus {
    let Status { observed_generation, conditions, addresses, targets, hostnames, ready: _ } = status;
    let time = Timestamp::from_second(unix.into()).unwrap_or_default();
    let conditions = conditions.iter().map(|condition| Condition {
        type_: condition.kind.to_string(),
        status: if condition.holds { "True" } else { "False" }.to_owned(),
        reason: condition.reason.to_string(),
        message: condition.message.clone(),
        observed_generation: Some(*observed_generation),
        last_transition_time: Time(time),
    });
    let addresses = addresses.iter().map(IpAddr::to_string);
    GslbStatus {
        observed_generation: Some(*observed_generation),
        conditions: conditions.collect(),
        published_hostnames: hostnames.iter().map(ToString::to_string).collect(),
        published_addresses: addresses.chain(targets.iter().map(ToString::to_string)).collect(),
    }
}

/// Whether two statuses say the same of what is accepted.
pub(super) fn accepts_alike(one: &GslbStatus, other: &GslbStatus) -> bool {
    let accepted = |status: &GslbStatus| {
        let mut conditions = status.conditions.iter();
        let found = conditions.find(|condition| condition.type_ == ConditionType::Accepted.as_str())?;
        Some((found.status.clone(), found.message.clone()))
    };
    accepted(one) == accepted(other)
}
