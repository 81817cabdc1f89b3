//! What cannot be used, as data.

use core::fmt;

use kube::{Resource, ResourceExt as _};

/// A part of an object that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object: `HostnameCache mci/h-app-…`.
    pub object: String,
    /// Where in it: `endpoints[1].addresses[0]`; empty for the object as a whole.
    pub place: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, place, what } = self;
        if place.is_empty() { write!(f, "{object}: {what}") } else { write!(f, "{object}: {place}: {what}") }
    }
}

/// What could be read, and what could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// What could be read.
    pub content: T,
    /// What could not, in the order of the object.
    pub faults: Vec<Fault>,
}

/// Collects the faults of one object.
#[derive(Debug)]
pub(super) struct Faults {
    object: String,
    faults: Vec<Fault>,
}

impl Faults {
    pub(super) fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        let name = object.name_any();
        let object = match object.namespace() {
            Some(namespace) => format!("{} {namespace}/{name}", K::kind(&())),
            None => format!("{} {name}", K::kind(&())),
        };
        Self::named(object)
    }

    /// Of what is no object of the API server yet.
    pub(super) fn named(object: String) -> Self {
        Self { object, faults: Vec::new() }
    }

    pub(super) fn one(&self, place: impl Into<String>, what: impl fmt::Display) -> Fault {
        Fault { object: self.object.clone(), place: place.into(), what: what.to_string() }
    }

    pub(super) fn add(&mut self, place: impl Into<String>, what: impl fmt::Display) {
        self.faults.push(self.one(place, what));
    }

    /// The value, or nothing and a fault.
    pub(super) fn check<T, E: fmt::Display>(
        &mut self,
        place: impl FnOnce() -> String,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|what| self.add(place(), what)).ok()
    }

    pub(super) fn with<T>(self, content: T) -> Read<T> {
        Read { content, faults: self.faults }
    }
}
