//! Whatever is wrong, and however loud the log: neither keys nor salts are in what the programs put out.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(unreachable_pub, clippy::indexing_slicing, reason = "files of another crate are included")]

mod common;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../../tests/src/dotnet.rs"]
mod dotnet;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../../tests/src/secrets.rs"]
mod secrets;

use std::fs;

use common::{program, ran};
use tempfile::TempDir;

use crate::dotnet::{DotNet, Mood, Settings};
use crate::secrets::Secrets;

/// Of no other use than to be kept.
const SALT: &str = "c2FsdCB0aGF0IG5vYm9keSBldmVyIHNlZXMsIG5vdCBldmVu";
const KEY: &str = "west-Jk2Lm4Np6Qr8St0Uv1Wx3Yz5Ab7Cd9Ef";
const STORED: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
const PASSWORD: &str = "hunter2-hunter2-hunter2";

fn secrets() -> Secrets {
    Secrets::new()
        .secret("the salt", SALT)
        .secret("the salt's octets", "salt that nobody ever sees, not even")
        .secret("the key", KEY)
        .secret("the stored key", STORED)
        .secret("a password", PASSWORD)
}

fn configuration(url: &str, key: &str, salt: &str, stored: &str) -> String {
    format!(
        "clusterIdentifier: west\nclusterSalt: {salt}\nlog: {{level: trace}}\n\
         peers: [{{identifier: east, url: '{url}', key: '{key}', insecure: true}}]\n\
         apiKeys: [{{clusterIdentifier: east, key: '{stored}'}}]\n"
    )
}

#[test]
fn no_secret_is_in_the_output_of_any_program() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    let peer = DotNet::start(Settings::new(KEY, "west"));
    let url = peer.url();
    let spoilt = |text: &str| format!("{text} \\u00e9 {text}");
    let configurations = [
        configuration(&url, KEY, SALT, STORED),
        configuration(&format!("https://me:{PASSWORD}@mci.example"), KEY, SALT, STORED),
        configuration(&url, &spoilt(KEY), SALT, STORED),
        configuration(&url, KEY, &spoilt(SALT), STORED),
        configuration(&url, KEY, SALT, &STORED[..80]),
        configuration(&url, KEY, SALT, &spoilt(STORED)),
        // Where it does not belong, and what is no YAML.
        format!("{}{KEY}: {SALT}\n", configuration(&url, KEY, SALT, STORED)),
        format!("clusterSalt: {SALT}\npeers: [{{key: {KEY}\n"),
        format!(
            "clusterIdentifier: local\nclusterSalt: [{SALT}]\npeers: {KEY}\napiKeys: {{key: {STORED}}}\n"
        ),
    ];
    let commands: &[&[&str]] = &[
        &["validate", "config.yaml"],
        &["validate", "config.yaml", "-o", "json"],
        &["peer", "check", "east", "--config", "config.yaml"],
        &["peer", "check", "nobody", "--config", "config.yaml"],
        &["auth", "key", "--cluster", "north", "--config", "config.yaml"],
        &["auth", "key", "--cluster", "west", "--config", "config.yaml", "--salt", "@config.yaml"],
        &["operator", "--config", "config.yaml", "--kubeconfig", "none"],
        &["orchestrator", "--config", "config.yaml", "--kubeconfig", "none"],
        &["front-end", "--config", "config.yaml", "--kubeconfig", "none"],
        &["dns-server", "--config", "config.yaml", "--kubeconfig", "none"],
    ];
    let secrets = secrets();
    let mut checked = String::new();
    for (number, text) in configurations.iter().enumerate() {
        fs::write(&file, text).unwrap();
        for command in commands {
            let output = ran(program("mci").current_dir(folder.path()).args(*command)).to_string();
            secrets.check(&format!("mci {} of configuration {number}", command.join(" ")), &output);
            checked.push_str(&output);
        }
    }
    // They did what they were asked, and did not just fail at once.
    for expected in ["it speaks REST alone", "clusterIdentifier: north", "no base64", "kubeconfig"] {
        assert!(checked.contains(expected), "{expected:?} is nowhere");
    }
}

#[test]
fn no_secret_is_told_of_a_peer_that_is_unwell() {
    let folder = TempDir::new().unwrap();
    let peer = DotNet::start(Settings::new("another key, of another cluster", "west"));
    fs::write(folder.path().join("config.yaml"), configuration(&peer.url(), KEY, SALT, STORED)).unwrap();
    for mood in [Mood::Well, Mood::Fails, Mood::Garbage, Mood::Forgetful] {
        peer.feels(mood);
        let command = ["peer", "check", "east", "--config", "config.yaml"];
        let output = ran(program("mci").current_dir(folder.path()).args(command));
        assert_eq!(output.code, Some(1), "{mood:?}: {output}");
        secrets().check(&format!("a peer that is {mood:?}"), output.to_string());
    }
}

#[test]
fn the_environment_is_no_way_out_either() {
    let wrong = |text: &str| format!("{text} and no base64");
    for (variables, code) in [
        (vec![("MCI_CLUSTER_SALT", wrong(SALT))], 2),
        (vec![("ClusterSalt", wrong(SALT)), ("Authentication__ApiKeys__0__Key", STORED.to_owned())], 2),
        (vec![("MCI_PEERS", format!("[{{identifier: east, key: {KEY}, url: {PASSWORD}}}]"))], 2),
        (vec![("Peers__0__Key", KEY.to_owned()), ("Peers__0__Url", format!("https://{PASSWORD}@x"))], 2),
        (vec![("MCI_CLUSTER_SALTS", SALT.to_owned())], 2),
    ] {
        let mut command = program("mci");
        command
            .args(["operator", "--kubeconfig", "none"])
            .envs(variables.iter().map(|(name, text)| (name, text)));
        let output = ran(&mut command);
        assert_eq!(output.code, Some(code), "{}", variables.len());
        secrets().check("a program with a wrong variable", output.to_string());
    }
}
