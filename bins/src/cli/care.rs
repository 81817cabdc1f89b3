//! The commands that look after what runs, and their help texts.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Output;
use crate::config::parse_duration;
use crate::kube_facts::KubeOptions;
use crate::source::{Server, SourceOptions};

/// Say how things stand: clusters, hostnames, leaders, overrides
#[derive(Args, Debug)]
#[command(
    override_usage = "mci status [--file FILE… | --server URL | --context NAME] [OPTIONS]",
    after_help = "\
Examples:
  mci status                                  # of the current kube context
  mci status --context west --watch
  mci status --context west --compare         # what is stored there of each cluster
  mci status --context west --compare east north    # whether east and north hold the same of each
  mci status --server http://127.0.0.1:5000   # of one dns-server, and what it holds"
)]
pub(crate) struct StatusOf {
    #[command(flatten)]
    pub(crate) source: SourceOptions,

    /// Look again every two seconds, until it is stopped
    #[arg(long, short)]
    pub(crate) watch: bool,

    /// List what each cluster publishes as it is stored here: shards, newest change, digest; -o wide lists every shard. With
    /// contexts: whether the same is stored there
    #[arg(long, value_name = "CONTEXT", num_args = 0..)]
    pub(crate) compare: Option<Vec<String>>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Examine everything: one line each, ok or what to do
///
/// The cluster of the kube context: API server, definitions, Clusters, leaders, clocks. Each --server: http:// is ready and
/// holds the same as the others, dns:// and grpc:// answer what they should. ZONE: its delegation, and whether its name servers
/// answer over UDP and TCP. The exit code is 1 if anything is not ok.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci doctor
  mci doctor gslb.example.com --context west
  mci doctor --server http://10.0.0.7:5000 --server http://10.0.0.8:5000 --server dns://192.0.2.53
  mci doctor gslb.example.com --no-cluster --resolver 9.9.9.9")]
pub(crate) struct Doctor {
    /// A zone: its delegation is followed from the parent
    #[arg(value_name = "ZONE")]
    pub(crate) zone: Option<String>,

    /// A dns-server or CoreDNS: http(s)://, dns:// or grpc://HOST:PORT; may be repeated, or take several with commas
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub(crate) server: Vec<Server>,

    /// Who resolves names for ZONE: IP or IP:PORT [default: those of /etc/resolv.conf]
    #[arg(long, value_name = "IP", value_parser = resolver, value_delimiter = ',')]
    pub(crate) resolver: Vec<SocketAddr>,

    /// Ask no cluster
    #[arg(long, conflicts_with_all = ["context", "kubeconfig"])]
    pub(crate) no_cluster: bool,

    /// The port at which name servers are asked
    #[arg(long, value_name = "PORT", default_value_t = 53, hide = true)]
    pub(crate) name_server_port: u16,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Take a cluster, or hostnames at it, out of the answers
///
/// Drained is as weight 0: it answers only where nothing else is left. With --down it is as if its heartbeat were lost.
/// First the hostnames are listed that nobody else answers; then it wants --force, and the exit code is 1 without.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci drain west --reason 'upgrade of the nodes' --for 2h
  mci drain west --hostname app.gslb.example.com --reason 'app is wrong there'
  mci drain west --down --reason 'fire' --force")]
pub(crate) struct Drain {
    /// The cluster
    pub(crate) cluster: String,

    /// This hostname alone; may be repeated
    #[arg(long, value_name = "HOSTNAME")]
    pub(crate) hostname: Vec<String>,

    /// As if its heartbeat were lost: it answers only where no living cluster has anything, drained ones included
    #[arg(long)]
    pub(crate) down: bool,

    /// It ends by itself after this time: 90s, 5m, 2h, 1d [default: it does not]
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub(crate) r#for: Option<Duration>,

    /// Why: shown wherever it is seen
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// Although hostnames would have no answer left without it
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Put a drained cluster, or hostnames at it, back into the answers
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci undrain west
  mci undrain west --hostname app.gslb.example.com")]
pub(crate) struct Undrain {
    /// The cluster
    pub(crate) cluster: String,

    /// This hostname alone; may be repeated
    #[arg(long, value_name = "HOSTNAME")]
    pub(crate) hostname: Vec<String>,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Let hostnames go whose withdrawal is held
///
/// Where many of all hostnames would go at once they are still answered for a while, in case it is a mistake. This says, in
/// the own Cluster, that it is none.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci withdraw --confirm
  mci withdraw --confirm --cluster west --context west")]
pub(crate) struct Withdraw {
    /// What is held now may go
    #[arg(long)]
    pub(crate) confirm: bool,

    /// Which Cluster is the own one [default: the configuration's, that of the operator here, or the only one]
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Say goodbye to the other clusters, come back, or forget clusters that were removed
///
/// What it says is written into Clusters. The state that follows is the orchestrator's to judge: `mci status` shows it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mci cluster leave --context west            # the others answer without west, at once
  mci cluster join --context west
  mci cluster forget east north               # they are no longer configured, and no peer is left")]
pub(crate) struct OfClusters {
    #[command(subcommand)]
    pub(crate) what: ClusterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    Leave(Leave),
    Join(Join),
    Forget(Forget),
}

/// Say goodbye: nobody answers with this cluster any more, itself included
///
/// It is said in the own Cluster, and every heartbeat repeats it to the peers: what this cluster publishes counts for nothing
/// until `mci cluster join`. First the hostnames are listed that nobody else answers; then it wants --force, and the exit code
/// is 1 without. To take a cluster out for a while and keep it as the last resort: `mci drain`.
#[derive(Args, Debug)]
pub(crate) struct Leave {
    /// The own cluster [default: the configuration's, that of the operator here, or the only one]
    #[arg(value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,

    /// Although hostnames would have no answer left without it
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Come back after `mci cluster leave`
#[derive(Args, Debug)]
pub(crate) struct Join {
    /// The own cluster [default: the configuration's, that of the operator here, or the only one]
    #[arg(value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Confirm that clusters are removed although no peer is left then
///
/// A peer whose entry is removed from the configuration goes by itself: at once it is stale, after ten minutes gone, and then its
/// state is deleted. Where that would be all of them it is held to be a mistake, and nothing happens until each is confirmed
/// by this, within the hour. What is still configured is not removed by it. First the hostnames are listed that nobody else
/// answers; then it wants --force, and the exit code is 1 without.
#[derive(Args, Debug)]
pub(crate) struct Forget {
    /// The clusters
    #[arg(required = true, value_name = "CLUSTER")]
    pub(crate) clusters: Vec<String>,

    /// Although hostnames would have no answer left without them
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) kube: KubeOptions,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// A resolver's address; its port is 53 where none is written.
fn resolver(text: &str) -> Result<SocketAddr, String> {
    let with_port = text.parse().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53)));
    with_port.map_err(|_| "expected IP or IP:PORT".to_owned())
}

/// A duration that is not none.
fn some_time(text: &str) -> Result<Duration, String> {
    let read = parse_duration(text).filter(|duration| !duration.is_zero());
    read.ok_or_else(|| "expected a duration such as 90s, 5m, 2h or 1d".to_owned())
}
