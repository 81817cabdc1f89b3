//! Where the facts of a command come from: files, or a server that answers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;
use clap::Args;
use http::Uri;

use crate::files::Sources;
use crate::kube_facts::KubeOptions;

/// Exactly one source; the current kube context where none is named.
#[derive(Args, Clone, Debug)]
pub(crate) struct SourceOptions {
    /// State files, manifests (CLUSTER=PATH, or a directory for each cluster), or directories of them
    #[arg(long, short, value_name = "FILE", num_args = 1.., conflicts_with_all = ["server", "context", "kubeconfig", "namespace"], help_heading = HEADING)]
    file: Vec<PathBuf>,

    /// A running server: http(s)://HOST:PORT, the HTTP port of a dns-server; resolve alone asks dns:// and grpc:// too
    #[arg(long, value_name = "URL", conflicts_with_all = ["context", "kubeconfig", "namespace"], help_heading = HEADING)]
    server: Option<Server>,

    #[command(flatten)]
    kube: KubeOptions,
}

const HEADING: &str = "Where the facts come from (one of them; else the current kube context)";

/// Where the facts come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Files(Sources),
    Server(Server),
    Cluster(KubeOptions),
}

/// A server that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// DNS over UDP and TCP: host and port.
    Dns(String, u16),
    /// `CoreDNS`'s gRPC service, without TLS: host and port.
    Grpc(String, u16),
    /// The API of a dns-server, as it was written.
    Http(String),
}

impl SourceOptions {
    /// The one source that was named, or the current kube context.
    pub(crate) fn source(&self) -> Source {
        match &self.server {
            Some(server) => Source::Server(server.clone()),
            None if !self.file.is_empty() => Source::Files(Sources::new(self.file.iter().cloned())),
            None => Source::Cluster(self.kube.clone()),
        }
    }

    /// Takes up to `most` words off the end of the files that are none: `--file gslb.yaml app.example.com`.
    pub(crate) fn split_off_words(&mut self, most: usize) -> Vec<String> {
        let is_word = |path: &PathBuf| {
            let looks_like_a_file =
                path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known));
            // `west=deploy` names a cluster and its files.
            let has_cluster = path.as_os_str().as_encoded_bytes().contains(&b'=');
            !looks_like_a_file && !has_cluster && path.components().count() == 1 && !path.exists()
        };
        // The first value of --file is a file, whether or not it is there.
        let words = self.file.iter().skip(1).rev().take(most).take_while(|path| is_word(path)).count();
        let words = self.file.split_off(self.file.len() - words);
        words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// The source, for what no DNS message tells.
    pub(crate) fn of_whole_state(&self, what: &str) -> anyhow::Result<Source> {
        match self.source() {
            Source::Server(server @ (Server::Dns(..) | Server::Grpc(..))) => bail!(
                "{what} needs the whole state, and {server} gives answers alone: use --file FILE…, --server http://HOST:PORT or a kube context"
            ),
            source => Ok(source),
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "write dns://HOST:PORT, grpc://HOST:PORT or http://HOST:PORT";
        let uri: Uri = text.parse().map_err(|error| format!("{error}: {form}"))?;
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| format!("no host in it: {form}"))?;
        // A port out of range is no port to the parser, and a user's name would be ignored.
        if uri.port_u16().is_none() && uri.authority().is_some_and(|authority| authority.as_str() != host) {
            return Err(format!("no host and port in it: {form}"));
        }
        let scheme = uri.scheme_str().ok_or_else(|| format!("no scheme in front of it: {form}"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("a path does not belong there: {form}"));
        }
        let server = |kind: fn(String, u16) -> Self, port| {
            // An IPv6 address stands in brackets in a URL, and without them everywhere else.
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            kind(host, uri.port_u16().unwrap_or(port))
        };
        match scheme {
            "dns" => Ok(server(Self::Dns, 53)),
            "grpc" => Ok(server(Self::Grpc, 1153)),
            "http" | "https" => Ok(Self::Http(text.to_owned())),
            other => Err(format!("{other}:// is not known: {form}")),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Dns(host, port) => ("dns", host, port),
            Self::Grpc(host, port) => ("grpc", host, port),
            Self::Http(url) => return f.write_str(url),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_the_files_are_taken_off() {
        let split = |files: &[&str]| {
            let file = files.iter().map(PathBuf::from).collect();
            let mut options = SourceOptions { file, server: None, kube: KubeOptions::default() };
            (options.split_off_words(2), options.file.len())
        };
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(split(&["a.yaml", "app.example.com"]), (words(&["app.example.com"]), 1));
        assert_eq!(
            split(&["a.yaml", "b.yaml", "app.example.com", "AAAA"]),
            (words(&["app.example.com", "AAAA"]), 2)
        );
        assert_eq!(split(&["app.example.com"]), (vec![], 1), "the first is what --file asked for");
        assert_eq!(split(&["a.yaml", "tpyo.yaml"]), (vec![], 2));
        assert_eq!(split(&["a.yaml", "/"]), (vec![], 2));
        assert_eq!(split(&["a.yaml", "west=deploy"]), (vec![], 2));
    }

    #[test]
    fn servers_are_read_and_written() {
        for text in [
            "dns://127.0.0.1:5300",
            "grpc://[::1]:1153",
            "dns://ns1.example.net:53",
            "https://mci.example:8080",
        ] {
            assert_eq!(text.parse::<Server>().unwrap().to_string(), text);
        }
        assert_eq!("dns://[::1]".parse(), Ok(Server::Dns("::1".to_owned(), 53)));
    }

    #[test]
    fn what_is_no_server_says_what_would_be_right() {
        for text in ["127.0.0.1:5300", "udp://127.0.0.1", "dns://", "dns://host/path", "dns://host:99999", ""]
        {
            let error = text.parse::<Server>().unwrap_err();
            assert!(
                error.ends_with("write dns://HOST:PORT, grpc://HOST:PORT or http://HOST:PORT"),
                "{text}: {error}"
            );
        }
    }
}
