//! Any text as a policy file: never a panic; what is refused says where, and what is taken can be run.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use mci_core::policy::Suite;

/// What `state: FILE` leads to.
const STATE: &str = "
zones: [{name: gslb.example.com, nameservers: [ns1.example.net, ns2.example.net]}]
clusters: [{name: west}, {name: east}]
hostnames:
  - hostname: app.gslb.example.com
    endpoints: [{cluster: west, addresses: [192.0.2.10], weight: 70}, {cluster: east, addresses: [192.0.2.20], weight: 30}]
";

fuzz_target!(|text: &str| {
    let load = |path: &str| {
        if path == "state.yaml" { Ok(STATE.to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    match Suite::parse(text, load) {
        Err(problems) => assert!(!problems.to_string().is_empty(), "a refusal says why"),
        Ok(suite) => assert!(!suite.run().to_string().is_empty(), "a report says something"),
    }
});
