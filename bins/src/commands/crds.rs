//! `mci crds`.

use std::process::ExitCode;

use super::Out;

/// Prints the definitions of MCI's resources, a document each.
pub(crate) fn crds(out: Out<'_>) -> anyhow::Result<ExitCode> {
    for (position, crd) in mci_kube::crds::all().iter().enumerate() {
        if position > 0 {
            writeln!(out, "---")?;
        }
        out.write_all(mci_kube::crds::yaml(crd).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}
