//! `mci init`: a commented state file, and a policy test for it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The state file that is written; a test parses it.
pub(crate) const STATE: &str = r#"# What is true at the moment: zones, clusters, and what each cluster offers for each hostname.
# Serve it:     mci standalone {NAME}.yaml       and edit it while it is served
# Ask it:       mci resolve app.gslb.example.com --file {NAME}.yaml
# Test it:      mci test {NAME}.test.yaml
version: 1

zones:                                     # everything in and below them is answered here, with authority
  - name: gslb.example.com
    nameservers:                           # one inside a zone of ours needs its addresses
      - {name: ns1.gslb.example.com, addresses: [192.0.2.53, "2001:db8::53"]}
      - ns2.example.net
    responsibleEmail: hostmaster@example.com
    negativeTtl: 5                         # seconds that "no such name" may be cached
    ttl: 3600                              # seconds, of NS, SOA and glue
    # records:                             # static records
    #   - {name: _acme-challenge.app, type: CNAME, value: app.acme.example.net}

defaults:
  ttl: 5                                   # seconds; a short one makes failover quick
  answerMode: cluster                      # cluster: all addresses of one cluster | single: one | all: of every cluster
  whenAllDown: nodata                      # nodata | any: as if all were up | static: the hostname's fallback

clusters:                                  # any other name below is a mistake
  - name: west
    state: alive                           # alive | stale: its heartbeat is lost | gone
    # override: drained                    # drained: as weight 0 | down: as stale; with until: it ends by itself
  - name: east

hostnames:
  # The highest priority that is ready answers: east takes over when west is not ready.
  - hostname: app.gslb.example.com
    endpoints:
      - {cluster: west, addresses: [192.0.2.10, "2001:db8::10"], priority: 10}
      - {cluster: east, addresses: [198.51.100.20, "2001:db8:1::20"]}

  # Within one priority, weights share the answers: 70 % and 30 %.
  - hostname: shop.gslb.example.com
    ttl: 30
    endpoints:
      - {cluster: west, addresses: [192.0.2.11], weight: 70}
      - {cluster: east, addresses: [198.51.100.21], weight: 30, ready: true}

  # Every other name below apps.gslb.example.com; names that begin with * need quotes.
  - hostname: "*.apps.gslb.example.com"
    endpoints:
      - {cluster: west, addresses: [192.0.2.12]}

  # A load balancer that has a name and no address is answered as a CNAME.
  - hostname: cdn.gslb.example.com
    endpoints:
      - {cluster: east, addresses: [lb-1234.elb.example.net]}
"#;

/// The policy test that is written; a test runs it.
pub(crate) const TEST: &str = r#"# Unit tests of {NAME}.yaml: no cluster and no server is needed.
# Run them:     mci test {NAME}.test.yaml
state: {NAME}.yaml                         # relative to this file

tests:
  - name: west answers while it is up
    query: app.gslb.example.com A          # NAME [TYPE]
    expect: {rcode: NOERROR, clusters: [west], addresses: [192.0.2.10], ttl: 5}

  - name: east takes over when west is down, and west returns
    query: app.gslb.example.com
    steps:
      - {given: {down: [west]}, expect: {clusters: [east]}}
      - {given: {alive: [west]}, expect: {clusters: [west]}}

  - name: seventy to thirty
    query: shop.gslb.example.com A
    expect: {shares: {west: 70%, east: 30%}}

  - name: one that is not ready gets nothing
    given: {unready: ["shop.gslb.example.com@west"]}
    query: shop.gslb.example.com A
    expect: {clusters: [east]}

  - name: names that do not exist
    query: nothing.gslb.example.com A
    expect: NXDOMAIN

always:                                    # under every loss of that many clusters
  - {name: any one cluster may die, for: app.gslb.example.com, losing: 1, expect: answered}
"#;

/// Writes both files into `directory`; neither if one is there already.
pub(crate) fn write(directory: &Path, name: &str) -> anyhow::Result<[PathBuf; 2]> {
    if name.is_empty() || name.contains(['/', '\0']) || name.starts_with('.') {
        bail!("--name {name:?} cannot be the name of a file: use letters, digits, '-' and '_'");
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("{}: the directory cannot be made", directory.display()))?;
    let files = [("yaml", STATE), ("test.yaml", TEST)]
        .map(|(ending, text)| (directory.join(format!("{name}.{ending}")), text.replace("{NAME}", name)));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        bail!(
            "{} is there already and is not overwritten: choose another --name, or another directory",
            there.display()
        );
    }
    for (path, text) in &files {
        create(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(files.map(|(path, _)| path))
}

/// Refuses to overwrite even what appeared a moment ago.
fn create(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_written_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let [state, test] = write(&directory.path().join("new"), "shop").unwrap();
        assert!(std::fs::read_to_string(&state).unwrap().contains("mci standalone shop.yaml"));
        assert!(std::fs::read_to_string(&test).unwrap().contains("\nstate: shop.yaml"));
        std::fs::remove_file(&state).unwrap();
        let refused = write(&directory.path().join("new"), "shop").unwrap_err().to_string();
        assert!(refused.contains("shop.test.yaml is there already and is not overwritten"), "{refused}");
        assert!(!state.exists(), "all or nothing");
    }

    #[test]
    fn a_name_that_is_no_file_name_is_refused() {
        for name in ["", "a/b", "..", ".hidden"] {
            assert!(write(Path::new("/nowhere"), name).is_err(), "{name:?}");
        }
    }
}
