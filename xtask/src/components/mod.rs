//! What tests and benchmarks run against: real servers and tools, each in the version named here.
//!
//! ```text
//! table ──► what is missing? ──► built into $MCI_COMPONENTS/NAME-VERSION (programs in Go and Rust)
//!                            ├─► rustup target add                       (targets of the Rust toolchain)
//!                            └─► apt-get install, or its name            (Debian packages, Go itself)
//! ```
//!
//! Programs are built into one cache folder of the user, with the version in the folder's name, so that a
//! second run, and a fresh clone on the same machine, do nothing. What only an administrator can install is
//! named with the command; under `CI=true` that command is run.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

mod build;
mod debian;
mod golang;
mod rust;

/// What a component is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `cargo xtask test`
    Tests,
    /// Benchmarks and the static build.
    Benchmarks,
    /// `cargo xtask fuzz`
    Fuzzing,
}

/// Something that is built here once, into a folder of its own.
pub(crate) struct Program {
    /// Its name, of the folder and of the executable.
    pub(crate) name: &'static str,
    /// Its version, without a `v`.
    pub(crate) version: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) source: Source,
}

/// Where a program comes from.
pub(crate) enum Source {
    /// `go install PACKAGE@vVERSION`
    Go { package: &'static str },
    /// `go build PACKAGE` in `xtask/tools/MODULE`, whose go.mod names the versions: for programs that cannot be
    /// installed by name. `stamp` has the variables that tell the program its version.
    GoModule { module: &'static str, package: &'static str, stamp: &'static [&'static str] },
    /// The files of a folder of a Go module, and no program: copied into a folder with the name of the entry.
    GoFiles { module: &'static str, folder: &'static str },
    /// `cargo install --locked NAME`
    Cargo,
}

/// Every program that is built. Debian packages and Rust targets have their tables in `debian` and `rust`.
const PROGRAMS: &[Program] = &[
    Program {
        name: "coredns",
        version: "1.14.7",
        purpose: Purpose::Tests,
        source: Source::Go { package: "github.com/coredns/coredns" },
    },
    Program {
        name: "grpcurl",
        version: "1.9.3",
        purpose: Purpose::Tests,
        source: Source::Go { package: "github.com/fullstorydev/grpcurl/cmd/grpcurl" },
    },
    Program {
        name: "etcd",
        version: "3.6.14",
        purpose: Purpose::Tests,
        source: Source::GoModule { module: "etcd", package: "go.etcd.io/etcd/server/v3", stamp: &[] },
    },
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    Program {
        name: "kwok",
        version: "0.8.0",
        purpose: Purpose::Tests,
        source: Source::Go { package: "sigs.k8s.io/kwok/cmd/kwok" },
    },
    Program {
        name: "helm",
        version: "4.2.4",
        purpose: Purpose::Tests,
        source: Source::Go { package: "helm.sh/helm/v4/cmd/helm" },
    },
    Program {
        name: "gateway-api",
        version: "1.5.1",
        purpose: Purpose::Tests,
        source: Source::GoFiles { module: "sigs.k8s.io/gateway-api", folder: "config/crd/standard" },
    },
    Program { name: "cargo-deny", version: "0.20.2", purpose: Purpose::Tests, source: Source::Cargo },
    Program { name: "cargo-fuzz", version: "0.13.2", purpose: Purpose::Fuzzing, source: Source::Cargo },
];

/// A program of Kubernetes. Without its version `/version` of the API server confuses clients.
const fn kubernetes(name: &'static str, package: &'static str) -> Program {
    Program {
        name,
        version: "1.36.3",
        purpose: Purpose::Tests,
        source: Source::GoModule {
            module: "kubernetes",
            package,
            stamp: &[
                "k8s.io/component-base/version.gitVersion=v1.36.3",
                "k8s.io/component-base/version.gitMajor=1",
                "k8s.io/component-base/version.gitMinor=36",
            ],
        },
    }
}

impl Program {
    fn folder(&self, root: &Path) -> PathBuf {
        root.join(format!("{}-{}", self.name, self.version))
    }

    /// The executable, or the folder of files, whether it is there yet or not.
    fn executable(&self, root: &Path) -> PathBuf {
        let folder = self.folder(root);
        match self.source {
            Source::Go { .. } | Source::GoModule { .. } | Source::GoFiles { .. } => folder.join(self.name),
            // `cargo install --root` makes the folder `bin` itself.
            Source::Cargo => folder.join("bin").join(self.name),
        }
    }
}

/// Arguments of `cargo xtask components`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print what is there and what is missing, and change nothing
    #[arg(long)]
    check: bool,
}

/// Builds or installs whatever is missing, for every purpose, and prints where everything is.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = root()?;
    if !arguments.check {
        ensure(&[Purpose::Tests, Purpose::Benchmarks, Purpose::Fuzzing])?;
    }
    for program in PROGRAMS {
        let path = program.executable(&root);
        let place = if path.exists() { path.display().to_string() } else { "missing".to_owned() };
        println!("{:<31} {place}", format!("{} {}", program.name, program.version));
    }
    for (name, place) in debian::places().into_iter().chain(rust::places()?) {
        println!("{name:<31} {}", place.unwrap_or_else(|| "missing".to_owned()));
    }
    Ok(())
}

/// Builds or installs whatever of these purposes is missing.
pub(crate) fn ensure(purposes: &[Purpose]) -> Result<()> {
    let root = root()?;
    fs::create_dir_all(&root).with_context(|| format!("cannot make the folder {}", root.display()))?;
    // One run builds at a time; another waits for it and then finds everything there.
    let lock =
        File::create(root.join(".lock")).with_context(|| format!("cannot write in {}", root.display()))?;
    lock.lock().context("cannot lock the folder of the components")?;

    let missing: Vec<&Program> = PROGRAMS
        .iter()
        .filter(|program| purposes.contains(&program.purpose) && !program.executable(&root).exists())
        .collect();

    // What needs an administrator comes first: all of it named at once, before minutes of building.
    let mut packages = debian::missing(purposes);
    let needs_go = missing.iter().any(|program| !matches!(program.source, Source::Cargo));
    let mut complaints = Vec::new();
    if needs_go && let Err(complaint) = golang::toolchain() {
        if debian::installs_by_itself() {
            packages.push(golang::DEBIAN_PACKAGE);
        } else {
            complaints.push(complaint.to_string());
        }
    }
    if !packages.is_empty() {
        if debian::installs_by_itself() {
            debian::install(&packages)?;
        } else {
            complaints.push(debian::complaint(&packages));
        }
    }
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }

    rust::ensure_targets(purposes)?;
    for program in missing {
        build::build(program, &root)?;
    }
    Ok(())
}

/// The folder of the components: `$MCI_COMPONENTS`, else `~/.cache/mci-components`.
pub(crate) fn root() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("MCI_COMPONENTS").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home =
        env::home_dir().context("no home folder: set MCI_COMPONENTS to a folder for the components")?;
    Ok(home.join(".cache").join("mci-components"))
}

/// Where the executable of a program of the table is.
pub(crate) fn executable(name: &str) -> Result<PathBuf> {
    let program = PROGRAMS
        .iter()
        .find(|program| program.name == name)
        .expect("only programs of the table are asked for");
    Ok(program.executable(&root()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_folder_of_its_own_with_its_version_in_the_name() {
        let root = Path::new("/c");
        let mut folders: Vec<PathBuf> = PROGRAMS.iter().map(|program| program.folder(root)).collect();
        let coredns = PROGRAMS.first().expect("CoreDNS is the first");
        assert_eq!(coredns.executable(root), Path::new("/c/coredns-1.14.7/coredns"));
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), PROGRAMS.len());
    }
}
