//! The command line: what can be written, and its help texts.
#![expect(clippy::doc_markdown, reason = "the documentation of arguments is their help text")]

mod care;
mod peers;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use mci_core::RecordType;

pub(crate) use self::care::{
    ClusterCommand, Doctor, Drain, Forget, Join, Leave, OfClusters, StatusOf, Undrain, Withdraw,
};
pub(crate) use self::peers::{Auth, AuthCommand, NewKey, NewSalt, PeerCheck, PeerCommand, PeerOf};
use crate::config::{DNS_SERVER, FRONT_END, OPERATOR, ORCHESTRATOR, Written};
use crate::dig::record_type;
use crate::serve::ServeOptions;
use crate::source::SourceOptions;

/// Multi-cluster ingress: which cluster's address should a hostname resolve to right now?
#[derive(Debug, Parser)]
#[command(
    name = "mci",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = "\
Begin with:
  mci init                                     write a state file and a policy test for it
  mci standalone gslb.yaml                     serve it, on this machine
  mci resolve app.gslb.example.com --file gslb.yaml
  mci test gslb.test.yaml

And with a cluster:
  mci status                                   how it stands
  mci doctor                                   what is wrong, and what to do"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Standalone(Standalone),
    Init(Init),
    Resolve(Resolve),
    Explain(Explain),
    Simulate(Simulate),
    Test(Test),
    Validate(Validate),
    State(State),
    Status(StatusOf),
    Doctor(Doctor),
    Drain(Drain),
    Undrain(Undrain),
    Withdraw(Withdraw),
    Cluster(OfClusters),
    Auth(Auth),
    Peer(PeerOf),
    Crds(Crds),
    Completions(Completions),
    #[command(long_flag = "operator")]
    Operator(Operator),
    #[command(long_flag = "orchestrator")]
    Orchestrator(Orchestrator),
    #[command(long_flag = "dns-server")]
    DnsServer(DnsServer),
    #[command(long_flag = "front-end")]
    FrontEnd(FrontEnd),
}

/// Serve state files, with no cluster: DNS, CoreDNS's gRPC, health and metrics
///
/// The files are followed while they are served: a new version is noticed within a second and served whole or not at
/// all. Of a wrong one every mistake is logged, and the old one stays.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci standalone examples/standalone.yaml
  mci standalone zones.yaml hostnames/         # files and directories are merged
  mci standalone gslb.yaml --dns 0.0.0.0:53,[::]:53 --rate-limit 20 --http off
  mci standalone gslb.yaml --grpc unix:///run/mci/dns.sock")]
pub(crate) struct Standalone {
    /// State files, manifests (CLUSTER=PATH, or a directory for each cluster), or directories of them (*.yaml, *.yml,
    /// *.json; not *.test.yaml)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

/// Run the operator: what this cluster publishes
///
/// It watches GSLBs and what they refer to, and writes what they offer for the other parts and the other clusters. Of
/// several replicas one writes at a time. Every value may be a key of the configuration file, an environment variable, or
/// a flag; flags win over variables, and these over the file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci-operator --config /etc/mci/config.yaml
  mci operator --context staging -n mci --cluster-identifier west --log-level debug")]
pub(crate) struct Operator {
    // First: what follows takes its values away.
    #[command(flatten)]
    pub(crate) written: Written<OPERATOR>,

    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
}

/// Run the orchestrator: the hostnames of all clusters as one, and which clusters are alive
///
/// It merges what every cluster publishes, and judges heartbeats. Of several replicas one writes at a time. Every value may
/// be a key of the configuration file, an environment variable, or a flag; flags win over variables, and these over the
/// file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci-orchestrator --config /etc/mci/config.yaml
  mci orchestrator --context staging -n mci --heartbeat-timeout 60s")]
pub(crate) struct Orchestrator {
    // First: what follows takes its values away.
    #[command(flatten)]
    pub(crate) written: Written<ORCHESTRATOR>,

    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
}

/// Run the front end: what other clusters say
///
/// It takes in what its peers publish and their heartbeats, over their streams and by REST, on one listener. Every replica
/// does so at once; none leads. Every value may be a key of the configuration file, an environment variable, or a flag;
/// flags win over variables, and these over the file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci-front-end --config /etc/mci/config.yaml --http-tls-cert tls.crt --http-tls-key tls.key
  mci front-end --context staging -n mci --config config.yaml --http 127.0.0.1:8080 --insecure true")]
pub(crate) struct FrontEnd {
    // First: what follows takes its values away.
    #[command(flatten)]
    pub(crate) written: Written<FRONT_END>,

    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
}

/// Run the DNS server: from a cluster, or from state files
///
/// From a cluster every value may be a key of the configuration file, an environment variable, or a flag; flags win over
/// variables, and these over the file. The defaults of where to listen that are shown below are those with --standalone;
/// from a cluster it is gRPC on 127.0.0.1:1153, HTTP on 0.0.0.0:5000, and no DNS.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci-dns-server --config /etc/mci/config.yaml
  mci-dns-server --context staging -n mci --zones gslb.example.com --dns 127.0.0.1:5300
  mci-dns-server --standalone /etc/mci/gslb.yaml
  mci-dns-server --standalone /etc/mci --dns off --grpc 127.0.0.1:1153")]
pub(crate) struct DnsServer {
    // First: what follows takes its values away.
    #[command(flatten)]
    pub(crate) written: Written<DNS_SERVER>,

    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,

    /// Serve these state files, or directories of them, with no cluster
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["kubeconfig", "context"])]
    pub(crate) standalone: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

/// Which cluster, and which configuration.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterOptions {
    /// The configuration file (YAML or JSON); it is followed while the program runs
    #[arg(long, env = "MCI_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config, else the pod's service account]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// Write a commented state file and a policy test for it
///
/// Nothing is overwritten.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci init                          # gslb.yaml and gslb.test.yaml, here
  mci init deploy/ --name shop      # deploy/shop.yaml and deploy/shop.test.yaml")]
pub(crate) struct Init {
    /// Where to write them
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    pub(crate) directory: PathBuf,

    /// What the files are called: NAME.yaml and NAME.test.yaml
    #[arg(long, default_value = "gslb")]
    pub(crate) name: String,
}

/// Ask for a name, as dig does
#[derive(Args, Debug)]
#[command(
    override_usage = "mci resolve NAME [TYPE] [--file FILE… | --server URL | --context NAME] [OPTIONS]",
    after_help = "\
Examples:
  mci resolve app.gslb.example.com --file gslb.yaml
  mci resolve app.gslb.example.com AAAA --server dns://127.0.0.1:5300
  mci resolve app.gslb.example.com --server grpc://127.0.0.1:1153 --short
  mci resolve shop.gslb.example.com --file gslb.yaml --count 1000    # shows the shares
  mci resolve app.gslb.example.com --context west"
)]
pub(crate) struct Resolve {
    /// The name to ask for
    pub(crate) name: Option<String>,

    /// The record type: A (if it is left out), AAAA, CNAME, SOA, … or TYPE65
    #[arg(value_parser = record_type, value_name = "TYPE")]
    pub(crate) record_type: Option<RecordType>,

    #[command(flatten)]
    pub(crate) source: SourceOptions,

    /// Ask N times and show how often each answer came
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) count: Option<u32>,

    /// Print the content of the answer alone, as dig +short
    #[arg(long, conflicts_with = "count")]
    pub(crate) short: bool,

    /// Ask a dns:// server over TCP
    #[arg(long)]
    pub(crate) tcp: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Say why a name is answered as it is
///
/// Every endpoint with the rule that took or dropped it, and the exact shares.
#[derive(Args, Debug)]
#[command(
    override_usage = "mci explain NAME [TYPE] [--file FILE… | --server URL | --context NAME] [OPTIONS]",
    after_help = "\
Examples:
  mci explain app.gslb.example.com --file gslb.yaml
  mci explain app.gslb.example.com AAAA --file gslb.yaml -o json
  mci explain app.gslb.example.com                               # of the current kube context
  mci explain app.gslb.example.com --server http://127.0.0.1:5000"
)]
pub(crate) struct Explain {
    /// The name
    pub(crate) name: Option<String>,

    /// The record type; A and AAAA if it is left out
    #[arg(value_parser = record_type, value_name = "TYPE")]
    pub(crate) record_type: Option<RecordType>,

    #[command(flatten)]
    pub(crate) source: SourceOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Say what would be answered if clusters were down, gone or drained, or endpoints not ready
///
/// With NAME: its answers now and then. Without: every hostname whose answer changes, those that would have none first;
/// the exit code is then 1 if there is any. Each option may be repeated, and takes several values with commas.
#[derive(Args, Debug)]
#[command(
    override_usage = "mci simulate [NAME [TYPE]] [--file FILE… | --server URL | --context NAME] [OPTIONS]",
    after_help = "\
Examples:
  mci simulate --file gslb.yaml --down west
  mci simulate app.gslb.example.com --file gslb.yaml --down west --drain east
  mci simulate --file gslb.yaml --unready 'app.gslb.example.com@west,*.shop.example.com@*'
  mci simulate --file gslb.yaml --to gslb-new.yaml       # what a change of the file changes
  mci simulate --context west --gone west                # whether the others answer for it"
)]
pub(crate) struct Simulate {
    /// One name; every hostname if it is left out
    pub(crate) name: Option<String>,

    /// The record type; A and AAAA if it is left out
    #[arg(value_parser = record_type, value_name = "TYPE")]
    pub(crate) record_type: Option<RecordType>,

    #[command(flatten)]
    pub(crate) source: SourceOptions,

    /// Clusters whose heartbeat is lost (stale)
    #[arg(long, value_name = "CLUSTER", value_delimiter = ',')]
    pub(crate) down: Vec<String>,

    /// Clusters that have left
    #[arg(long, value_name = "CLUSTER", value_delimiter = ',')]
    pub(crate) gone: Vec<String>,

    /// Clusters that are drained by an operator
    #[arg(long, value_name = "CLUSTER", value_delimiter = ',')]
    pub(crate) drain: Vec<String>,

    /// Endpoints that are ready: HOSTNAME@CLUSTER, either with *
    #[arg(long, value_name = "HOSTNAME@CLUSTER", value_delimiter = ',')]
    pub(crate) ready: Vec<String>,

    /// Endpoints that are not ready: HOSTNAME@CLUSTER, either with *
    #[arg(long, value_name = "HOSTNAME@CLUSTER", value_delimiter = ',')]
    pub(crate) unready: Vec<String>,

    /// Compare with the state in these files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) to: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Run unit tests of resolution policies
///
/// The exit code is 0 if all passed, 1 if a test failed, 2 if a file is wrong.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci test gslb.test.yaml
  mci test tests/*.test.yaml --output junit report.xml
  mci test gslb.test.yaml -o json")]
pub(crate) struct Test {
    /// Policy test files, or directories of them (*.test.yaml, *.test.yml, *.test.json)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Write a report too: junit FILE
    #[arg(long = "output", num_args = 2, value_names = ["FORMAT", "FILE"])]
    pub(crate) report: Option<Vec<String>>,

    /// The form of what is printed
    #[arg(short = 'o', value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) format: OutputFormat,
}

/// Check anything that MCI reads, without a cluster
///
/// State files are checked together, as they would be served together; policy tests each by itself, with the state that
/// they name; configuration files each by itself, without the environment; Kubernetes manifests by the rules of the CRDs,
/// in the API server's words (objects of other kinds are passed over). Where it is said which clusters the manifests are of,
/// by their directories or by CLUSTER=PATH, what they come to is told too: what is assumed of what only a cluster knows, and
/// what it would complain of. The exit code is 2 if there is a mistake.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci validate gslb.yaml
  mci validate deploy/ deploy/gslb.test.yaml
  mci validate manifests/app.yaml
  mci validate zones.yaml west=deploy/west east=deploy/east
  mci validate config.yaml
  mci validate gslb.yaml -o json")]
pub(crate) struct Validate {
    /// State files, policy tests, manifests, configuration files, or directories of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Print the state file of what is served, for policy tests
#[derive(Args, Debug)]
#[command(
    override_usage = "mci state [--file FILE… | --server URL | --context NAME] [OPTIONS]",
    after_help = "\
Examples:
  mci state --file zones.yaml hostnames/ > merged.yaml
  mci state --file gslb.yaml -o json | jq .hostnames[].hostname
  mci state --context west --config mci.yaml > west.yaml
  mci state --server http://127.0.0.1:5000 > served.yaml"
)]
pub(crate) struct State {
    #[command(flatten)]
    pub(crate) source: SourceOptions,

    /// yaml (a state file, the default) or json (one too)
    #[arg(short, long = "output", value_name = "FORMAT", default_value = "yaml")]
    pub(crate) output: StateFormat,
}

/// Print the CustomResourceDefinitions of MCI's resources
///
/// They are those of the chart. Each has the rules that `mci validate` applies without a cluster.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci crds | kubectl apply --server-side -f -
  mci crds | kubectl diff --server-side -f -       # whether a cluster has those of this version")]
pub(crate) struct Crds {}

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  source <(mci completions bash)
  mci completions zsh > \"${fpath[1]}/_mci\"
  mci completions fish > ~/.config/fish/completions/mci.fish")]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: Shell,
}

/// The form of what is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// The form of what is printed
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true
    )]
    pub(crate) format: OutputFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Text,
    /// For people, with more columns where there are any
    Wide,
    /// For programs
    Json,
    /// For programs
    Yaml,
}

impl OutputFormat {
    /// Whether it is for programs.
    pub(crate) const fn is_data(self) -> bool {
        match self {
            Self::Text | Self::Wide => false,
            Self::Json | Self::Yaml => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateFormat {
    Yaml,
    Json,
}

/// NAME and TYPE, wherever they were written.
pub(crate) struct Asked {
    pub(crate) name: Option<String>,
    pub(crate) record_type: Option<RecordType>,
    pub(crate) source: SourceOptions,
}

impl Asked {
    /// `--file FILE… NAME TYPE` reads as if all of them were files: what is none, at the end, is NAME and TYPE.
    pub(crate) fn new(
        name: Option<&String>,
        record_type: Option<RecordType>,
        source: &SourceOptions,
    ) -> anyhow::Result<Self> {
        let mut asked = Self { name: name.cloned(), record_type, source: source.clone() };
        if asked.name.is_none() {
            let mut words = asked.source.split_off_words(2).into_iter();
            asked.name = words.next();
            if let Some(word) = words.next() {
                asked.record_type = Some(crate::dig::record_type(&word).map_err(anyhow::Error::msg)?);
            }
        }
        Ok(asked)
    }

    /// NAME, where it must be there.
    pub(crate) fn name(&self) -> anyhow::Result<&str> {
        self.name.as_deref().context("NAME is missing: which name is asked for?")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
