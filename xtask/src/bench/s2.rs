//! S2: a query's octets in, a reply's octets out, and counted.

use anyhow::Result;

use super::report::{Report, Unit};
use super::{Bench, criterion};

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let means = criterion::run(bench, "message", "S2 ")?;
    for (id, name, what) in [
        ("S2/message", "message/S2 in and out", "message in, message out, 100,000 hostnames"),
        ("S2/datagram", "message/S2 as a datagram", "the same with the rules for UDP"),
    ] {
        let mean = criterion::mean(&means, name)?;
        report.add(id, what, mean.value, Unit::Nanoseconds, mean.interval());
    }
    Ok(())
}
