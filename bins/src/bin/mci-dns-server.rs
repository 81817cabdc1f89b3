//! See `mci_bins`: everything that this program does is there.

use std::process::ExitCode;

/// Threads of the query path take and give back memory all the time; musl's own allocator is eight times slower at it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mci_bins::mci_dns_server()
}
