//! The commands for clusters that speak to each other, and their help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;

/// Make keys and salts for clusters that speak to each other
///
/// A cluster is known by its key: the calling side has the key itself, the called side has only its stored form,
/// base64(SHA-512(salt and key)). Nothing is sent or stored anywhere: it is printed once.
#[derive(Args, Debug)]
pub(crate) struct Auth {
    #[command(subcommand)]
    pub(crate) command: AuthCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    Key(NewKey),
    Salt(NewSalt),
}

/// Make a key with which another cluster calls this one, and print what both sides have to configure
///
/// The key has 256 random bits. The salt is that of the configuration, or --salt; where there is neither, a new one is made
/// and printed too. Several keys of one cluster are good at once: add the new one, restart nothing, remove the old one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci auth key --cluster east --config /etc/mci/config.yaml
  mci auth key --cluster east --own west --url https://mci.west.example.com --salt @salt.txt
  mci auth key --cluster east --config mci.yaml -o json | jq -r .theirs.peers[0].key")]
pub(crate) struct NewKey {
    /// The cluster that calls: the key is its own
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: String,

    /// The cluster that is called [default: the configuration's clusterIdentifier]
    #[arg(long, value_name = "NAME")]
    pub(crate) own: Option<String>,

    /// Where the called cluster's front end is
    #[arg(long, value_name = "URL", default_value = "https://mci.example.com", hide_default_value = true)]
    pub(crate) url: String,

    /// The called cluster's salt, in base64; @FILE reads it from a file, where no other process sees it [default: the
    /// configuration's clusterSalt, else a new one]
    #[arg(long, value_name = "BASE64|@FILE")]
    pub(crate) salt: Option<String>,

    #[command(flatten)]
    pub(crate) configuration: Configuration,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Make a salt: what this cluster stores keys with
///
/// A cluster needs one, and keeps it: with another one every stored key is void.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci auth salt
  mci auth salt -o json | jq -r .clusterSalt > salt.txt")]
pub(crate) struct NewSalt {
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Look at other clusters from here
#[derive(Args, Debug)]
pub(crate) struct PeerOf {
    #[command(subcommand)]
    pub(crate) command: PeerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeerCommand {
    Check(PeerCheck),
}

/// Say what the way to a peer allows: one line each, ok or what to do
///
/// Its name, a connection to each of its addresses, TLS and the certificate, HTTP/2, our key, and what it speaks. Nothing is
/// changed there. Run it where the operator runs: the way from elsewhere may be another one. The exit code is 1 if anything
/// is not ok.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci peer check east --config /etc/mci/config.yaml
  kubectl exec -n mci deploy/mci-operator -- mci peer check east")]
pub(crate) struct PeerCheck {
    /// The peer's identifier, as in the configuration
    #[arg(value_name = "NAME")]
    pub(crate) peer: String,

    #[command(flatten)]
    pub(crate) configuration: Configuration,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which configuration.
#[derive(Args, Clone, Debug)]
pub(crate) struct Configuration {
    /// The configuration file (YAML or JSON); the environment is read too
    #[arg(long, env = "MCI_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
