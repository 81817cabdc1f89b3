//! `mci auth`: new keys and salts, and what both sides have to configure.

use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use mci_core::ClusterId;
use mci_core::peer::KeyRing;
use mci_core::state_file::Problems;
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Value, json};

use super::drain::identifier;
use super::{Out, write_data};
use crate::cli::{Auth, AuthCommand, NewKey, NewSalt};
use crate::config::{self, Config, salt_octets};
use crate::facts::wrong;

/// As many as SHA-512 gives.
const SALT_OCTETS: usize = 64;
const KEY_OCTETS: usize = 32;

/// Makes what was asked for, and prints it.
pub(crate) fn auth(arguments: &Auth, out: Out<'_>) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        AuthCommand::Key(arguments) => key(arguments, out),
        AuthCommand::Salt(arguments) => salt(arguments, out),
    }
}

fn salt(arguments: &NewSalt, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let salt = BASE64_STANDARD.encode(random::<SALT_OCTETS>()?);
    let format = arguments.output.format;
    if format.is_data() {
        write_data(out, format, &json!({ "clusterSalt": salt }))?;
    } else {
        writeln!(out, "# A new salt. With another one than before, every key in apiKeys is void.")?;
        writeln!(out, "clusterSalt: {salt}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn key(arguments: &NewKey, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let caller = identifier(&arguments.cluster)?;
    // What is said on the command line needs no configuration beside it.
    let config = match (&arguments.own, &arguments.salt) {
        (Some(_), Some(_)) => None,
        _ => Some(
            config::of_peers(arguments.configuration.config.as_deref())
                .map_err(|problems| said(&problems))?,
        ),
    };
    let own = own(arguments, config.as_deref())?;
    if own == caller {
        bail!("{own} is the cluster that is called: --cluster says which one calls it");
    }
    let (salt, is_new) = match salt_of(arguments, config.as_deref())? {
        Some(salt) => (salt, false),
        None => (SecretSlice::from(random::<SALT_OCTETS>()?.to_vec()), true),
    };
    let key = BASE64_URL_SAFE_NO_PAD.encode(random::<KEY_OCTETS>()?);
    let stored = BASE64_STANDARD.encode(KeyRing::hash(salt.expose_secret(), key.as_bytes()));
    let new_salt = is_new.then(|| BASE64_STANDARD.encode(salt.expose_secret()));
    let url = url(&arguments.url)?;

    let format = arguments.output.format;
    if format.is_data() {
        let mut ours = json!({ "apiKeys": [{ "clusterIdentifier": caller.as_str(), "key": stored }] });
        if let (Some(salt), Value::Object(ours)) = (new_salt, &mut ours) {
            ours.insert("clusterSalt".to_owned(), salt.into());
        }
        let theirs = json!({ "peers": [{ "identifier": own.as_str(), "url": url, "key": key }] });
        let both =
            json!({ "called": own.as_str(), "calling": caller.as_str(), "ours": ours, "theirs": theirs });
        write_data(out, format, &both)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "# A new key with which {caller} calls {own}. It is shown this once, and stored nowhere.")?;
    writeln!(out, "#")?;
    writeln!(out, "# Into the configuration of {own}, which is called; it has the key's stored form alone:")?;
    if let Some(salt) = new_salt {
        writeln!(out, "clusterSalt: {salt} # new: the keys that {own} may have been called with are void")?;
    }
    writeln!(out, "apiKeys:\n- clusterIdentifier: {caller}\n  key: {stored}")?;
    writeln!(out, "---")?;
    writeln!(
        out,
        "# Into the configuration of {caller}, which calls; the key is a secret (keyFile reads it from a file):"
    )?;
    writeln!(out, "peers:\n- identifier: {own}\n  url: {url} # the front end of {own}\n  key: {key}")?;
    Ok(ExitCode::SUCCESS)
}

fn said(problems: &Problems) -> anyhow::Error {
    wrong(&"the configuration", problems)
}

/// Which cluster is called.
fn own(arguments: &NewKey, config: Option<&Config>) -> anyhow::Result<ClusterId> {
    if let Some(own) = &arguments.own {
        return identifier(own);
    }
    let config = config.filter(|config| config.origin("clusterIdentifier").is_some());
    let own = config.map(|config| config.cluster_identifier.clone());
    own.ok_or_else(|| {
        anyhow!("which cluster is called is not known: --own NAME says so, or --config FILE with clusterIdentifier")
    })
}

fn salt_of(arguments: &NewKey, config: Option<&Config>) -> anyhow::Result<Option<SecretSlice<u8>>> {
    let Some(written) = &arguments.salt else {
        return Ok(config.and_then(|config| config.cluster_salt.clone()));
    };
    let text = match written.strip_prefix('@') {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("--salt: {file} cannot be read"))?
        }
        None => written.clone(),
    };
    salt_octets(&text).map(Some).map_err(|message| anyhow!("--salt: {message}"))
}

fn url(text: &str) -> anyhow::Result<String> {
    let uri: http::Uri = text.parse().with_context(|| format!("--url: {text:?} is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        bail!("--url: {text:?} is no URL such as https://mci.west.example.com");
    }
    Ok(text.to_owned())
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut octets = [0; N];
    SysRng.try_fill_bytes(&mut octets).context("this machine gives no random numbers")?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn printed(line: &[&str]) -> anyhow::Result<String> {
        let cli = Cli::try_parse_from(["mci", "auth"].iter().chain(line))?;
        let Command::Auth(arguments) = cli.command else { unreachable!("it says auth") };
        let mut out = Vec::new();
        auth(&arguments, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// The configuration that is printed, as both sides would read it.
    fn read(text: &str) -> Vec<Value> {
        text.split("---\n").map(|part| serde_saphyr::from_str(part).unwrap()).collect()
    }

    #[test]
    fn both_sides_know_each_other_by_what_is_printed() {
        let salt = BASE64_STANDARD.encode(b"a salt of some octets");
        let line =
            ["key", "--cluster", "east", "--own", "west", "--url", "https://west.example", "--salt", &salt];
        let [ours, theirs] = &read(&printed(&line).unwrap())[..] else { panic!("two parts") };
        assert_eq!(ours["apiKeys"][0]["clusterIdentifier"], "east");
        assert_eq!(theirs["peers"][0]["identifier"], "west");
        assert_eq!(theirs["peers"][0]["url"], "https://west.example");
        let stored = BASE64_STANDARD.decode(ours["apiKeys"][0]["key"].as_str().unwrap()).unwrap();
        let key = theirs["peers"][0]["key"].as_str().unwrap();
        let ring =
            KeyRing::new(*b"a salt of some octets").key("east".parse().unwrap(), stored.try_into().unwrap());
        assert_eq!(ring.identify(key.as_bytes()).map(ClusterId::as_str), Some("east"));
        assert_eq!((ours.get("clusterSalt"), key.len()), (None, 43), "the salt is known there");
    }

    #[test]
    fn a_salt_is_made_where_there_is_none_and_another_each_time() {
        let line = ["key", "--cluster", "east", "--own", "west", "-o", "json"];
        let made = |_| serde_json::from_str::<Value>(&printed(&line).unwrap()).unwrap();
        let [one, two] = [1, 2].map(made);
        assert_eq!(one["ours"]["clusterSalt"].as_str().unwrap().len(), 88);
        assert_ne!(one["ours"]["clusterSalt"], two["ours"]["clusterSalt"]);
        assert_ne!(one["theirs"]["peers"][0]["key"], two["theirs"]["peers"][0]["key"]);
        let salt = read(&printed(&["salt"]).unwrap()).remove(0);
        assert_eq!(BASE64_STANDARD.decode(salt["clusterSalt"].as_str().unwrap()).unwrap().len(), 64);
    }

    #[test]
    fn what_is_wrong_says_what_to_do_and_never_the_salt() {
        let said = |line: &[&str]| format!("{:#}", printed(line).unwrap_err());
        let nobody = said(&["key", "--cluster", "east", "--salt", "c2FsdA=="]);
        assert!(nobody.contains("--own NAME"), "{nobody}");
        let same = said(&["key", "--cluster", "west", "--own", "west", "--salt", "c2FsdA=="]);
        assert_eq!(same, "west is the cluster that is called: --cluster says which one calls it");
        let bad = said(&["key", "--cluster", "east", "--own", "west", "--salt", "no base 64, but secret"]);
        assert!(bad.starts_with("--salt: ") && !bad.contains("secret"), "{bad}");
        let url = said(&["key", "--cluster", "east", "--own", "west", "--salt", "c2FsdA==", "--url", "west"]);
        assert!(url.contains("is no URL such as"), "{url}");
    }
}
