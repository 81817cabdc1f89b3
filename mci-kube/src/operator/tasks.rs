//! Tasks that have a name and somebody who waits for them.

use std::collections::HashMap;

use tokio::task::{AbortHandle, Id, JoinSet};

/// Running tasks, none of which is to end by itself.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A task that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) task: &'static str,
    /// Nothing where it returned; otherwise how it panicked.
    pub(super) panic: Option<String>,
}

impl Tasks {
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> AbortHandle {
        let handle = self.set.spawn(task);
        self.names.insert(handle.id(), name);
        handle
    }

    /// Waits for the next end; tasks that were aborted on purpose are passed over. Never, while nothing ends.
    pub(super) async fn ended(&mut self) -> Ended {
        loop {
            let (id, panic) = match self.set.join_next_with_id().await {
                None => return std::future::pending().await,
                Some(Ok((id, ()))) => (id, None),
                Some(Err(error)) => (error.id(), Some(error)),
            };
            let task = self.names.remove(&id).unwrap_or("unknown");
            match panic {
                Some(error) if error.is_cancelled() => {}
                Some(error) => return Ended { task, panic: Some(error.to_string()) },
                None => return Ended { task, panic: None },
            }
        }
    }

    /// Ends all of them where they are.
    pub(super) fn abort(&mut self) {
        self.set.abort_all();
    }

    /// Waits until all have ended; says which one panicked, if one did.
    pub(super) async fn finish(&mut self) -> Option<Ended> {
        let mut first = None;
        while !self.set.is_empty() {
            let Some(joined) = self.set.join_next_with_id().await else { break };
            if let Err(error) = joined
                && error.is_panic()
            {
                let task = self.names.get(&error.id()).copied().unwrap_or("unknown");
                first.get_or_insert(Ended { task, panic: Some(error.to_string()) });
            }
        }
        first
    }
}
