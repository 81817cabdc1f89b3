//! The flags of the modes that serve, each with its environment variable.
#![expect(clippy::doc_markdown, reason = "the documentation of arguments is their help text")]

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use mci_core::wire::CookieSecrets;
use mci_grpc::Listen;

use crate::telemetry::LogOptions;

/// Where to listen, and with which limits.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeOptions {
    /// DNS over UDP and TCP: IP:PORT, repeatable; off
    #[arg(
        long,
        env = "MCI_DNS",
        value_name = "ADDR",
        default_value = "127.0.0.1:5300",
        value_delimiter = ',',
        value_parser = dns_address,
        help_heading = "Where to listen"
    )]
    dns: Vec<OrOff<SocketAddr>>,

    /// CoreDNS's gRPC: IP:PORT or unix:///PATH, repeatable; off
    #[arg(
        long,
        env = "MCI_GRPC",
        value_name = "ADDR",
        default_value = "127.0.0.1:1153",
        value_delimiter = ',',
        value_parser = grpc_address,
        help_heading = "Where to listen"
    )]
    grpc: Vec<OrOff<Listen>>,

    /// Health and metrics: IP:PORT; off
    #[arg(
        long,
        env = "MCI_HTTP",
        value_name = "ADDR",
        default_value = "127.0.0.1:5380",
        value_parser = http_address,
        help_heading = "Where to listen"
    )]
    http: OrOff<SocketAddr>,

    /// The certificate chain for gRPC over TCP (PEM)
    #[arg(
        long,
        env = "MCI_GRPC_TLS_CERT",
        value_name = "FILE",
        requires = "grpc_tls_key",
        help_heading = "gRPC"
    )]
    pub(crate) grpc_tls_cert: Option<PathBuf>,

    /// Its private key (PEM)
    #[arg(
        long,
        env = "MCI_GRPC_TLS_KEY",
        value_name = "FILE",
        requires = "grpc_tls_cert",
        help_heading = "gRPC"
    )]
    pub(crate) grpc_tls_key: Option<PathBuf>,

    /// Clients need a certificate of this authority (PEM)
    #[arg(
        long,
        env = "MCI_GRPC_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "grpc_tls_cert",
        help_heading = "gRPC"
    )]
    pub(crate) grpc_tls_client_ca: Option<PathBuf>,

    /// Requests that may be unfinished at once; beyond them UNAVAILABLE
    #[arg(
        long,
        env = "MCI_GRPC_CONCURRENCY",
        value_name = "N",
        default_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = "gRPC"
    )]
    pub(crate) grpc_concurrency: u32,

    /// A secret for DNS cookies: 32 hexadecimal digits, or @FILE with such lines; repeatable, the first makes new cookies
    ///
    /// The same at all replicas that share an address. Without it: random at start.
    #[arg(
        long,
        env = "MCI_COOKIE_SECRET",
        value_name = "HEX|@FILE",
        value_delimiter = ',',
        hide_env_values = true,
        help_heading = "DNS"
    )]
    cookie_secret: Vec<Hidden>,

    /// Responses a second over UDP to each client network, for servers on the open internet; 0 is off
    #[arg(long, env = "MCI_RATE_LIMIT", value_name = "N", default_value_t = 0, help_heading = "DNS")]
    rate_limit: u32,

    /// Count by hostname too where it matches (at most 200): *.shop.example.com; repeatable
    #[arg(
        long,
        env = "MCI_METRICS_HOSTNAMES",
        value_name = "GLOB",
        value_delimiter = ',',
        help_heading = "Metrics"
    )]
    pub(crate) metrics_hostnames: Vec<String>,

    #[command(flatten)]
    pub(crate) log: LogOptions,
}

/// An address, or none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OrOff<T> {
    Off,
    At(T),
}

/// A text that no message shows.
#[derive(Clone)]
struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// clap shows a value that cannot be read, so every text can: what it should be is checked afterwards.
impl FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

fn or_off<T, E: fmt::Display>(text: &str, parse: impl Fn(&str) -> Result<T, E>) -> Result<OrOff<T>, String> {
    if text == "off" {
        Ok(OrOff::Off)
    } else {
        parse(text).map(OrOff::At).map_err(|error| format!("{error}, or off"))
    }
}

/// Reads an address; `port` is that of the example in the message.
pub(crate) fn socket_address(text: &str, port: u16) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("write IP:PORT, such as 127.0.0.1:{port} or [::1]:{port}"))
}

fn dns_address(text: &str) -> Result<OrOff<SocketAddr>, String> {
    or_off(text, |text| socket_address(text, 5300))
}

fn http_address(text: &str) -> Result<OrOff<SocketAddr>, String> {
    or_off(text, |text| socket_address(text, 5380))
}

fn grpc_address(text: &str) -> Result<OrOff<Listen>, String> {
    or_off(text, Listen::from_str)
}

fn all_or_off<T: Clone>(flag: &str, values: &[OrOff<T>]) -> anyhow::Result<Vec<T>> {
    let addresses: Vec<T> = values
        .iter()
        .filter_map(|value| match value {
            OrOff::At(address) => Some(address.clone()),
            OrOff::Off => None,
        })
        .collect();
    if !addresses.is_empty() && addresses.len() < values.len() {
        bail!("{flag} is off and has an address: give one or the other");
    }
    Ok(addresses)
}

impl ServeOptions {
    /// Where DNS is answered directly; nowhere if it is off.
    pub(crate) fn dns(&self) -> anyhow::Result<Vec<SocketAddr>> {
        all_or_off("--dns", &self.dns)
    }

    /// Where gRPC is; nowhere if it is off.
    pub(crate) fn grpc(&self) -> anyhow::Result<Vec<Listen>> {
        all_or_off("--grpc", &self.grpc)
    }

    /// Where HTTP is.
    pub(crate) fn http(&self) -> Option<SocketAddr> {
        match self.http {
            OrOff::At(address) => Some(address),
            OrOff::Off => None,
        }
    }

    /// Responses a second to each network, if they are limited.
    pub(crate) fn rate_limit(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.rate_limit)
    }

    /// The secrets for cookies; none: random ones.
    pub(crate) fn cookie_secrets(&self) -> anyhow::Result<Option<CookieSecrets>> {
        let values = self.cookie_secret.iter().map(|Hidden(value)| value.as_str());
        cookie_secrets(values).map_err(|error| match error.chain().nth(1) {
            None if error.to_string() == FORM => anyhow!("--cookie-secret (MCI_COOKIE_SECRET): {FORM}"),
            _ => anyhow!("--cookie-secret: {error:#}"),
        })
    }
}

/// Reads secrets for cookies: 32 hexadecimal digits each, or `@FILE` with such lines. No error shows one.
pub(crate) fn cookie_secrets<'a>(
    values: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<Option<CookieSecrets>> {
    let mut secrets = Vec::new();
    for value in values {
        match value.strip_prefix('@') {
            None => secrets.push(secret(value).ok_or_else(|| anyhow!("{FORM}"))?),
            Some(file) => {
                let text = fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
                for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                    let place = || anyhow!("{file}, line {}: {FORM}", number + 1);
                    secrets.push(secret(line.trim()).ok_or_else(place)?);
                }
            }
        }
    }
    let mut secrets = secrets.into_iter();
    Ok(secrets.next().map(|newest| CookieSecrets::new(newest, secrets)))
}

/// What a secret looks like; the one that was given is never shown.
const FORM: &str = "a secret is 32 hexadecimal digits (128 bits), such as `openssl rand -hex 16` prints";

fn secret(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeOptions,
    }

    fn line(arguments: &[&str]) -> Result<ServeOptions, String> {
        let arguments = std::iter::once("mci").chain(arguments.iter().copied());
        Line::try_parse_from(arguments).map(|line| line.serve).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_repeat_with_commas_and_flags_and_off_is_none() {
        let options =
            line(&["--dns", "127.0.0.1:1,[::1]:2", "--dns", "127.0.0.1:3", "--grpc", "off", "--http", "off"])
                .unwrap();
        let dns: Vec<String> = options.dns().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(dns, ["127.0.0.1:1", "[::1]:2", "127.0.0.1:3"]);
        assert_eq!((options.grpc().unwrap(), options.http()), (vec![], None));
        let both = line(&["--dns", "off,127.0.0.1:1"]).unwrap().dns().unwrap_err().to_string();
        assert_eq!(both, "--dns is off and has an address: give one or the other");
    }

    #[test]
    fn what_is_no_address_is_told_with_what_would_be() {
        let dns = line(&["--dns", "localhost:53"]).unwrap_err();
        assert!(
            dns.contains("'--dns <ADDR>': write IP:PORT, such as 127.0.0.1:5300 or [::1]:5300, or off"),
            "{dns}"
        );
        let grpc = line(&["--grpc", "unix://run/x"]).unwrap_err();
        assert!(grpc.contains("unix:///PATH"), "{grpc}");
    }

    #[test]
    fn cookie_secrets_come_from_the_flag_and_from_files_and_are_never_shown() {
        let (good, bad) = ("00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeefg");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{good}\n\n{good}\n")).unwrap();
        let at = format!("@{}", file.path().display());
        let secrets = line(&["--cookie-secret", &format!("{good},{at}")]).unwrap().cookie_secrets().unwrap();
        assert_eq!(format!("{:?}", secrets.unwrap()), "CookieSecrets(3 secrets)");
        assert!(line(&[]).unwrap().cookie_secrets().unwrap().is_none());

        fs::write(file.path(), format!("{good}\n{bad}")).unwrap();
        for value in [bad, &at] {
            let options = line(&["--cookie-secret", value]).unwrap();
            let error = format!("{:#}", options.cookie_secrets().unwrap_err());
            assert!(error.contains("32 hexadecimal digits"), "{error}");
            assert!(!error.contains(bad) && !format!("{options:?}").contains(bad), "{error}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert!(line(&["--grpc-tls-cert", "c.pem"]).unwrap_err().contains("--grpc-tls-key"));
        assert!(line(&["--grpc-tls-client-ca", "ca.pem"]).unwrap_err().contains("--grpc-tls-cert"));
    }
}
