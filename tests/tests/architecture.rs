//! No crate depends on what its row in ARCHITECTURE.md refuses.
//!
//! What counts is what is built into the crate: normal dependencies, of dependencies too, with every feature. Test
//! and build dependencies may be anything.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use mci_tests::mci::repository;

/// What a crate refuses, as names of packages; a final `*` stands for any rest.
struct Row {
    package: &'static str,
    refuses: &'static [&'static str],
}

const KUBERNETES: &[&str] = &["kube", "kube-*", "k8s-openapi", "gateway-api", "mci-kube"];
const GRPC: &[&str] = &["tonic", "tonic-*", "prost", "prost-*", "mci-grpc"];

const ROWS: &[Row] = &[
    // It decides: no runtime, no sockets, no files' watchers, no clock, and chance as an argument.
    Row {
        package: "mci-core",
        refuses: &[
            "tokio",
            "tokio-*",
            "async-*",
            "mio",
            "socket2",
            "nix",
            "rustix",
            "libc",
            "hyper",
            "hyper-*",
            "axum",
            "tower",
            "tower-*",
            "notify",
            "getrandom",
            "chrono",
            "jiff",
            "log",
            "tracing-subscriber",
            "mci-*",
        ],
    },
    Row { package: "mci-grpc", refuses: &["utoipa", "mci-dns", "mci-http"] },
    Row { package: "mci-dns", refuses: &["axum", "hyper", "h2", "mci-http"] },
    Row { package: "mci-http", refuses: &["mci-dns"] },
    Row { package: "mci-kube", refuses: &["hickory-proto", "axum", "mci-dns", "mci-http", "mci-grpc"] },
];

/// Who else refuses Kubernetes, and who gRPC.
const NO_KUBERNETES: &[&str] = &["mci-core", "mci-grpc", "mci-dns", "mci-http"];
const NO_GRPC: &[&str] = &["mci-core", "mci-dns", "mci-http"];

/// The packages that are built into one, itself left out.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--package", package, "--edges", "normal", "--all-features"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(repository())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names of packages are UTF-8");
    // A macro runs in the compiler, with all that it brings.
    text.lines()
        .filter(|line| !line.contains("(proc-macro)"))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

/// The packages of the workspace, and each one's direct normal dependencies among them.
fn members() -> Vec<(String, Vec<String>)> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--locked", "--no-deps", "--format-version=1"])
        .current_dir(repository())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
            let ours = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_string())
                .map(|dependency| dependency["name"].as_str().expect("a name").to_owned());
            (package["name"].as_str().expect("a name").to_owned(), ours.collect())
        })
        .collect()
}

/// Those of the names that are refused.
fn refused<'a>(names: &'a BTreeSet<String>, refuses: &[&str]) -> Vec<&'a str> {
    let matches = |name: &str| {
        refuses.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
    };
    names.iter().map(String::as_str).filter(|name| matches(name)).collect()
}

#[test]
fn no_crate_depends_on_what_its_row_refuses() {
    let members = members();
    let mut complaints = Vec::new();
    let mut judged = 0;
    for row in ROWS.iter().filter(|row| members.iter().any(|(name, _)| name == row.package)) {
        let mut refuses = row.refuses.to_vec();
        if NO_KUBERNETES.contains(&row.package) {
            refuses.extend(KUBERNETES);
        }
        if NO_GRPC.contains(&row.package) {
            refuses.extend(GRPC);
        }
        refuses.retain(|refused| *refused != row.package);
        let names = dependencies(row.package);
        assert!(!names.is_empty(), "nothing was read of {}", row.package);
        for name in refused(&names, &refuses) {
            complaints
                .push(format!("{} refuses {name} (cargo tree -p {0} -e normal -i {name})", row.package));
        }
        judged += 1;
    }
    assert!(judged >= 4, "only {judged} crates were found");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn adapters_never_depend_on_each_other_nor_on_the_programs() {
    for (name, ours) in members() {
        let allowed: &[&str] = match name.as_str() {
            // They compose, and may know everything but the tests.
            "mci" | "mci-benches" => &["mci-core", "mci-grpc", "mci-kube", "mci-dns", "mci-http"],
            // What is judged shares no code with its judge.
            "mci-tests" | "xtask" | "mci-core" => &[],
            _ => &["mci-core"],
        };
        for dependency in &ours {
            assert!(allowed.contains(&dependency.as_str()), "{name} depends on {dependency}");
        }
    }
}

#[test]
fn every_crate_of_the_product_has_a_row() {
    for (name, _) in members() {
        let known = ROWS.iter().any(|row| row.package == name);
        let other = ["mci", "mci-tests", "mci-benches", "xtask"].contains(&name.as_str());
        assert!(known || other, "{name} has no row in this test, and perhaps none in ARCHITECTURE.md");
    }
}

#[test]
fn a_refused_dependency_is_found_however_deep_it_is() {
    // Two that are there: tokio at once, and mio below it.
    let names = dependencies("mci-dns");
    assert_eq!(refused(&names, &["tokio", "mio", "kube"]), ["mio", "tokio"]);
    assert_eq!(refused(&names, &["mci-*"]), ["mci-core"]);
}
