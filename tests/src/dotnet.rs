//! A cluster's front end as the .NET application has it, with its habits: what MCI has to live with in a mixed fleet.
//!
//! - It changes what it holds of a cluster by reading it, working, and writing it back: of two POSTs at once one is answered
//!   204 and forgotten.
//! - It deletes all that a cluster told it once that cluster's heartbeats pause for its timeout; later heartbeats bring
//!   nothing back, and it never asks for it.
//! - Of several clusters the *lowest* priority answers, and of each cluster the first address alone.
//! - Paths match in any case. It speaks HTTP/1.1 and nothing else: an attempt at HTTP/2 looks like a broken connection.
//!
//! It can also be unwell: hang, answer garbage, fail. It shares no code with the product, and needs nothing but threads, so
//! that tests of any crate can include this file.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What it holds of one cluster: hostnames, each with its list of `hostIPs`.
pub type Hosts = BTreeMap<String, Value>;

/// How it is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Keys, and the clusters that they are of.
    pub keys: BTreeMap<String, String>,
    /// A cluster that is not heard for this time is forgotten. Its default: 30 s.
    pub timeout: Duration,
    /// How often it looks for those.
    pub check: Duration,
    /// How long it works between reading and writing what it holds of a cluster.
    pub work: Duration,
}

impl Settings {
    /// With one key, of one cluster.
    pub fn new(key: &str, cluster: &str) -> Self {
        Settings {
            keys: [(key.to_owned(), cluster.to_owned())].into(),
            timeout: Duration::from_secs(30),
            check: Duration::from_secs(1),
            work: Duration::from_millis(2),
        }
    }

    /// With another timeout, which is looked at twenty times in each.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self.check = timeout / 20;
        self
    }
}

/// How it feels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It does what it does.
    #[default]
    Well,
    /// It reads requests and never answers.
    Hangs,
    /// It answers what is no HTTP.
    Garbage,
    /// It answers 500, and does nothing.
    Fails,
    /// It does what it is asked, and closes the connection instead of answering.
    Forgetful,
    /// It answers 200 with a body that never ends.
    Endless,
}

/// A running one. It ends with its value.
#[derive(Debug)]
pub struct DotNet {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<(Arc<Listening>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    content: Mutex<Content>,
    posts: AtomicUsize,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Content {
    clusters: BTreeMap<String, Hosts>,
    heard: BTreeMap<String, Instant>,
    /// What its own cluster publishes; nothing while it has no view of it.
    own: Option<Vec<Value>>,
    mood: Mood,
    requests: Vec<String>,
    most_posts_at_once: usize,
    forgot: usize,
}

/// One listener, with its connections.
#[derive(Debug, Default)]
struct Listening {
    connections: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl DotNet {
    /// Starts one on a free port of 127.0.0.1.
    pub fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port can be listened on");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Shared {
            settings,
            content: Mutex::default(),
            posts: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let judge = shared.clone();
        thread::spawn(move || judge.forget_the_silent());
        let listening = listen(listener, shared.clone());
        DotNet { address, shared, listening: Some(listening) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its front end ends; what it holds stays, and is judged.
    pub fn stop(&mut self) {
        if let Some((listening, accepting)) = self.listening.take() {
            listening.end(self.address);
            // Then its port is free.
            let _ = accepting.join();
        }
    }

    /// Its front end is there again.
    pub fn resume(&mut self) {
        self.stop();
        let listener = TcpListener::bind(self.address).expect("its port is still free");
        self.listening = Some(listen(listener, self.shared.clone()));
    }

    /// From now on it feels like this.
    pub fn feels(&self, mood: Mood) {
        self.shared.content().mood = mood;
    }

    /// What it holds of a cluster.
    pub fn holds(&self, cluster: &str) -> Hosts {
        self.shared.content().clusters.get(cluster).cloned().unwrap_or_default()
    }

    /// Forgets all of a cluster, as its own operator would.
    pub fn forget(&self, cluster: &str) {
        self.shared.content().clusters.remove(cluster);
    }

    /// How often it has forgotten a cluster.
    pub fn forgot(&self) -> usize {
        self.shared.content().forgot
    }

    /// Whether it hears a cluster.
    pub fn hears(&self, cluster: &str) -> bool {
        self.shared
            .content()
            .heard
            .get(cluster)
            .is_some_and(|heard| heard.elapsed() <= self.shared.settings.timeout)
    }

    /// What its own cluster publishes, as a list of hosts; nothing while it has no view of it.
    pub fn publishes(&self, hosts: Option<Vec<Value>>) {
        self.shared.content().own = hosts;
    }

    /// Method and path of each request that it read, as they were sent.
    pub fn requests(&self) -> Vec<String> {
        self.shared.content().requests.clone()
    }

    /// How many POSTs of hosts were worked on at once, at most.
    pub fn most_posts_at_once(&self) -> usize {
        self.shared.content().most_posts_at_once
    }

    /// The addresses that it answers with, by cluster: of the clusters with the lowest priority, each one's first.
    pub fn answers(&self, hostname: &str) -> BTreeMap<String, String> {
        let content = self.shared.content();
        let first = |hosts: &Hosts| {
            let host = hosts.get(hostname)?.get(0)?;
            let priority = host.get("priority")?.as_i64()?;
            Some((priority, host.get("ipAddress")?.as_str()?.to_owned()))
        };
        let offered: Vec<_> = content
            .clusters
            .iter()
            .filter_map(|(cluster, hosts)| {
                first(hosts).map(|(priority, address)| (priority, cluster, address))
            })
            .collect();
        let lowest = offered.iter().map(|(priority, ..)| *priority).min();
        let taken = offered.into_iter().filter(|(priority, ..)| Some(*priority) == lowest);
        taken.map(|(_, cluster, address)| (cluster.clone(), address)).collect()
    }
}

impl Drop for DotNet {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.stop();
    }
}

impl Listening {
    fn end(&self, address: SocketAddr) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes it up.
        let _ = TcpStream::connect(address);
        for connection in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn listen(listener: TcpListener, shared: Arc<Shared>) -> (Arc<Listening>, JoinHandle<()>) {
    let listening = Arc::new(Listening::default());
    let connections = listening.clone();
    let accepting = thread::spawn(move || {
        for stream in listener.incoming() {
            let mut open = connections.connections.lock().unwrap_or_else(PoisonError::into_inner);
            if connections.ended.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let Ok(other) = stream.try_clone() else { continue };
            open.push(other);
            let shared = shared.clone();
            thread::spawn(move || {
                // Whoever breaks off has read enough.
                let _ = shared.converse(stream);
            });
        }
    });
    (listening, accepting)
}

/// A request as it was sent.
struct Request {
    method: String,
    path: String,
    key: Option<String>,
    body: Vec<u8>,
}

impl Shared {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_the_silent(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            thread::sleep(self.settings.check);
            let mut content = self.content();
            let Content { clusters, heard, forgot, .. } = &mut *content;
            for (cluster, heard) in heard.iter() {
                if heard.elapsed() > self.settings.timeout && clusters.remove(cluster).is_some() {
                    *forgot += 1;
                }
            }
        }
    }

    /// One connection, with as many requests as come.
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader)? {
            let mood = {
                let mut content = self.content();
                content.requests.push(format!("{} {}", request.method, request.path));
                content.mood
            };
            match mood {
                Mood::Well => {
                    let (status, body) = self.answer(&request);
                    let text = body.map(|body| body.to_string()).unwrap_or_default();
                    let length = text.len();
                    // In one piece: a second one would wait for the other side to acknowledge the first.
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}"
                    );
                    writer.write_all(answer.as_bytes())?;
                }
                Mood::Hangs => {}
                Mood::Garbage => {
                    writer.write_all(&[0xff, 0, b'?', b'\r', b'\n', b'\r', b'\n'])?;
                    return Ok(());
                }
                Mood::Fails => writer.write_all(b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nouch")?,
                Mood::Forgetful => {
                    self.answer(&request);
                    return writer.shutdown(Shutdown::Both);
                }
                Mood::Endless => {
                    writer.write_all(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                    let chunk = [b"2000\r\n".as_slice(), &[b' '; 0x2000], b"\r\n"].concat();
                    loop {
                        writer.write_all(&chunk)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> (u16, Option<Value>) {
        let path =
            request.path.split('?').next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
        let cluster = request.key.as_ref().and_then(|key| self.settings.keys.get(key));
        match (request.method.as_str(), path.as_str(), cluster) {
            ("GET", "/healthz/ready" | "/healthz/liveness", _) => (200, Some(json!("Alive"))),
            (_, "/heartbeat" | "/host", None) => (401, None),
            ("POST", "/heartbeat", Some(cluster)) => {
                self.content().heard.insert(cluster.clone(), Instant::now());
                (204, None)
            }
            ("POST", "/host", Some(cluster)) => self.post_host(cluster, &request.body),
            ("GET", "/host", Some(_)) => {
                let own = self.content().own.clone();
                own.map_or((404, None), |own| (200, Some(Value::Array(own))))
            }
            (_, "/heartbeat" | "/host", Some(_)) => (405, None),
            _ => (404, None),
        }
    }

    fn post_host(&self, cluster: &str, body: &[u8]) -> (u16, Option<Value>) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return (400, None) };
        let hostname = field(&body, "hostname").and_then(Value::as_str).unwrap_or_default();
        let Some(list) = field(&body, "hostIPs").and_then(Value::as_array) else { return (400, None) };
        let is_a_host = |host: &Value| {
            let fits = |name| {
                field(host, name).and_then(Value::as_i64).is_some_and(|number| i32::try_from(number).is_ok())
            };
            field(host, "ipAddress").is_some_and(Value::is_string) && fits("priority") && fits("weight")
        };
        if hostname.is_empty() || !list.iter().all(is_a_host) {
            return (400, None);
        }
        let at_once = self.posts.fetch_add(1, Ordering::SeqCst) + 1;
        let mut hosts = {
            let mut content = self.content();
            content.most_posts_at_once = content.most_posts_at_once.max(at_once);
            content.clusters.get(cluster).cloned().unwrap_or_default()
        };
        thread::sleep(self.settings.work);
        // It compares names as they are written.
        if list.is_empty() {
            hosts.remove(hostname);
        } else {
            hosts.insert(hostname.to_owned(), Value::Array(list.clone()));
        }
        self.content().clusters.insert(cluster.to_owned(), hosts);
        self.posts.fetch_sub(1, Ordering::SeqCst);
        (204, None)
    }
}

/// A member of an object, in whatever case.
fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// One request; nothing at the end, or where it is no HTTP/1.1.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request =
        Request { method: method.to_owned(), path: path.to_owned(), key: None, body: Vec::new() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-api-key" => request.key = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap_or_default(),
            _ => {}
        }
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// How it writes its paths: releases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `/Host`.
    Upper,
    /// `/host`.
    Lower,
}

/// Its calls to another cluster.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The other cluster's front end.
    pub to: SocketAddr,
    /// Its key there.
    pub key: String,
    /// How it writes paths and names.
    pub case: Case,
}

impl Caller {
    /// Says that its cluster lives; the status of the answer, if one came.
    pub fn heartbeat(&self) -> Option<u16> {
        self.post("/Heartbeat", "")
    }

    /// Says where a hostname is: addresses with priority and weight; nowhere where there are none.
    pub fn host(&self, hostname: &str, places: &[(&str, i32, i32)]) -> Option<u16> {
        let place = |(address, priority, weight): &(&str, i32, i32)| match self.case {
            Case::Upper => json!({"IPAddress": address, "Priority": priority, "Weight": weight}),
            Case::Lower => json!({"ipAddress": address, "priority": priority, "weight": weight}),
        };
        let places: Vec<Value> = places.iter().map(place).collect();
        let body = match self.case {
            Case::Upper => json!({"Hostname": hostname, "HostIPs": places}),
            Case::Lower => json!({"hostname": hostname, "hostIPs": places}),
        };
        self.post("/Host", &body.to_string())
    }

    fn post(&self, path: &str, body: &str) -> Option<u16> {
        let path = if self.case == Case::Upper { path.to_owned() } else { path.to_ascii_lowercase() };
        let mut stream = TcpStream::connect_timeout(&self.to, Duration::from_secs(5)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let (key, length) = (&self.key, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nX-Api-Key: {key}\r\n\
             Content-Type: application/json; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            self.to
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }
}
