//! See `mci_bins`: everything that this program does is there.

use std::process::ExitCode;

/// One allocator in every program, so that what is measured of one holds for `mci` too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mci_bins::mci_front_end()
}
