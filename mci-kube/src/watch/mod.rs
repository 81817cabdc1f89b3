//! One kind of object, followed: listed once, watched, and proved to be whole.
//!
//! ```text
//!            ┌──────────── 410, proof failed, once an hour ◄───────────┐
//!            ▼                                                          │
//!   list, pages of 500 ──► Batch::Replace     watch ──► Batch::Changes  │
//!            │                                  ▲  │                    │
//!            └──────────── version ─────────────┘  └─ every 30 s: list limit=1
//!                                                     (version, number of objects)
//! ```
//!
//! A watch can be silently wrong: after etcd was restored from an older copy it answers 200 and delivers nothing. So each
//! watch is proved by what a list says beside it. Losing the API server changes nothing by itself: the last state stays,
//! and [`Progress`] says since when. A kind that is not there (its definition is not installed, or was taken away) is a
//! [`Batch::Absent`]: what that means is for the consumer to say.
//!
//! Each object is decoded by itself; one that is malformed is reported in its batch and never stops the watch. It refuses
//! to know what the objects mean, and keeps of them no more than key and version.

mod held;
mod lines;
mod once;
mod progress;
mod run;
mod wire;

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub(crate) use self::once::once;
pub use self::progress::{Progress, Relist, State};
pub use self::run::watch;

/// What is watched: one kind, in one namespace or in all of them. Never with a selector: under one the API server does not
/// tell how many objects there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: &'static str,
    path: String,
}

impl Source {
    /// A kind that this program knows, in `namespace` or everywhere. `name` is for logs and metrics.
    pub fn of<K: kube::Resource<DynamicType = ()>>(name: &'static str, namespace: Option<&str>) -> Self {
        Self { name, path: K::url_path(&(), namespace) }
    }

    /// By its path, as `/apis/multicluster.cyclops.io/v1alpha/gslbs`.
    pub fn at(name: &'static str, path: impl Into<String>) -> Self {
        Self { name, path: path.into() }
    }

    /// For logs and metrics.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Of the collection, without a query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two proofs; cut at random by up to a quarter. Default: 30 s.
    pub proof: Duration,
    /// Between two full lists; cut at random by up to half. Default: one hour.
    pub relist: Duration,
    /// How long the API server keeps one watch. Default: 60 s.
    pub watch: Duration,
    /// How long one request may take until its answer begins, and a list until it ends. Default: 10 s.
    pub deadline: Duration,
    /// Objects in one page of a list. Default: 500.
    pub page: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            proof: Duration::from_secs(30),
            relist: Duration::from_hours(1),
            watch: Duration::from_mins(1),
            deadline: crate::client::DEADLINE,
            page: 500,
        }
    }
}

/// Which object: its namespace (empty for what is in none) and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Empty for an object that is in no namespace.
    pub namespace: Box<str>,
    /// Within the namespace.
    pub name: Box<str>,
}

impl ObjectKey {
    /// From both its parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// A `resourceVersion`. Those of one API server grow with every write, whatever the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object as it was seen, with what was kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed<T> {
    /// Which object.
    pub key: ObjectKey,
    /// Which of those that have had that name.
    pub uid: Box<str>,
    /// As of when.
    pub version: Version,
    /// What `decode` made of it.
    pub value: T,
}

/// An object that `decode` refused. It is logged and counted by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which object.
    pub key: ObjectKey,
    /// Which of those that have had that name.
    pub uid: Box<str>,
    /// As of when.
    pub version: Version,
    /// What is wrong with it.
    pub problem: String,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// As of when.
    pub version: Version,
    /// Why it was listed.
    pub reason: Relist,
    /// All that could be read.
    pub items: Vec<Observed<T>>,
    /// All that could not.
    pub malformed: Vec<Malformed>,
    /// What was there when last seen and is no more.
    pub vanished: Vec<ObjectKey>,
}

/// One object's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// It was made or changed.
    Applied(Observed<T>),
    /// It was made or changed, so that it cannot be read any more. What it said before is for the consumer to keep or drop.
    Malformed(Malformed),
    /// It is gone.
    Deleted {
        /// Which object.
        key: ObjectKey,
        /// When it went.
        version: Version,
    },
}

/// What happened since the last batch, to be applied as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch<T> {
    /// Everything there is; what is not in it is not there.
    Replace(Listing<T>),
    /// What changed, in order; never empty. A burst is one batch.
    Changes(Vec<Change<T>>),
    /// The API server does not know the kind. Sent once each time that it turns out so.
    Absent,
}

impl<T> Batch<T> {
    /// The same batch with something else kept of each object.
    pub fn map<U>(self, mut keep: impl FnMut(T) -> U) -> Batch<U> {
        let mut of = |Observed { key, uid, version, value }: Observed<T>| Observed {
            key,
            uid,
            version,
            value: keep(value),
        };
        match self {
            Self::Absent => Batch::Absent,
            Self::Replace(Listing { version, reason, items, malformed, vanished }) => {
                let items = items.into_iter().map(of).collect();
                Batch::Replace(Listing { version, reason, items, malformed, vanished })
            }
            Self::Changes(changes) => {
                let change = |change| match change {
                    Change::Applied(observed) => Change::Applied(of(observed)),
                    Change::Malformed(malformed) => Change::Malformed(malformed),
                    Change::Deleted { key, version } => Change::Deleted { key, version },
                };
                Batch::Changes(changes.into_iter().map(change).collect())
            }
        }
    }
}

/// Decodes the whole object. What is large and not needed is better left out by a type of one's own.
pub fn decode<T: DeserializeOwned>(object: &RawValue) -> Result<T, String> {
    serde_json::from_str(object.get()).map_err(|error| error.to_string())
}
