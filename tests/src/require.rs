//! What a machine may lack: such tests are skipped and say so, or fail where nothing may be skipped.

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// The variable that turns everything that is missing into a failure, where it is `all`.
pub const REQUIRE: &str = "MCI_TEST_REQUIRE";

/// The version of `CoreDNS` that the tests speak of.
pub const COREDNS_VERSION: &str = "1.14.7";

/// The version of grpcurl.
pub const GRPCURL_VERSION: &str = "1.9.3";

/// The version of etcd.
pub const ETCD_VERSION: &str = "3.6.14";

/// The version of the API server, its controllers, its scheduler and kubectl.
pub const KUBERNETES_VERSION: &str = "1.36.3";

/// The version of kwok, which plays the kubelets.
pub const KWOK_VERSION: &str = "0.8.0";

/// The version of helm.
pub const HELM_VERSION: &str = "4.2.4";

/// The version of the Gateway API.
pub const GATEWAY_API_VERSION: &str = "1.5.1";

/// Something that is not part of a machine with Rust alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The real `CoreDNS`.
    CoreDns,
    /// What a cluster consists of: etcd, the programs of Kubernetes, kwok.
    Kubernetes,
    /// The definitions of the Gateway API's resources.
    GatewayApi,
    /// What installs charts.
    Helm,
    /// A gRPC client for the command line.
    Grpcurl,
    /// `dig`, from Debian's bind9-dnsutils.
    Dig,
    /// The right to make a network namespace, and `ip` to use it.
    NetworkNamespace,
    /// The loopback address `::1`.
    Ipv6,
    /// What gives a process a clock of its own, from Debian's faketime.
    Faketime,
}

/// Whether all of them are here. Where one is not, says that the calling test is skipped, and why; or panics,
/// where nothing may be skipped.
///
/// ```no_run
/// use mci_tests::require::{self, Component};
///
/// if !require::present(&[Component::CoreDns]) {
///     return;
/// }
/// ```
#[must_use = "a test that lacks something has to return"]
pub fn present(components: &[Component]) -> bool {
    let Some(reason) = components.iter().find_map(|component| component.missing()) else { return true };
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(
        env::var_os(REQUIRE).is_none_or(|value| value != "all"),
        "{test} needs what is missing: {reason}"
    );
    // Straight to the stream: the test harness shows what a test prints only where it fails.
    // In one piece, for other tests write there too.
    let _ = io::stderr().write_all(format!("SKIPPED {test}: {reason}\n").as_bytes());
    false
}

impl Component {
    /// Why it is not here; nothing where it is.
    fn missing(self) -> Option<String> {
        match self {
            Component::CoreDns => missing_program("coredns", COREDNS_VERSION),
            Component::Kubernetes => [
                ("etcd", ETCD_VERSION),
                ("kube-apiserver", KUBERNETES_VERSION),
                ("kube-controller-manager", KUBERNETES_VERSION),
                ("kube-scheduler", KUBERNETES_VERSION),
                ("kubectl", KUBERNETES_VERSION),
                ("kwok", KWOK_VERSION),
            ]
            .iter()
            .find_map(|(name, version)| missing_program(name, version)),
            Component::GatewayApi => {
                let path = program("gateway-api", GATEWAY_API_VERSION);
                (!path.is_dir()).then(|| {
                    format!(
                        "the Gateway API is not at {}; `cargo xtask components` brings it",
                        path.display()
                    )
                })
            }
            Component::Helm => missing_program("helm", HELM_VERSION),
            Component::Grpcurl => missing_program("grpcurl", GRPCURL_VERSION),
            Component::Dig => (!runs(Command::new("dig").arg("-v")))
                .then(|| "dig is missing; `sudo apt-get install bind9-dnsutils` brings it".to_owned()),
            Component::NetworkNamespace => (!runs(crate::netns::unshare().args(["ip", "link"]))).then(|| {
                "this user may not make a network namespace, or `ip` is missing (Debian: iproute2)".to_owned()
            }),
            Component::Ipv6 => std::net::TcpListener::bind(("::1", 0))
                .err()
                .map(|error| format!("there is no IPv6 loopback address ::1 ({error})")),
            Component::Faketime => faketime()
                .is_none()
                .then(|| "libfaketime is missing; `sudo apt-get install faketime` brings it".to_owned()),
        }
    }
}

/// The library that gives a process a clock of its own.
pub(crate) fn faketime() -> Option<PathBuf> {
    let architectures = std::fs::read_dir("/usr/lib").ok()?.flatten();
    architectures
        .map(|folder| folder.path().join("faketime").join("libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}

/// Where a program that `cargo xtask components` builds is.
pub fn program(name: &str, version: &str) -> PathBuf {
    let root = env::var_os("MCI_COMPONENTS").filter(|folder| !folder.is_empty()).map_or_else(
        || env::home_dir().unwrap_or_default().join(".cache").join("mci-components"),
        PathBuf::from,
    );
    root.join(format!("{name}-{version}")).join(name)
}

fn missing_program(name: &str, version: &str) -> Option<String> {
    let path = program(name, version);
    (!path.is_file())
        .then(|| format!("{name} {version} is not at {}; `cargo xtask components` builds it", path.display()))
}

fn runs(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
