//! Reads what peers send, and says which field is wrong and what would be right.

use std::net::IpAddr;

use mci_core::{DEFAULT_WEIGHT, Hostname};

use super::json::{Fault, Json};
use super::{Host, MOST, Place, Target};

impl Host {
    /// Reads one, at a path such as `[3]`; nothing for the body itself. Fields that it does not know are ignored.
    pub(crate) fn read(json: &Json, at: &str) -> Result<Self, Fault> {
        let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let object = json.object(if at.is_empty() { "$" } else { at })?;
        let path = below("hostname");
        let hostname = match object.get("hostname") {
            None => return Err(Fault::new(path, "it is missing: say which hostname is meant")),
            Some(Json::Text(text)) => text.parse().map_err(|error| Fault::new(path, format!("{error}")))?,
            Some(other) => {
                return Err(Fault::new(path, format!("expected a hostname as text, found {other}")));
            }
        };
        let path = below("hostIPs");
        let list = match object.get("hostIPs") {
            // To take it for an empty list would withdraw a hostname by mistake.
            None => {
                return Err(Fault::new(
                    path,
                    "it is missing: [] says that the hostname is published no more",
                ));
            }
            Some(Json::List(list)) => list,
            Some(other) => return Err(Fault::new(path, format!("expected a list, found {other}"))),
        };
        let place = |(index, item)| place(item, &format!("{path}[{index}]"));
        let places = list.iter().enumerate().map(place).collect::<Result<_, _>>()?;
        Ok(Self { hostname, places })
    }
}

fn place(json: &Json, at: &str) -> Result<Place, Fault> {
    let object = json.object(at)?;
    let target = match object.get("ipAddress") {
        None => Target::Nothing,
        Some(Json::Text(text)) => target(text).map_err(|what| Fault::new(format!("{at}.ipAddress"), what))?,
        Some(other) => {
            let what = format!("expected an address as text, found {other}");
            return Err(Fault::new(format!("{at}.ipAddress"), what));
        }
    };
    let number = |name: &str, default| match object.get(name) {
        None => Ok(default),
        Some(Json::Integer(number)) => {
            u32::try_from(*number).ok().filter(|number| *number <= MOST).ok_or_else(|| {
                Fault::new(format!("{at}.{name}"), format!("{number} is out of range: 0 to {MOST}"))
            })
        }
        Some(other) => Err(Fault::new(
            format!("{at}.{name}"),
            format!("expected a whole number from 0 to {MOST}, found {other}"),
        )),
    };
    let ready = match object.get("ready") {
        None => None,
        Some(Json::Boolean(ready)) => Some(*ready),
        Some(other) => {
            let what = format!("expected true or false, found {other}; without it the address is ready");
            return Err(Fault::new(format!("{at}.ready"), what));
        }
    };
    Ok(Place { target, priority: number("priority", 0)?, weight: number("weight", DEFAULT_WEIGHT)?, ready })
}

fn target(text: &str) -> Result<Target, String> {
    if text.is_empty() {
        return Ok(Target::Nothing);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Target::Address(address));
    }
    // 192.0.2.300 is a name by its letters, and nobody means it.
    let looks_like_an_address = text
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    match text.parse::<Hostname>() {
        Ok(name) if !looks_like_an_address && !name.is_wildcard() => Ok(Target::Name(name)),
        _ => Err(format!("{text:?} is no IPv4 or IPv6 address, and no name to answer instead")),
    }
}
