//! One cluster: its servers, its users, and kubectl.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::api::{Api, Refused};
use super::commands;
use super::credentials::Credentials;
use super::server::{Server, listens};
use crate::port::Port;
use crate::require::{KUBERNETES_VERSION, program};
use crate::wait;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    kwok: Server,
    scheduler: Server,
    controller_manager: Server,
    api_server: Server,
    api: Api,
    kubeconfig: PathBuf,
    credentials: Credentials,
    address: Port,
    _kwok_address: Port,
}

/// A cluster whose API server has been started, and is not ready yet.
pub(super) struct Starting {
    number: usize,
    name: String,
    credentials: Credentials,
    address: Port,
    kubeconfig: PathBuf,
    api: Api,
    api_server: Server,
}

impl Starting {
    /// Starts the API server.
    pub(super) fn new(number: usize, rig: &Path, etcd: SocketAddr, flags: &[String]) -> Self {
        let name = format!("c{number}");
        let folder = rig.join(&name);
        fs::create_dir(&folder).expect("a folder for a cluster can be made");
        let credentials = Credentials::new(&folder);
        let port = Port::reserve();
        let address = port.v4();
        let kubeconfig =
            credentials.kubeconfig("kubeconfig", &name, address, "default", credentials.admin_token());
        let api = Api::new(&kubeconfig);
        let command = commands::ApiServer {
            name: &name,
            number,
            etcd,
            address,
            folder: &folder,
            credentials: &credentials,
            extra: flags,
        }
        .command();
        let asked = api.clone();
        let ready = Box::new(move || {
            // First a look that costs nothing: a client that was refused waits before it tries again.
            listens(address)
                && asked.is_ready()
                && asked.request(http::Method::GET, "/api/v1/namespaces/default", None, None).is_ok()
        });
        let api_server = Server::start(format!("{name} kube-apiserver"), command, ready);
        Starting { number, name, credentials, address: port, kubeconfig, api, api_server }
    }

    /// Waits for it, and starts the rest.
    #[track_caller]
    pub(super) fn finish(self, stages: &Path) -> Cluster {
        let Starting { number, name, credentials, address, kubeconfig, api, api_server } = self;
        api_server.wait_until_ready();
        let kwok_address = Port::reserve();
        let kwok_listens = kwok_address.v4();
        let start = |program: &str, command: Command, ready| {
            Server::start(format!("{name} {program}"), command, ready)
        };
        Cluster {
            kwok: start(
                "kwok",
                commands::kwok(&kubeconfig, stages, number, kwok_listens),
                Box::new(move || listens(kwok_listens)),
            ),
            // They listen nowhere; that they work is seen by what they do.
            scheduler: start("kube-scheduler", commands::scheduler(&kubeconfig), Box::new(|| true)),
            controller_manager: start(
                "kube-controller-manager",
                commands::controller_manager(&kubeconfig, &credentials),
                Box::new(|| true),
            ),
            api_server,
            api,
            kubeconfig,
            credentials,
            address,
            _kwok_address: kwok_address,
            name,
        }
    }
}

impl Cluster {
    /// `c1`, `c2`, …: the name of its context, too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its API server listens.
    pub fn address(&self) -> SocketAddr {
        self.address.v4()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Requests as the administrator.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The API server's process.
    pub fn api_server(&self) -> &Server {
        &self.api_server
    }

    /// The process of the controllers.
    pub fn controller_manager(&self) -> &Server {
        &self.controller_manager
    }

    /// The scheduler's process.
    pub fn scheduler(&self) -> &Server {
        &self.scheduler
    }

    /// The process that plays the kubelets.
    pub fn kwok(&self) -> &Server {
        &self.kwok
    }

    /// A new token of a `ServiceAccount`, good for an hour.
    #[track_caller]
    pub fn token(&self, namespace: &str, service_account: &str) -> String {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token");
        let request = json!({"spec": {"expirationSeconds": 3600}});
        let answer = self
            .api
            .request(http::Method::POST, &path, None, Some(&request))
            .unwrap_or_else(|refused| panic!("no token of {namespace}/{service_account}: {refused:?}"));
        answer["status"]["token"].as_str().expect("a TokenRequest answers with a token").to_owned()
    }

    /// A kubeconfig with a new token of a `ServiceAccount`, and its namespace as the default one.
    #[track_caller]
    pub fn token_kubeconfig(&self, namespace: &str, service_account: &str) -> PathBuf {
        self.token_kubeconfig_at(self.address(), namespace, service_account)
    }

    /// The same, with the API server behind another address: a proxy's.
    #[track_caller]
    pub fn token_kubeconfig_at(&self, server: SocketAddr, namespace: &str, service_account: &str) -> PathBuf {
        // One for each who asks: a token that is written anew must not be read by another half written.
        static FILES: AtomicUsize = AtomicUsize::new(1);
        let token = self.token(namespace, service_account);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let file = format!("kubeconfig-{namespace}-{service_account}-{number}");
        self.credentials.kubeconfig(&file, &self.name, server, namespace, &token)
    }

    /// Requests as a `ServiceAccount`.
    #[track_caller]
    pub fn api_of(&self, namespace: &str, service_account: &str) -> Api {
        self.api.as_user(&self.token_kubeconfig(namespace, service_account))
    }

    /// Applies manifests, in order, by server-side apply. Fails where the API server refuses one.
    ///
    /// What definitions of resources define is served, discovered and explained when this returns.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        let mut definitions = Vec::new();
        for object in manifests(yaml) {
            let name = &object["metadata"]["name"];
            self.api.apply(&object).unwrap_or_else(|Refused { message, .. }| {
                panic!("{} {name} was refused: {message}", object["kind"])
            });
            if object["kind"] == "CustomResourceDefinition" {
                self.wait_until_established(name.as_str().expect("a name is a string"));
                definitions.push(object);
            }
        }
        // All at once: the API server takes a second to tell of what is new.
        self.wait_until_told(&definitions);
    }

    /// Runs kubectl as the administrator, and returns what it printed; fails where it fails.
    #[track_caller]
    pub fn kubectl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same, or what kubectl says against it.
    #[track_caller]
    pub fn try_kubectl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
        let mut command = Command::new(program("kubectl", KUBERNETES_VERSION));
        command.args(arguments);
        self.run(&mut command)
    }

    /// Runs a program with the administrator's kubeconfig: what it printed, or how it failed.
    #[track_caller]
    pub(super) fn run(&self, command: &mut Command) -> Result<String, String> {
        // Caches go where they are removed, and never come from another cluster at the same address.
        let home = self.kubeconfig.with_file_name("home");
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", home).env_remove("KUBECACHEDIR");
        let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let program = Path::new(command.get_program()).file_name().unwrap_or_default().display();
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program} ended with {}:\n{said}{complaint}", output.status))
    }

    #[track_caller]
    fn wait_until_established(&self, name: &str) {
        const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
        wait::until_true(&format!("{name} is established"), || {
            let Ok(found) = self.api.get(DEFINITIONS, "", name) else { return false };
            found["status"]["conditions"].as_array().is_some_and(|conditions| {
                conditions.iter().any(|found| found["type"] == "Established" && found["status"] == "True")
            })
        });
    }
    /// Established says that requests are answered. Other parts of the API server tell of that, each in its own time:
    /// discovery, which kubectl finds resources by, and `OpenAPI`, which it explains them by.
    #[track_caller]
    fn wait_until_told(&self, definitions: &[Value]) {
        let told: Vec<Told> = definitions.iter().flat_map(Told::of).collect();
        let mut missing: Vec<&Told> = told.iter().collect();
        if missing.is_empty() {
            return;
        }
        wait::until_true("discovery and OpenAPI tell of the new definitions", || {
            let found = self.api.discover();
            // One document holds all resources of a group.
            let mut documents: BTreeMap<&str, Value> = BTreeMap::new();
            missing.retain(|told| {
                let document = documents.entry(&told.document).or_insert_with(|| {
                    self.api.request(http::Method::GET, &told.document, None, None).unwrap_or_default()
                });
                let explained = !document["paths"][&told.path].is_null();
                !(explained && found.iter().any(|resource| resource.collection("") == told.path))
            });
            missing.is_empty()
        });
    }
}

/// Where the API server tells of one version of a definition.
struct Told {
    /// The document of `OpenAPI`.
    document: String,
    /// The path of all objects.
    path: String,
}

impl Told {
    /// Of each version that is served.
    fn of(definition: &Value) -> Vec<Self> {
        let text = |value: &Value| value.as_str().expect("the API server has accepted it").to_owned();
        let spec = &definition["spec"];
        let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
        let served =
            spec["versions"].as_array().into_iter().flatten().filter(|found| found["served"] == true);
        served
            .map(|version| {
                let version = text(&version["name"]);
                Told {
                    document: format!("/openapi/v3/apis/{group}/{version}"),
                    path: format!("/apis/{group}/{version}/{plural}"),
                }
            })
            .collect()
    }
}

/// The documents of a YAML file; empty ones are left out.
#[track_caller]
pub(super) fn manifests(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("no manifests: {error}\n{yaml}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}
