//! Everything that a process tells when it is scraped.

use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::collector::Collector;

use super::{Format, Metrics, encode, process};
use crate::families::Families;

/// Everything that a process tells when it is scraped: of queries, where it answers any, and of its components.
#[derive(Clone, Debug)]
pub struct Exposition {
    queries: Option<Arc<Metrics>>,
    families: Vec<Families>,
}

impl Exposition {
    /// Of a process that answers DNS.
    pub fn of_queries(metrics: Arc<Metrics>) -> Self {
        Self { queries: Some(metrics), families: Vec::new() }
    }

    /// Of a process that answers none, started now; `version` is the program's.
    pub fn of_process(version: &'static str) -> Self {
        let started = SystemTime::now();
        let process = Families::new(move || process::families(version, started));
        Self { queries: None, families: vec![process] }
    }

    /// And of this component.
    pub fn and(mut self, families: Families) -> Self {
        self.families.push(families);
        self
    }

    /// As text; where it tells of queries this may take a while, see [`Metrics::text`].
    pub fn text(&self, format: Format) -> String {
        let queries = self.queries.iter().map(|metrics| Box::new(Arc::clone(metrics)) as Box<dyn Collector>);
        let families = self.families.iter().map(|families| Box::new(families.clone()) as Box<dyn Collector>);
        encode(format, queries.chain(families))
    }
}
