//! S1: `resolve`, with three clusters for each hostname. That it takes no memory from the heap is a test of
//! `mci-core`.

use anyhow::Result;

use super::report::{Report, Unit};
use super::{Bench, criterion};

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let means = criterion::run(bench, "resolve", "S1/")?;
    for (size, shown) in [("100000", "100,000"), ("1000000", "1,000,000")] {
        for (order, about) in [("uniform", "uniform"), ("zipf-1.0", "Zipf 1.0")] {
            let id = format!("S1/{size}/{order}");
            let mean = criterion::mean(&means, &id)?;
            let what = format!("resolve, {shown} hostnames, {about}");
            report.add(&id, &what, mean.value, Unit::Nanoseconds, mean.interval());
        }
    }
    Ok(())
}
