//! Composes the parts of MCI into programs: arguments, telemetry, supervision, and the modes they run in.
//!
//! It holds no rule of its own: what is answered is decided in `mci-core`, and how it travels in the adapters.

mod ask;
mod cli;
mod colour;
mod commands;
mod config;
mod dig;
mod doctor;
mod facts;
mod file_facts;
mod files;
mod follow;
mod holder;
mod http_client;
mod init;
mod kube_facts;
mod manifests;
mod modes;
mod peer_check;
mod policy;
mod progress;
mod serve;
mod source;
mod status;
mod supervise;
mod telemetry;
mod unix;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command, DnsServer, FrontEnd, Operator, Orchestrator};

/// `mci`: the command line, and every mode.
pub fn mci() -> ExitCode {
    finish(run(&arguments::<Cli>().command))
}

/// `mci-dns-server`: the DNS server alone.
pub fn mci_dns_server() -> ExitCode {
    #[derive(Debug, Parser)]
    #[command(name = "mci-dns-server", version, max_term_width = 110)]
    struct Line {
        #[command(flatten)]
        dns_server: DnsServer,
    }
    finish(run(&Command::DnsServer(arguments::<Line>().dns_server)))
}

/// `mci-operator`: the operator alone.
pub fn mci_operator() -> ExitCode {
    #[derive(Debug, Parser)]
    #[command(name = "mci-operator", version, max_term_width = 110)]
    struct Line {
        #[command(flatten)]
        operator: Operator,
    }
    finish(run(&Command::Operator(arguments::<Line>().operator)))
}

/// `mci-orchestrator`: the orchestrator alone.
pub fn mci_orchestrator() -> ExitCode {
    #[derive(Debug, Parser)]
    #[command(name = "mci-orchestrator", version, max_term_width = 110)]
    struct Line {
        #[command(flatten)]
        orchestrator: Orchestrator,
    }
    finish(run(&Command::Orchestrator(arguments::<Line>().orchestrator)))
}

/// `mci-front-end`: the front end alone.
pub fn mci_front_end() -> ExitCode {
    #[derive(Debug, Parser)]
    #[command(name = "mci-front-end", version, max_term_width = 110)]
    struct Line {
        #[command(flatten)]
        front_end: FrontEnd,
    }
    finish(run(&Command::FrontEnd(arguments::<Line>().front_end)))
}

/// Reads the arguments; what is wrong with them ends the program, with exit code 2.
fn arguments<A: Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| {
        let _ = error.print();
        if let Some(variable) = variable_at_fault(&error) {
            eprintln!("\nThe value comes from the environment variable {variable}.");
        }
        std::process::exit(error.exit_code())
    })
}

/// The environment variable that a wrong value comes from: that of a flag which was not written.
fn variable_at_fault(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split_whitespace().next()?;
    let written = std::env::args().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
    let variable = format!("MCI_{}", flag.strip_prefix("--")?.replace('-', "_").to_uppercase());
    (!written && std::env::var_os(&variable).is_some()).then_some(variable)
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let out: &mut dyn Write = &mut io::stdout().lock();
    match command {
        Command::Standalone(arguments) => serve::serve(arguments.files.clone(), &arguments.serve, out),
        Command::DnsServer(arguments) if !arguments.standalone.is_empty() => {
            if let Some(flag) = arguments.written.of_clusters_only() {
                anyhow::bail!("{flag} cannot be used with --standalone: state files hold what is answered");
            }
            serve::serve(arguments.standalone.clone(), &arguments.serve, out)
        }
        Command::DnsServer(arguments) => modes::dns_server(arguments),
        Command::Operator(arguments) => modes::operator(arguments),
        Command::Orchestrator(arguments) => modes::orchestrator(arguments),
        Command::FrontEnd(arguments) => modes::front_end(arguments),
        Command::Init(arguments) => commands::init(arguments, out),
        Command::Resolve(arguments) => commands::resolve(arguments, out),
        Command::Explain(arguments) => commands::explain(arguments, out),
        Command::Simulate(arguments) => commands::simulate(arguments, out),
        Command::Test(arguments) => commands::test(arguments, out),
        Command::Validate(arguments) => commands::validate(arguments, out),
        Command::Crds(_) => commands::crds(out),
        Command::Status(arguments) => commands::status(arguments, out),
        Command::Doctor(arguments) => commands::doctor(arguments, out),
        Command::Drain(arguments) => commands::drain(arguments, out),
        Command::Undrain(arguments) => commands::undrain(arguments, out),
        Command::Withdraw(arguments) => commands::withdraw(arguments, out),
        Command::Cluster(arguments) => commands::cluster(&arguments.what, out),
        Command::Auth(arguments) => commands::auth(arguments, out),
        Command::Peer(arguments) => commands::peer(arguments, out),
        Command::State(arguments) => commands::state(arguments, out),
        Command::Completions(arguments) => {
            let mut script = Vec::new();
            clap_complete::generate(arguments.shell, &mut Cli::command(), "mci", &mut script);
            out.write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Says what went wrong, and makes it the exit code: 2, as for arguments that cannot be read.
fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        // Whoever read the output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref::<io::Error>().is_some_and(broken)
}
