//! The CRDs that are committed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::Path;

use mci_kube::crds;

#[test]
fn the_committed_crds_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/multicluster-ingress/crds");
    let committed: BTreeMap<String, String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let generated: BTreeMap<String, String> =
        crds::all().iter().map(|crd| (crds::file_name(crd), crds::yaml(crd))).collect();
    assert!(committed == generated, "the CRDs are stale: run `cargo xtask crds` and commit what it writes");
}

#[test]
fn what_is_written_as_yaml_is_read_as_the_same() {
    for crd in crds::all() {
        let value: serde_json::Value = serde_saphyr::from_str(&crds::yaml(&crd)).unwrap();
        assert_eq!(
            serde_json::from_value::<serde_json::Value>(value).unwrap()["kind"],
            "CustomResourceDefinition"
        );
        let read: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition =
            serde_saphyr::from_str(&crds::yaml(&crd)).unwrap();
        assert_eq!(read, crd);
    }
}
