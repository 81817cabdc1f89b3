//! An API server in this process: as much of one as this crate asks of it, and ways to make it misbehave.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use mci_kube::client::ClusterClient;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::service_fn;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
}

impl Asked {
    pub fn is_watch(&self) -> bool {
        self.query.contains("watch=1")
    }

    pub fn is_list(&self) -> bool {
        self.method == Method::GET && self.query.contains("limit=") && !self.is_proof()
    }

    pub fn is_proof(&self) -> bool {
        self.query == "limit=1"
    }

    pub fn is_write(&self) -> bool {
        self.method != Method::GET
    }
}

/// What a test makes of a request.
pub enum Fate {
    /// It is answered as ever.
    Pass,
    /// With this code, and this `Retry-After`.
    Refuse(u16, Option<u32>),
    /// Never.
    Hang,
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// Someone else writes this to the object first, and no watch has told yet.
    TooLate(Value),
}

type Hook = Box<dyn FnMut(&Asked) -> Fate + Send>;

struct Watcher {
    kind: String,
    namespace: Option<String>,
    lines: mpsc::UnboundedSender<Bytes>,
}

struct State {
    version: u64,
    compacted: u64,
    /// By kind (path of the collection in all namespaces), then by namespace and name.
    objects: BTreeMap<String, BTreeMap<(String, String), Value>>,
    absent: Vec<String>,
    history: Vec<(u64, String, &'static str, Value)>,
    watchers: Vec<Watcher>,
    asked: Vec<Asked>,
    hook: Option<Hook>,
}

#[derive(Clone)]
pub struct FakeApi(Arc<Mutex<State>>);

/// Where an object is, or where objects are.
struct Place {
    kind: String,
    namespace: Option<String>,
    name: Option<String>,
    status: bool,
}

impl Place {
    fn of(path: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/');
        let head = match parts.next() {
            Some("api") => format!("/api/{}", parts.next().unwrap()),
            _ => format!("/apis/{}/{}", parts.next().unwrap(), parts.next().unwrap()),
        };
        let rest: Vec<_> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        Self {
            kind: format!("{head}/{}", rest[0]),
            namespace,
            name: rest.get(1).map(|name| (*name).to_owned()),
            status: rest.get(2) == Some(&"status"),
        }
    }
}

fn refusal(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason }),
    )
}

impl FakeApi {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            version: 100,
            compacted: 0,
            objects: BTreeMap::new(),
            absent: Vec::new(),
            history: Vec::new(),
            watchers: Vec::new(),
            asked: Vec::new(),
            hook: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn client(&self) -> ClusterClient {
        let api = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        ClusterClient::new(kube::Client::new(service, "mci"), "a fake API server")
    }

    /// Decides what becomes of each request from now on.
    pub fn hook(&self, hook: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.lock().hook = Some(Box::new(hook));
    }

    pub fn unhook(&self) {
        self.lock().hook = None;
    }

    pub fn count(&self, of: impl Fn(&Asked) -> bool) -> usize {
        self.lock().asked.iter().filter(|asked| of(asked)).count()
    }

    /// Makes or changes an object, as anyone else might.
    pub fn put(&self, kind: &str, namespace: &str, name: &str, content: Value) -> u64 {
        self.lock().put(kind, namespace, name, content)
    }

    /// Many at once, so that watches get them in one piece.
    pub fn put_all(&self, kind: &str, namespace: &str, names: &[String], content: &Value) {
        let mut state = self.lock();
        for name in names {
            state.put(kind, namespace, name, content.clone());
        }
    }

    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        self.lock().delete(kind, namespace, name);
    }

    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.lock();
        state.objects.get(kind)?.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Changes what is stored without telling any watch.
    pub fn put_silently(&self, kind: &str, namespace: &str, name: &str, content: Value) {
        let mut state = self.lock();
        let watchers = std::mem::take(&mut state.watchers);
        state.put(kind, namespace, name, content);
        state.history.pop();
        state.watchers = watchers;
    }

    /// As after etcd was restored: fewer objects, a lower version, and watches that hear nothing more.
    pub fn restore(&self, kind: &str, version: u64, names: &[&str]) {
        let mut state = self.lock();
        state.version = version;
        state.history.clear();
        let objects = state.objects.entry(kind.to_owned()).or_default();
        objects.retain(|(_, name), _| names.contains(&name.as_str()));
        for object in objects.values_mut() {
            object["metadata"]["resourceVersion"] = json!(version.to_string());
        }
        let watchers = std::mem::take(&mut state.watchers);
        // Kept open, and never written to again.
        for watcher in watchers {
            std::mem::forget(watcher.lines);
        }
    }

    /// Forgets what happened until now: a watch from before gets a 410.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.compacted = state.version;
        state.history.clear();
    }

    /// Ends all watches, as a restart does.
    pub fn end_watches(&self) {
        self.lock().watchers.clear();
    }

    /// Takes a kind's definition away, and everything of that kind.
    pub fn remove_kind(&self, kind: &str) {
        let mut state = self.lock();
        state.absent.push(kind.to_owned());
        state.objects.remove(kind);
        state.watchers.retain(|watcher| watcher.kind != kind);
    }

    pub fn install_kind(&self, kind: &str) {
        self.lock().absent.retain(|absent| absent != kind);
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let asked = Asked {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        };
        let fate = {
            let mut state = self.lock();
            state.asked.push(asked.clone());
            state.hook.as_mut().map_or(Fate::Pass, |hook| hook(&asked))
        };
        let apply =
            parts.headers.get("content-type").is_some_and(|kind| kind == "application/apply-patch+yaml");
        match fate {
            Fate::Pass => self.lock().serve(&asked, &body, apply),
            Fate::LoseAnswer => {
                drop(self.lock().serve(&asked, &body, apply));
                hang().await
            }
            Fate::TooLate(content) => {
                let Place { kind, namespace, name, .. } = Place::of(&asked.path);
                self.put_silently(&kind, &namespace.unwrap(), &name.unwrap(), content);
                self.lock().serve(&asked, &body, apply)
            }
            Fate::Hang => hang().await,
            Fate::Refuse(code, retry_after) => {
                let mut answer = whole(refusal(code, "Refused"));
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert("retry-after", seconds.into());
                }
                answer
            }
        }
    }
}

fn hang() -> BoxFuture<'static, Answer> {
    std::future::pending().boxed()
}

fn whole((code, body): (u16, Value)) -> Answer {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).body(body).unwrap()
}

impl State {
    fn put(&mut self, kind: &str, namespace: &str, name: &str, mut content: Value) -> u64 {
        self.version += 1;
        let version = self.version;
        let key = (namespace.to_owned(), name.to_owned());
        let objects = self.objects.entry(kind.to_owned()).or_default();
        let before = objects.get(&key);
        let uid =
            before.map_or_else(|| json!(format!("uid-{version}")), |old| old["metadata"]["uid"].clone());
        let what = if before.is_some() { "MODIFIED" } else { "ADDED" };
        let metadata = &mut content["metadata"];
        metadata["namespace"] = json!(namespace);
        metadata["name"] = json!(name);
        metadata["uid"] = uid;
        metadata["resourceVersion"] = json!(version.to_string());
        objects.insert(key, content.clone());
        self.tell(kind, what, content);
        version
    }

    fn delete(&mut self, kind: &str, namespace: &str, name: &str) -> Option<()> {
        let key = (namespace.to_owned(), name.to_owned());
        let mut gone = self.objects.get_mut(kind)?.remove(&key)?;
        self.version += 1;
        gone["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(kind, "DELETED", gone);
        Some(())
    }

    fn tell(&mut self, kind: &str, what: &'static str, object: Value) {
        let line = line(what, &object);
        for watcher in &self.watchers {
            let here = watcher.namespace.as_ref().is_none_or(|ns| object["metadata"]["namespace"] == **ns);
            if watcher.kind == kind && here {
                let _ = watcher.lines.send(line.clone());
            }
        }
        self.history.push((self.version, kind.to_owned(), what, object));
    }

    fn serve(&mut self, asked: &Asked, body: &[u8], apply: bool) -> Answer {
        let place = Place::of(&asked.path);
        if self.absent.contains(&place.kind) {
            return whole(refusal(404, "NotFound"));
        }
        if asked.is_watch() {
            return self.watch(&place, &asked.query);
        }
        let content: Value = serde_json::from_slice(body).unwrap_or_default();
        let namespace = place.namespace.clone().unwrap_or_default();
        let key = place.name.clone().map(|name| (namespace.clone(), name));
        let there = key.as_ref().and_then(|key| self.objects.get(&place.kind)?.get(key)).cloned();
        whole(match (&asked.method, key) {
            (&Method::GET, None) => self.list(&place, &asked.query),
            (&Method::GET, Some(_)) => there.map_or_else(|| refusal(404, "NotFound"), |object| (200, object)),
            (&Method::POST, _) => {
                let name = content["metadata"]["name"].as_str().unwrap().to_owned();
                let key = (namespace.clone(), name.clone());
                if self.objects.get(&place.kind).is_some_and(|objects| objects.contains_key(&key)) {
                    refusal(409, "AlreadyExists")
                } else {
                    self.put(&place.kind, &namespace, &name, content);
                    (201, self.objects[&place.kind][&key].clone())
                }
            }
            (&Method::DELETE, Some((_, name))) => match there {
                None => refusal(404, "NotFound"),
                Some(object) => {
                    let wanted = &content["preconditions"];
                    let metadata = &object["metadata"];
                    let same = |field: &str| wanted[field].is_null() || wanted[field] == metadata[field];
                    if same("uid") && same("resourceVersion") {
                        self.delete(&place.kind, &namespace, &name).unwrap();
                        (200, json!({ "kind": "Status", "status": "Success" }))
                    } else {
                        refusal(409, "Conflict")
                    }
                }
            },
            (&Method::PUT | &Method::PATCH, Some((_, name))) => match there {
                None => refusal(404, "NotFound"),
                Some(object) => {
                    let wanted = &content["metadata"]["resourceVersion"];
                    if !wanted.is_null() && *wanted != object["metadata"]["resourceVersion"] {
                        return whole(refusal(409, "Conflict"));
                    }
                    let mut next = if asked.method == Method::PATCH && !apply {
                        object.clone()
                    } else {
                        content.clone()
                    };
                    if place.status {
                        next = object.clone();
                        next["status"] = content["status"].clone();
                    } else if asked.method == Method::PATCH {
                        for (field, value) in content.as_object().unwrap() {
                            next[field] = value.clone();
                        }
                    }
                    self.put(&place.kind, &namespace, &name, next);
                    (200, self.objects[&place.kind][&(namespace, name)].clone())
                }
            },
            (method, _) => panic!("the fake API server knows no {method}"),
        })
    }

    fn list(&self, place: &Place, query: &str) -> (u16, Value) {
        let value = |name: &str| {
            query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let limit: usize = value("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let from: usize = value("continue").map_or(0, |from| from.parse().unwrap());
        let all: Vec<_> = self
            .objects
            .get(&place.kind)
            .into_iter()
            .flatten()
            .filter(|((namespace, _), _)| place.namespace.as_ref().is_none_or(|wanted| wanted == namespace))
            .map(|(_, object)| object.clone())
            .collect();
        let items: Vec<_> = all.iter().skip(from).take(limit).cloned().collect();
        let mut metadata = json!({ "resourceVersion": self.version.to_string() });
        let rest = all.len() - from - items.len();
        if rest > 0 {
            metadata["continue"] = json!((from + items.len()).to_string());
            metadata["remainingItemCount"] = json!(rest);
        }
        (200, json!({ "kind": "List", "metadata": metadata, "items": items }))
    }

    fn watch(&mut self, place: &Place, query: &str) -> Answer {
        let from = query.split('&').find_map(|part| part.strip_prefix("resourceVersion=")).unwrap();
        let from: u64 = from.parse().unwrap();
        let (lines, receiver) = mpsc::unbounded_channel();
        if from < self.compacted {
            let (_, status) = refusal(410, "Expired");
            let _ = lines.send(line("ERROR", &status));
        } else {
            for (version, kind, what, object) in &self.history {
                if *version > from && *kind == place.kind {
                    let _ = lines.send(line(what, object));
                }
            }
            if from > self.version {
                std::mem::forget(lines);
            } else {
                let (kind, namespace) = (place.kind.clone(), place.namespace.clone());
                self.watchers.push(Watcher { kind, namespace, lines });
            }
        }
        let frames = stream::unfold(receiver, |mut receiver| async move {
            // What is there goes in one piece, as TCP would have it.
            let mut piece = receiver.recv().await?.to_vec();
            while let Ok(more) = receiver.try_recv() {
                piece.extend_from_slice(&more);
            }
            Some((Bytes::from(piece), receiver))
        });
        let body = StreamBody::new(frames.map(|piece| Ok(Frame::data(piece))).fuse());
        Response::new(BodyExt::boxed_unsync(body))
    }
}

fn line(what: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({ "type": what, "object": object })).into()
}
