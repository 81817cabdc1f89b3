//! The hostnames that are asked for, in every form that a server or a load generator reads.
//!
//! `app-I.team-J.gslb.example.com`, three clusters with two addresses each and weights of their own. Servers that
//! hold the answer itself get a hundred of these names, with two addresses each: as many as MCI answers with.

use std::fs::File;
use std::hash::Hasher as _;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use siphasher::sip::SipHasher24;

pub(super) const ZONE: &str = "gslb.example.com";
/// Not among the hostnames: it appears with a reload.
pub(super) const FRESH: &str = "fresh.gslb.example.com";

/// How many hostnames MCI has, and how many queries there are in a file.
pub(super) const MANY: u32 = 100_000;
/// How many names the others have.
const FEW: u32 = 100;

const CLUSTERS: [(&str, u32); 3] = [("west", 70), ("east", 20), ("north", 10)];

/// Which names are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// All of [`MANY`].
    Many,
    /// [`FEW`] of them.
    Few,
}

/// The formats of a state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
    /// JSON with a checksum in front.
    Snapshot,
}

fn hostname(number: u32) -> String {
    format!("app-{number}.team-{}.{ZONE}", number % 100)
}

/// The numbers of the few: spread over all, so that they are as long as the others.
fn few() -> impl Iterator<Item = u32> + Clone {
    (0..FEW).map(|number| number * (MANY / FEW))
}

/// The two addresses of a hostname at a cluster.
fn addresses(number: u32, cluster: usize) -> [Ipv4Addr; 2] {
    let cluster = u32::try_from(cluster).expect("there are three");
    let base = (number << 3) | (cluster << 1);
    [base, base + 1].map(|low| Ipv4Addr::from_bits(0x0a00_0000 | (low & 0x00ff_ffff)))
}

fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("writing {}", path.display()))?);
    content(&mut file).and_then(|()| file.flush()).with_context(|| format!("writing {}", path.display()))
}

/// A state file with so many hostnames; `fresh` adds the hostname [`FRESH`].
pub(super) fn state(path: &Path, format: Format, hostnames: u32, fresh: bool) -> Result<()> {
    let names = (0..hostnames).map(|number| (number, hostname(number)));
    let names = names.chain(fresh.then(|| (hostnames, FRESH.to_owned())));
    write(path, |out| match format {
        Format::Json => json(out, names),
        Format::Yaml => yaml(out, names),
        Format::Snapshot => {
            let mut octets = Vec::new();
            json(&mut octets, names)?;
            let content = octets.get(1..).expect("JSON begins with a brace");
            let mut hasher = SipHasher24::new();
            hasher.write(content);
            writeln!(out, "{{\"checksum\":\"{:016x}\",", hasher.finish())?;
            out.write_all(content)
        }
    })
}

fn json(out: &mut impl Write, names: impl Iterator<Item = (u32, String)>) -> io::Result<()> {
    write!(
        out,
        r#"{{"version":1,"zones":[{{"name":"{ZONE}","nameservers":["ns1.example.net","ns2.example.net"]}}],"#
    )?;
    write!(out, r#""clusters":["west","east","north"],"hostnames":["#)?;
    for (index, (number, name)) in names.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}\n{{\"hostname\":\"{name}\",\"endpoints\":[")?;
        for (index, (cluster, weight)) in CLUSTERS.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let [one, two] = addresses(number, index);
            write!(
                out,
                r#"{comma}{{"cluster":"{cluster}","addresses":["{one}","{two}"],"weight":{weight}}}"#
            )?;
        }
        write!(out, "]}}")?;
    }
    writeln!(out, "]}}")
}

fn yaml(out: &mut impl Write, names: impl Iterator<Item = (u32, String)>) -> io::Result<()> {
    writeln!(out, "zones:\n  - {{name: {ZONE}, nameservers: [ns1.example.net, ns2.example.net]}}")?;
    writeln!(out, "clusters: [west, east, north]\nhostnames:")?;
    for (number, name) in names {
        writeln!(out, "  - hostname: {name}\n    endpoints:")?;
        for (index, (cluster, weight)) in CLUSTERS.into_iter().enumerate() {
            let [one, two] = addresses(number, index);
            writeln!(
                out,
                "      - cluster: {cluster}\n        addresses: [{one}, {two}]\n        weight: {weight}"
            )?;
        }
    }
    Ok(())
}

/// A zone file for gdnsd, with the few.
pub(super) fn zone_file(path: &Path) -> Result<()> {
    write(path, |out| {
        writeln!(out, "@ 5 SOA ns1.example.net. hostmaster.example.com. 1 7200 1800 259200 5")?;
        writeln!(out, "@ 3600 NS ns1.example.net.\n@ 3600 NS ns2.example.net.")?;
        for number in few() {
            for address in addresses(number, 0) {
                writeln!(out, "{}. 5 A {address}", hostname(number))?;
            }
        }
        Ok(())
    })
}

/// A file for `CoreDNS`'s `hosts`, with the few.
pub(super) fn hosts_file(path: &Path) -> Result<()> {
    write(path, |out| {
        for number in few() {
            for address in addresses(number, 0) {
                writeln!(out, "{address} {}", hostname(number))?;
            }
        }
        Ok(())
    })
}

/// [`MANY`] queries, each with its length in front: names uniform in an order that no cache can guess, every other
/// one in mixed case, all with an OPT record.
pub(super) fn queries(path: &Path, names: Names) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut numbers: Vec<u32> = match names {
        Names::Many => (0..MANY).collect(),
        Names::Few => few().cycle().take(MANY as usize).collect(),
    };
    numbers.shuffle(&mut rng);
    write(path, |out| {
        for (index, number) in numbers.into_iter().enumerate() {
            let mut name = hostname(number);
            if index % 2 == 1 {
                name = name.chars().map(|c| if rng.random() { c.to_ascii_uppercase() } else { c }).collect();
            }
            let query = query(&name, true);
            out.write_all(&u16::try_from(query.len()).expect("a query is short").to_be_bytes())?;
            out.write_all(&query)?;
        }
        Ok(())
    })
}

/// A query for A, as clients send it.
pub(super) fn query(name: &str, opt: bool) -> Vec<u8> {
    // ID 0, RD, one question.
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt)];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).expect("labels are short"));
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    if opt {
        // The root's name, OPT, 1232 octets, version 0, no options.
        query.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_what_goes_over_the_wire() {
        assert_eq!(query("a.Bc", false), *b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\x02Bc\0\0\x01\0\x01");
        assert!(query("a.Bc", true).ends_with(b"\0\0\x29\x04\xd0\0\0\0\0\0\0"));
    }

    #[test]
    fn each_of_the_many_is_asked_once_and_half_of_them_in_mixed_case() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queries");
        queries(&path, Names::Many).unwrap();
        let octets = std::fs::read(path).unwrap();
        let (mut rest, mut names, mut mixed) = (octets.as_slice(), std::collections::HashSet::new(), 0);
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            let (query, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)));
            rest = behind;
            mixed += u32::from(query[12..query.len() - 16].iter().any(u8::is_ascii_uppercase));
            names.insert(query[12..].to_ascii_lowercase());
        }
        assert_eq!(names.len(), MANY as usize);
        assert_eq!(mixed, MANY / 2);
    }

    #[test]
    fn state_files_in_json_are_json() {
        for (format, fresh) in [(Format::Json, false), (Format::Snapshot, true)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.json");
            state(&path, format, 3, fresh).unwrap();
            let text = std::fs::read_to_string(path).unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["hostnames"].as_array().unwrap().len(), 3 + usize::from(fresh));
            assert_eq!(value["hostnames"][1]["endpoints"][2]["addresses"][1], "10.0.0.13");
        }
    }
}
