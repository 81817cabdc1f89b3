//! Where a cluster is and who we are there: kubeconfig, context, or the pod that we run in.
//!
//! ```text
//!   --kubeconfig FILE   →  that file              ┐
//!   KUBECONFIG          →  those files, merged    ├─ --context NAME, or the current one
//!   ~/.kube/config      →  that file              ┘
//!   none of them there  →  the pod's service account
//! ```

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::ConfigExt;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use tower::{BoxError, ServiceBuilder};

use super::token::FileTokenLayer;
use super::{ClusterClient, with_causes};

/// How long making a TCP connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A silent connection is asked after this long whether it is still there …
const KEEPALIVE: Duration = Duration::from_secs(5);
/// … and, after that, so often, before it counts as broken.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;
/// What was sent and is not acknowledged for this long breaks the connection.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster, and as whom.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A kubeconfig file, instead of `KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it, instead of the current one.
    pub context: Option<String>,
    /// Who asks, for the user agent: `mci/VERSION (component)`.
    pub component: String,
}

/// Why there is no client for a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A kubeconfig cannot be read or used.
    #[error("{file}: {problem}; {fix}")]
    Kubeconfig {
        /// Which file or files.
        file: String,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// There is no kubeconfig, and this is no pod.
    #[error(
        "no cluster to talk to: there is no {file}, and this does not run in a pod ({in_cluster}); \
         give --kubeconfig FILE or set KUBECONFIG"
    )]
    Nowhere {
        /// The kubeconfig that would have been read.
        file: String,
        /// Why it is no pod.
        in_cluster: String,
    },
    /// What the kubeconfig or the pod says cannot be used to connect.
    #[error("{origin}: {problem}")]
    Unusable {
        /// File, context and address.
        origin: String,
        /// What is wrong.
        problem: String,
    },
}

/// A client for the cluster that `options` name. It reads files and asks nothing of the API server yet.
pub async fn connect(options: &Options) -> Result<ClusterClient, ConnectError> {
    let (config, origin) = config_of(options).await?;
    client_of(config, &origin, &options.component)
}

async fn config_of(options: &Options) -> Result<(kube::Config, String), ConnectError> {
    let read = match &options.kubeconfig {
        Some(path) => Some((path.display().to_string(), Kubeconfig::read_from(path))),
        None => ambient(options),
    };
    let Some((file, read)) = read else {
        let config = kube::Config::incluster().map_err(|error| ConnectError::Nowhere {
            file: default_file()
                .map_or_else(|| "~/.kube/config".to_owned(), |path| path.display().to_string()),
            in_cluster: with_causes(&error),
        })?;
        let origin = format!("the cluster of this pod at {}", config.cluster_url);
        return Ok((config, origin));
    };
    let kubeconfig = read.map_err(|error| refused(&file, &error, options, &[]))?;
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let context = options.context.clone().or_else(|| kubeconfig.current_context.clone());
    let named = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &named)
        .await
        .map_err(|error| refused(&file, &error, options, &contexts))?;
    let context = context.unwrap_or_default();
    let origin = format!("context {context} of {file} at {}", config.cluster_url);
    Ok((config, origin))
}

/// What `KUBECONFIG` or the home directory offers; nothing if there is neither, and a context is not asked for.
fn ambient(options: &Options) -> Option<(String, Result<Kubeconfig, KubeconfigError>)> {
    if let Some(paths) = env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty()) {
        let named = format!("KUBECONFIG={}", paths.display());
        // It may name only files that are not there: then it is as if unset, as in kubectl.
        return match Kubeconfig::from_env() {
            Ok(Some(kubeconfig)) => Some((named, Ok(kubeconfig))),
            Ok(None) => None,
            Err(error) => Some((named, Err(error))),
        };
    }
    let path = default_file()?;
    if !path.exists() && options.context.is_none() {
        return None;
    }
    Some((path.display().to_string(), Kubeconfig::read_from(&path)))
}

fn default_file() -> Option<PathBuf> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(Path::new(&home).join(".kube").join("config"))
}

/// What is wrong with a kubeconfig, and what to do.
fn refused(file: &str, error: &KubeconfigError, options: &Options, contexts: &[String]) -> ConnectError {
    let known = if contexts.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", contexts.join(", "))
    };
    let fix = match (error, &options.context) {
        (KubeconfigError::LoadContext(_), Some(_)) => format!("give --context one that is there: {known}"),
        (KubeconfigError::LoadContext(_) | KubeconfigError::CurrentContextNotSet, _) => {
            format!("give --context NAME, or set one with `kubectl config use-context`: {known}")
        }
        (KubeconfigError::ReadConfig(..), _) => "give --kubeconfig a file that can be read".to_owned(),
        _ => "`kubectl config view` shows what it holds".to_owned(),
    };
    ConnectError::Kubeconfig { file: file.to_owned(), problem: with_causes(error), fix }
}

/// The client with our connector and layers; those of the kube library hide the socket's options, and retry.
fn client_of(mut config: kube::Config, origin: &str, component: &str) -> Result<ClusterClient, ConnectError> {
    let unusable = |problem: String| ConnectError::Unusable { origin: origin.to_owned(), problem };
    if let Some(proxy) = &config.proxy_url {
        return Err(unusable(format!(
            "proxy-url {proxy} is not supported: take it out, or reach the API server by a tunnel"
        )));
    }
    let agent = format!("mci/{} ({component})", env!("CARGO_PKG_VERSION"));
    let agent = agent.parse().map_err(|_| unusable(format!("{component:?} is no component's name")))?;
    config.headers.push((http::header::USER_AGENT, agent));

    // A token in the file itself goes before a token's file, as in kubectl; only the file can change under us.
    let watched = if config.auth_info.token.is_none() { config.auth_info.token_file.take() } else { None };
    let file_token =
        watched.map(|path| FileTokenLayer::new(PathBuf::from(path))).transpose().map_err(unusable)?;

    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    http.set_keepalive(Some(KEEPALIVE));
    http.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    http.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    http.set_tcp_user_timeout(Some(USER_TIMEOUT));
    let https =
        config.rustls_https_connector_with_connector(http).map_err(|error| unusable(with_causes(&error)))?;
    let hyper = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(https);
    let auth = config.auth_layer().map_err(|error| unusable(with_causes(&error)))?;
    let headers = config.extra_headers_layer().map_err(|error| unusable(with_causes(&error)))?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(auth)
        .option_layer(file_token)
        .layer(headers)
        .map_err(BoxError::from)
        .service(hyper);
    Ok(ClusterClient::new(kube::Client::new(service, config.default_namespace), origin))
}
