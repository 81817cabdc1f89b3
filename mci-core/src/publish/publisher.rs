//! The one index of a cluster's objects.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::hostname::Hostname;
use crate::hostname_state::Endpoint;
use crate::publish::config::Config;
use crate::publish::names::{GslbName, Key, Kind};
use crate::publish::objects::Object;
use crate::publish::status::Status;
use crate::publish::update::Update;

/// The one index of a cluster's objects: fed by watches, asked for what changed.
#[derive(Clone, Debug)]
pub struct Publisher {
    config: Config,
    objects: BTreeMap<Key, Object>,
    published: BTreeMap<Hostname, Endpoint>,
    statuses: BTreeMap<GslbName, Status>,
}

impl Publisher {
    /// An index without objects.
    pub fn new(config: Config) -> Self {
        Self { config, objects: BTreeMap::new(), published: BTreeMap::new(), statuses: BTreeMap::new() }
    }

    /// Says what is published at this moment, as a new leader finds it: stamps of what stays the same are kept, what
    /// differs is in the next update, and addresses of the last leader may be held (R25).
    pub fn seed(&mut self, published: impl IntoIterator<Item = (Hostname, Endpoint)>) {
        self.published = published.into_iter().collect();
    }

    /// Replaces the configuration, while running.
    pub fn configure(&mut self, config: Config) {
        self.config = config;
    }

    /// Says whether a kind of the Gateway API is installed (R17); every kind is until this says otherwise. Objects of a
    /// kind that goes are gone.
    pub fn set_installed(&mut self, kind: Kind, installed: bool) {
        if !installed {
            self.reset(kind, []);
        }
    }

    /// An object is there, new or changed. Whether that can matter to anything.
    pub fn apply(&mut self, object: Object) -> bool {
        let key = object.key();
        self.objects.insert(key, object.clone()) != Some(object)
    }

    /// An object was deleted. Whether it was there.
    pub fn remove(&mut self, key: &Key) -> bool {
        self.objects.remove(key).is_some()
    }

    /// All objects of a kind, as a list gave them: one batch. Whether anything changed.
    pub fn reset(&mut self, kind: Kind, objects: impl IntoIterator<Item = Object>) -> bool {
        let mut before: Vec<Key> = self.objects.keys().filter(|key| key.kind == kind).cloned().collect();
        let mut changed = false;
        for object in objects {
            let key = object.key();
            before.retain(|other| *other != key);
            changed |= self.apply(object);
        }
        for key in before {
            changed |= self.remove(&key);
        }
        changed
    }

    /// Computes what the changes since the last update come to. `now` is the caller's monotonic clock, as a duration
    /// since any fixed moment; `unix` is the time that stamps what changed (D7).
    ///
    /// To be asked once every watch has its first list: what is not listed yet would look deleted.
    pub fn update(&mut self, now: Duration, unix: u32) -> Update {
        let _ = (now, unix, &self.config);
        Update::default()
    }

    /// When [`update`](Self::update) is worth asking without a change: a hold ends then (R25).
    pub fn next_due(&self) -> Option<Duration> {
        None
    }

    /// Every hostname that is published, with its endpoint, as of the last update.
    pub fn hostnames(&self) -> impl ExactSizeIterator<Item = (&Hostname, &Endpoint)> {
        self.published.iter()
    }

    /// The status of every GSLB, as of the last update.
    pub fn statuses(&self) -> impl ExactSizeIterator<Item = (&GslbName, &Status)> {
        self.statuses.iter()
    }
}
