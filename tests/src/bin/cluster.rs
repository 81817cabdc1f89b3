//! Clusters for a person, as tests have them: what `cargo xtask cluster` runs.
//!
//! ```text
//! cluster up [--clusters N] [--mci]            until Ctrl-C
//! cluster up --detach …   …   cluster down     in the background
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::{Args, Parser};
use mci_tests::cluster::{Cluster, Clusters, Mode, Replica};
use mci_tests::mci::repository;
use mci_tests::require::{HELM_VERSION, KUBERNETES_VERSION, program};
use mci_tests::{signals, wait};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Where the chart is installed for `--mci`.
const NAMESPACE: &str = "mci";

/// The zone that MCI answers then.
const ZONE: &str = "gslb.example.com";

/// How long clusters may take to start, with programs that are read from disk for the first time.
const START: Duration = Duration::from_mins(3);

/// Whole Kubernetes clusters on this machine: real API servers, pods that only seem to run.
#[derive(Parser)]
#[command(name = "cluster", bin_name = "cargo xtask cluster")]
enum Line {
    /// Start clusters, and print how to use them
    Up(Up),
    /// End those that were started with `up --detach`
    Down,
}

#[derive(Args)]
struct Up {
    /// How many
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    clusters: u8,
    /// Return once they are ready, and leave them running
    #[arg(long)]
    detach: bool,
    /// Install the chart, and run operator, orchestrator and dns-server in each
    #[arg(long)]
    mci: bool,
    /// Set by `up --detach` on the process in the background
    #[arg(long, hide = true)]
    detached: bool,
}

fn main() -> ExitCode {
    let result = match Line::parse() {
        Line::Up(up) if up.detach => detach(&up),
        Line::Up(up) => run(&up),
        Line::Down => down(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts them, and ends them at the signal to do so.
fn run(up: &Up) -> Result<(), Box<dyn Error>> {
    let end = signals::end()?;
    let clusters = Clusters::start_beside_tests(up.clusters.into());
    for cluster in clusters.all() {
        cluster.node("n1");
    }
    let mut replicas = Vec::new();
    let mut lines = usage(&clusters);
    if up.mci {
        for cluster in clusters.all() {
            let started = start_mci(cluster)?;
            lines.extend(mci_usage(cluster, &started));
            replicas.extend(started);
        }
    }
    let text = lines.join("\n");
    if up.detached {
        let files = Files::new()?;
        let unfinished = files.ready.with_extension("new");
        fs::write(&unfinished, &text)?;
        fs::rename(unfinished, &files.ready)?;
    } else {
        println!("{text}\n\nCtrl-C ends them.");
    }
    wait_for(&end, &mut replicas);
    Ok(())
}

/// How to speak to them.
fn usage(clusters: &Clusters) -> Vec<String> {
    let names: Vec<&str> = clusters.all().iter().map(Cluster::name).collect();
    let paths: Vec<String> = clusters.kubeconfigs().iter().map(|path| path.display().to_string()).collect();
    let mut lines = vec![format!("Ready: {}. Each has one node, n1.", names.join(", ")), String::new()];
    lines.extend(names.iter().zip(&paths).map(|(name, path)| format!("  {name}  {path}")));
    lines.extend([String::new(), format!("export KUBECONFIG={}", paths.join(":"))]);
    lines.extend(
        names
            .iter()
            .map(|name| format!("{} --context {name} get nodes", tool("kubectl", KUBERNETES_VERSION))),
    );
    lines
}

/// A tool by its name where it is in the path, else by where it has been built.
fn tool(name: &str, version: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if is_there { name.to_owned() } else { program(name, version).display().to_string() }
}

/// The chart, and one replica of each mode, ready; or what the first that ends says.
fn start_mci(cluster: &Cluster) -> Result<Vec<Replica>, Box<dyn Error>> {
    cluster.install_chart(NAMESPACE, &[&format!("clusterIdentifier={}", cluster.name())]);
    let mut replicas: Vec<Replica> = [Mode::Operator, Mode::Orchestrator, Mode::DnsServer]
        .into_iter()
        .map(|mode| {
            let setup = cluster.mci(mode, NAMESPACE, cluster.name());
            match mode {
                Mode::DnsServer => setup.argument(format!(
                    "--zones=[{{name: {ZONE}, nameservers: [ns1.example.net, ns2.example.net]}}]"
                )),
                Mode::Operator | Mode::Orchestrator | Mode::FrontEnd => setup,
            }
            .spawn()
        })
        .collect();
    for replica in &mut replicas {
        let ended = wait::within(START, || match replica.process.ended() {
            Some(status) => Some(format!("ended with {status}")),
            None => replica.is_ready().then(String::new),
        });
        let complaint = ended.unwrap_or_else(|| "did not become ready".to_owned());
        if !complaint.is_empty() {
            return Err(format!("{} {complaint}:\n{}", replica.name(), replica.process.log()).into());
        }
    }
    Ok(replicas)
}

fn mci_usage(cluster: &Cluster, replicas: &[Replica]) -> Vec<String> {
    let mut lines =
        vec![String::new(), format!("MCI in {}, namespace {NAMESPACE}, zone {ZONE}:", cluster.name())];
    lines.extend(
        replicas.iter().map(|replica| format!("  {}  http://{}/metrics", replica.name(), replica.http())),
    );
    lines.extend(replicas.last().map(|server| {
        let dns = server.dns();
        format!("  dig @{} -p {} {ZONE} SOA", dns.ip(), dns.port())
    }));
    lines.push(format!("  {} --kube-context {} list -A", tool("helm", HELM_VERSION), cluster.name()));
    lines
}

/// Until the end is asked for; says what of MCI ends before.
fn wait_for(end: &Receiver<()>, replicas: &mut Vec<Replica>) {
    while end.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Timeout) {
        replicas.retain_mut(|replica| {
            let ended = replica.process.ended();
            if let Some(status) = ended {
                eprintln!("{} ended with {status}:\n{}", replica.name(), replica.process.log());
            }
            ended.is_none()
        });
    }
}

/// Where one in the background leaves what `down` and a person want to know.
struct Files {
    process: PathBuf,
    ready: PathBuf,
    log: PathBuf,
}

impl Files {
    fn new() -> std::io::Result<Self> {
        let folder = repository().join("target").join("cluster");
        fs::create_dir_all(&folder)?;
        let file = |name| folder.join(name);
        Ok(Files { process: file("pid"), ready: file("ready"), log: file("log") })
    }

    /// The process in the background, if it lives.
    fn running(&self) -> Option<i32> {
        let id: i32 = fs::read_to_string(&self.process).ok()?.trim().parse().ok()?;
        // The number may have become another program's.
        let line = fs::read(Path::new("/proc").join(id.to_string()).join("cmdline")).ok()?;
        line.split(|&octet| octet == 0).any(|word| word == b"--detached").then_some(id)
    }
}

/// Starts this program once more in the background, and waits until its clusters are ready.
fn detach(up: &Up) -> Result<(), Box<dyn Error>> {
    let files = Files::new()?;
    if files.running().is_some() {
        return Err("clusters run in the background already; `cargo xtask cluster down` ends them".into());
    }
    // What an earlier one left.
    let _ = fs::remove_file(&files.ready);
    let log = File::create(&files.log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--detached", "--clusters", &up.clusters.to_string()]);
    if up.mci {
        command.arg("--mci");
    }
    // A group of its own: Ctrl-C in this terminal is not for it.
    command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn()?;
    fs::write(&files.process, child.id().to_string())?;
    let mut ended = None;
    wait::within(START, || {
        ended = child.try_wait().ok().flatten();
        (ended.is_some() || files.ready.exists()).then_some(())
    });
    if let Ok(text) = fs::read_to_string(&files.ready) {
        println!("{text}\n\n`cargo xtask cluster down` ends them.");
        return Ok(());
    }
    let how = ended.map_or("did not become ready".to_owned(), |status| format!("ended with {status}"));
    Err(format!("the clusters in the background {how}; {} says why", files.log.display()).into())
}

/// Ends the one in the background, and waits until it has put away everything.
fn down() -> Result<(), Box<dyn Error>> {
    let files = Files::new()?;
    let Some(id) = files.running() else {
        println!("No clusters run in the background; those in a terminal end with Ctrl-C.");
        return Ok(());
    };
    signal::kill(Pid::from_raw(id), Signal::SIGTERM)?;
    if wait::within(START, || files.running().is_none().then_some(())).is_none() {
        return Err(format!("process {id} did not end").into());
    }
    for file in [&files.process, &files.ready] {
        let _ = fs::remove_file(file);
    }
    println!("Ended.");
    Ok(())
}
