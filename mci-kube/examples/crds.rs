//! Writes the CustomResourceDefinitions into a directory, a file each.
//!
//! ```sh
//! cargo run -p mci-kube --example crds -- charts/multicluster-ingress/crds
//! ```

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: crds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    for crd in mci_kube::crds::all() {
        std::fs::write(directory.join(mci_kube::crds::file_name(&crd)), mci_kube::crds::yaml(&crd))?;
    }
    Ok(())
}
