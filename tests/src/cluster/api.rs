//! Requests to an API server as plain JSON, in milliseconds where each call of kubectl costs a tenth of a second.
//!
//! Objects are named as kubectl names them: `services`, `ingresses.networking.k8s.io`, a namespace, a name. Where they
//! are served is asked of the API server (discovery) once, and again for a name that is not known yet.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::discovery::{self, Resource};
use crate::runtime::{block_on, runtime};
use crate::wait;

/// How long one request may take before it counts as not answered.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Who wrote a field, for server-side apply.
const FIELD_MANAGER: &str = "rig";

/// An API server as one user sees it.
#[derive(Clone)]
pub struct Api {
    client: Client,
    patience: Duration,
    resources: Arc<Mutex<Vec<Resource>>>,
}

/// What the API server said instead of doing it, or that it said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status, such as 409; 0 where no answer came.
    pub code: u16,
    /// Such as `Conflict`.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Field and message of each cause, in its order; `<nil>` is the object as a whole.
    pub causes: Vec<(String, String)>,
}

/// An answer.
pub type Answer = Result<Value, Refused>;

impl Api {
    /// The user and the API server of a kubeconfig.
    #[track_caller]
    pub fn new(kubeconfig: &Path) -> Self {
        let file = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is one");
        let client = block_on(async move {
            let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .expect("the kubeconfig names one context");
            // It starts a task.
            Client::try_from(config).expect("the certificates can be used")
        });
        Api { client, patience: PATIENCE, resources: Arc::default() }
    }

    /// The same API server as another user sees it, who need not ask what is served.
    #[track_caller]
    pub(super) fn as_user(&self, kubeconfig: &Path) -> Self {
        Api { resources: Arc::clone(&self.resources), ..Api::new(kubeconfig) }
    }

    /// One that takes silence for this long as no answer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The client below, for what is not here; its futures are to run on the runtime of the test.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Sends any request; a PATCH has a media type of its own.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        media_type: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let (client, patience) = (self.client.clone(), self.patience);
        let request = request(method, path, media_type, body);
        block_on(async move { send(&client, patience, request).await })
    }

    /// Whether the API server says that it is ready.
    pub fn is_ready(&self) -> bool {
        let client = self.client.clone();
        let request = request(Method::GET, "/readyz", None, None);
        // It answers in a word, and not in JSON.
        block_on(async move {
            let asked = tokio::time::timeout(Duration::from_secs(2), client.request_text(request));
            matches!(asked.await, Ok(Ok(_)))
        })
    }

    /// Every resource that the API server has now.
    #[track_caller]
    pub fn discover(&self) -> Vec<Resource> {
        let found = discovery::discover(&self.client).expect("the API server tells what it serves");
        found.clone_into(&mut self.known());
        found
    }

    /// Reads one object.
    #[track_caller]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Answer {
        self.request(Method::GET, &self.path(resource, namespace, name), None, None)
    }

    /// The objects in a namespace, or in all where that is empty.
    #[track_caller]
    pub fn list(&self, resource: &str, namespace: &str) -> Result<Vec<Value>, Refused> {
        let path = self.resource(|found| found.is_called(resource), resource).collection(namespace);
        let mut list = self.request(Method::GET, &path, None, None)?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            other => panic!("a list of {resource} without items: {other}"),
        }
    }

    /// Creates an object from a whole manifest.
    #[track_caller]
    pub fn create(&self, object: &Value) -> Answer {
        let path = self.of(object).collection(namespace(object));
        self.request(Method::POST, &path, None, Some(object))
    }

    /// Replaces an object; its `resourceVersion`, where it has one, is compared.
    #[track_caller]
    pub fn replace(&self, object: &Value) -> Answer {
        self.request(Method::PUT, &self.path_of(object), None, Some(object))
    }

    /// Replaces an object's status alone.
    #[track_caller]
    pub fn replace_status(&self, object: &Value) -> Answer {
        self.request(Method::PUT, &format!("{}/status", self.path_of(object)), None, Some(object))
    }

    /// Applies a manifest by server-side apply, by force.
    #[track_caller]
    pub fn apply(&self, object: &Value) -> Answer {
        let path = apply_path(&self.path_of(object));
        self.request(Method::PATCH, &path, Some("application/apply-patch+yaml"), Some(object))
    }

    /// Applies many at once, 16 in flight: the first refusal, if any.
    #[track_caller]
    pub fn apply_all(&self, objects: &[Value]) -> Result<(), Refused> {
        let requests: Vec<_> = objects
            .iter()
            .map(|object| {
                let path = apply_path(&self.path_of(object));
                request(Method::PATCH, &path, Some("application/apply-patch+yaml"), Some(object))
            })
            .collect();
        let answers = self.send_all(requests);
        answers.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    /// Creates many at once, 16 in flight; the answers in the same order.
    #[track_caller]
    pub fn create_all(&self, objects: &[Value]) -> Vec<Answer> {
        let requests = objects
            .iter()
            .map(|object| {
                request(Method::POST, &self.of(object).collection(namespace(object)), None, Some(object))
            })
            .collect();
        self.send_all(requests)
    }

    /// Changes some fields (a merge patch).
    #[track_caller]
    pub fn merge(&self, resource: &str, namespace: &str, name: &str, patch: &Value) -> Answer {
        self.merge_at(&self.path(resource, namespace, name), patch)
    }

    /// Changes some fields of the status (a merge patch).
    #[track_caller]
    pub fn merge_status(&self, resource: &str, namespace: &str, name: &str, status: &Value) -> Answer {
        let path = format!("{}/status", self.path(resource, namespace, name));
        self.merge_at(&path, &json!({"status": status}))
    }

    /// Deletes one object.
    #[track_caller]
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> Answer {
        self.request(Method::DELETE, &self.path(resource, namespace, name), None, None)
    }

    /// Deletes all in a namespace, by one request.
    #[track_caller]
    pub fn delete_all(&self, resource: &str, namespace: &str) -> Answer {
        let path = self.resource(|found| found.is_called(resource), resource).collection(namespace);
        self.request(Method::DELETE, &path, None, None)
    }

    /// Sends requests, 16 of them in flight, and returns the answers in the same order.
    pub fn send_all(&self, requests: Vec<Request<Vec<u8>>>) -> Vec<Answer> {
        let (client, patience) = (self.client.clone(), self.patience);
        block_on(async move {
            let in_flight = Arc::new(tokio::sync::Semaphore::new(16));
            let mut tasks = Vec::new();
            for request in requests {
                let (client, in_flight) = (client.clone(), Arc::clone(&in_flight));
                tasks.push(runtime().spawn(async move {
                    let _turn = in_flight.acquire_owned().await.expect("nobody closes it");
                    send(&client, patience, request).await
                }));
            }
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(task.await.expect("a request does not panic"));
            }
            answers
        })
    }

    fn merge_at(&self, path: &str, change: &Value) -> Answer {
        self.request(Method::PATCH, path, Some("application/merge-patch+json"), Some(change))
    }

    #[track_caller]
    fn path(&self, resource: &str, namespace: &str, name: &str) -> String {
        let collection = self.resource(|found| found.is_called(resource), resource).collection(namespace);
        format!("{collection}/{name}")
    }

    #[track_caller]
    fn path_of(&self, object: &Value) -> String {
        let name = object["metadata"]["name"].as_str().expect("a manifest has a name");
        format!("{}/{name}", self.of(object).collection(namespace(object)))
    }

    #[track_caller]
    fn of(&self, object: &Value) -> Resource {
        let (Some(version), Some(kind)) = (object["apiVersion"].as_str(), object["kind"].as_str()) else {
            panic!("a manifest without apiVersion and kind: {object}");
        };
        self.resource(|found| found.is_kind(version, kind), &format!("{kind} in {version}"))
    }

    /// The resource that is meant, which may have been defined a moment ago.
    #[track_caller]
    fn resource(&self, is_meant: impl Fn(&Resource) -> bool, what: &str) -> Resource {
        let known = self.known().iter().find(|resource| is_meant(resource)).cloned();
        if let Some(found) = known {
            return found;
        }
        wait::until(&format!("the API server serves {what}"), || {
            discovery::discover(&self.client).ok().and_then(|found| {
                found.clone_into(&mut self.known());
                found.into_iter().find(&is_meant)
            })
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Resource>> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Api").finish_non_exhaustive()
    }
}

/// A request with JSON as its body, for [`Api::send_all`].
pub fn request(
    method: Method,
    path: &str,
    media_type: Option<&str>,
    body: Option<&Value>,
) -> Request<Vec<u8>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type.unwrap_or("application/json"))
        .body(body.map_or_else(Vec::new, |body| body.to_string().into_bytes()))
        .unwrap_or_else(|error| panic!("{path:?} is no path: {error}"))
}

fn apply_path(path: &str) -> String {
    format!("{path}?fieldManager={FIELD_MANAGER}&force=true")
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or("default")
}

pub(super) async fn send(client: &Client, patience: Duration, request: Request<Vec<u8>>) -> Answer {
    let silent =
        |message: String| Refused { code: 0, reason: "NoAnswer".to_owned(), message, causes: Vec::new() };
    match tokio::time::timeout(patience, client.request::<Value>(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => {
            let causes = status.details.into_iter().flat_map(|details| details.causes);
            Err(Refused {
                code: status.code,
                reason: status.reason,
                message: status.message,
                causes: causes.map(|cause| (cause.field, cause.message)).collect(),
            })
        }
        Ok(Err(error)) => Err(silent(error.to_string())),
        Err(_) => Err(silent(format!("no answer in {patience:?}"))),
    }
}
