//! The configuration, as people meet it on the command line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, mci_in, program, ran};

/// A folder with a configuration file.
fn with_config(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), text).unwrap();
    folder
}

fn operator(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    ran(program("mci-operator")
        .current_dir(folder)
        .args(["--config", "config.yaml"])
        .args(arguments)
        .envs(environment.iter().copied()))
}

#[test]
fn every_mistake_of_every_source_is_told_at_once() {
    let folder = with_config("clusterIdentifer: west\nheartbeat:\n  timeout: 10\n");
    let ran = operator(
        folder.path(),
        &["--withdrawal-share", "half", "-n", "MCI"],
        &[("HeartbeatCheckInterval", "often"), ("MCI_ADDRESS_HOLD", "1 week")],
    );
    insta::assert_snapshot!(ran, @r#"
    --- stderr
    error: 6 mistakes in the configuration
    config.yaml:1:1: clusterIdentifer: unknown key; did you mean "clusterIdentifier"?
    config.yaml:3:12: heartbeat.timeout: it is not longer than two of `heartbeat.set`; three intervals or more: a cluster is stale when one heartbeat is lost otherwise
    --namespace: namespace: "MCI" is no namespace: 1 to 63 lower-case letters, digits and '-', beginning and ending with a letter or digit
    environment variable HeartbeatCheckInterval: heartbeat.check: expected seconds, or a duration such as 90s or 5m, found the text "often"
    --withdrawal-share: withdrawal.share: expected a percentage from 0% to 100%, found the text "half"
    environment variable MCI_ADDRESS_HOLD: addressHold: expected seconds, or a duration such as 90s or 5m, found the text "1 week"
    --- exit code 2
    "#);
}

#[test]
fn a_file_that_is_not_there_is_said() {
    let folder = with_config("");
    let missing =
        ran(program("mci").current_dir(folder.path()).args(["--orchestrator", "--config", "missing.yaml"]));
    insta::assert_snapshot!(missing, @"
    --- stderr
    error: 1 mistake in the configuration
    missing.yaml: no such file or directory
    --- exit code 2
    ");
}

#[test]
fn an_unknown_flag_gets_the_nearest_name() {
    let folder = with_config("");
    let ran = operator(folder.path(), &["--heartbeat-sett", "1"], &[]);
    assert!(ran.stderr.contains("a similar argument exists: '--heartbeat-set'"), "{ran}");
    assert_eq!(ran.code, Some(2));
}

#[test]
fn state_files_and_clusters_are_not_served_together() {
    let folder = with_config("");
    for (flag, value) in
        [("--config", "config.yaml"), ("--source", "clusterCaches"), ("--context", "staging")]
    {
        let both = ran(program("mci-dns-server")
            .current_dir(folder.path())
            .args(["--standalone", "gslb.yaml", flag, value])
            // A variable is of all programs: it is in nobody's way.
            .env("MCI_NAMESPACE", "mci"));
        assert!(both.stderr.contains("cannot be used with"), "{flag}: {both}");
        assert!(both.stderr.contains(flag), "{flag}: {both}");
        assert_eq!(both.code, Some(2));
    }
}

#[test]
fn validate_knows_configurations() {
    let folder = with_config(include_str!("../../examples/config.yaml"));
    insta::assert_snapshot!(mci_in(folder.path(), &["validate", "config.yaml"]), @"
    config.yaml: ok: a configuration
    --- exit code 0
    ");
    fs::write(folder.path().join("config.yaml"), "clusterIdentifier: West\npeer: []\n").unwrap();
    insta::assert_snapshot!(mci_in(folder.path(), &["validate", "config.yaml"]), @r#"
    --- stderr
    error: 2 mistakes in config.yaml
    config.yaml:1:20: clusterIdentifier: "West" is no cluster identifier: 1 to 63 lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit; did you mean "west"?
    config.yaml:2:1: peer: unknown key; did you mean "peers"?
    --- exit code 2
    "#);
}

#[test]
fn every_program_has_help_with_examples() {
    for name in ["mci-operator", "mci-orchestrator"] {
        let ran = ran(program(name).arg("--help"));
        assert!(ran.stdout.contains("\nExamples:\n"), "{ran}");
        insta::assert_snapshot!(format!("help_of_{name}"), ran);
    }
    let alias = mci_in(Path::new("."), &["--operator", "--help"]);
    assert!(alias.stdout.contains("--heartbeat-set"), "{alias}");
}
