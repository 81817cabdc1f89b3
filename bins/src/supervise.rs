//! Every task has a name and someone who waits for it; nothing is spawned and forgotten.
//!
//! A *vital* task answers DNS: its unexpected end ends the process, with the reason. Any other is *kept up*: started again
//! after a pause that grows, counted, and told to whoever shows it. The first signal ends the process gracefully, the second
//! at once.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// The first pause before a task is started again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A task that ran this long begins with the first pause again.
const PROVEN: Duration = Duration::from_mins(1);
/// How long tasks may take to finish what they have begun.
const GRACE: Duration = Duration::from_secs(15);

/// Hears that a task ended that should not have.
pub(crate) trait Restarts: Send + Sync + 'static {
    /// `task` ended because of `reason` and is started again after a pause.
    fn ended(&self, task: &'static str, reason: &str);
    /// `task` has run for long enough to count as well again.
    fn recovered(&self, task: &'static str);
}

/// How the process ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that was begun was finished.
    Graceful,
    /// A second signal came, or the tasks took too long.
    Forced,
}

/// The running tasks.
pub(crate) struct Supervisor {
    tasks: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    shutdown: CancellationToken,
    restarts: Arc<dyn Restarts>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Supervisor {
    pub(crate) fn new(restarts: Arc<dyn Restarts>) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), shutdown: CancellationToken::new(), restarts }
    }

    /// Cancelled when the process is to end: tasks then finish what they have begun.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task without which DNS is not answered.
    pub(crate) fn vital(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Starts a task that is started again, by `start`, whenever it ends.
    pub(crate) fn keep_up<T>(&mut self, name: &'static str, start: impl FnMut() -> T + Send + 'static)
    where
        T: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let keeper = keep_up(name, start, self.shutdown.clone(), Arc::clone(&self.restarts));
        let handle = self.tasks.spawn(keeper);
        self.names.insert(handle.id(), name);
    }

    /// Waits for a request to end, or for the end of a vital task, which is an error.
    pub(crate) async fn run(mut self, mut stop: impl Stop) -> anyhow::Result<End> {
        let reason = tokio::select! {
            signal = stop.next() => {
                info!(signal, "Ending: finishing what was begun");
                None
            }
            Some(ended) = self.tasks.join_next_with_id() => Some(self.reason_of(ended)),
        };
        self.shutdown.cancel();
        let end = tokio::select! {
            _ = stop.next() => End::Forced,
            end = self.drain() => end,
        };
        match reason {
            Some(reason) => Err(reason),
            None => Ok(end),
        }
    }

    async fn drain(&mut self) -> End {
        let all = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                if !matches!(ended, Ok((_, Ok(())))) {
                    let reason = self.reason_of(ended);
                    error!(reason = format!("{reason:#}"), "A task failed while ending");
                }
            }
        };
        if timeout(GRACE, all).await.is_ok() {
            End::Graceful
        } else {
            warn!(seconds = GRACE.as_secs(), "Not everything that was begun was finished in time");
            End::Forced
        }
    }

    fn reason_of(&self, ended: Result<(Id, anyhow::Result<()>), JoinError>) -> anyhow::Error {
        let (id, reason) = match ended {
            Ok((id, Ok(()))) => (id, anyhow!("it ended by itself")),
            Ok((id, Err(error))) => (id, error),
            Err(error) => (error.id(), panic_of(error)),
        };
        let name = self.names.get(&id).copied().unwrap_or("a task");
        reason.context(format!("{name} ended unexpectedly"))
    }
}

async fn keep_up<T>(
    name: &'static str,
    mut start: impl FnMut() -> T,
    shutdown: CancellationToken,
    restarts: Arc<dyn Restarts>,
) -> anyhow::Result<()>
where
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut pause = FIRST_PAUSE;
    let mut ailing = false;
    loop {
        let begun = Instant::now();
        // A set of its own, so that a panic is caught and a drop ends it.
        let mut task = JoinSet::new();
        task.spawn(start());
        let ended = loop {
            tokio::select! {
                ended = task.join_next() => break ended.expect("the one task of the set has not been joined yet"),
                () = tokio::time::sleep_until(begun + PROVEN), if ailing => {
                    ailing = false;
                    pause = FIRST_PAUSE;
                    restarts.recovered(name);
                }
            }
        };
        if shutdown.is_cancelled() {
            return Ok(());
        }
        if begun.elapsed() >= PROVEN {
            pause = FIRST_PAUSE;
        }
        ailing = true;
        let reason = match ended {
            Ok(Ok(())) => anyhow!("it ended by itself"),
            Ok(Err(error)) => error,
            Err(error) => panic_of(error),
        };
        let reason = format!("{reason:#}");
        warn!(task = name, reason, pause_ms = pause.as_millis(), "A task ended and is started again");
        restarts.ended(name, &reason);
        if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
            return Ok(());
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn panic_of(error: JoinError) -> anyhow::Error {
    match error.try_into_panic() {
        Ok(panic) => {
            let message =
                panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            anyhow!("it panicked: {}", message.unwrap_or("no message"))
        }
        Err(error) => anyhow!(error),
    }
}

/// What asks the process to end.
pub(crate) trait Stop {
    /// The next request, by its name.
    async fn next(&mut self) -> &'static str;
}

/// SIGTERM and SIGINT, caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?,
        })
    }
}

impl Stop for Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;

    #[derive(Default)]
    struct Recorded(Mutex<Vec<String>>);

    impl Restarts for Recorded {
        fn ended(&self, task: &'static str, reason: &str) {
            self.0.lock().unwrap().push(format!("{task}: {reason}"));
        }
        fn recovered(&self, task: &'static str) {
            self.0.lock().unwrap().push(format!("{task} is well"));
        }
    }

    /// Requests come through a channel; when it is closed, none comes any more.
    impl Stop for Receiver<&'static str> {
        async fn next(&mut self) -> &'static str {
            match self.recv().await {
                Some(name) => name,
                None => std::future::pending().await,
            }
        }
    }

    fn supervisor() -> (Supervisor, Arc<Recorded>) {
        let recorded = Arc::new(Recorded::default());
        (Supervisor::new(Arc::<Recorded>::clone(&recorded)), recorded)
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_vital_task_ends_the_process_with_its_reason() {
        let (mut supervisor, _) = supervisor();
        supervisor.vital("DNS", async { Err(anyhow!("the socket is gone")) });
        let token = supervisor.shutdown();
        let other = Arc::new(AtomicU32::new(0));
        let finished = Arc::clone(&other);
        supervisor.vital("gRPC", async move {
            token.cancelled().await;
            finished.store(1, Ordering::Relaxed);
            Ok(())
        });
        let (_sender, stop) = channel(1);
        let reason = supervisor.run(stop).await.unwrap_err();
        assert_eq!(format!("{reason:#}"), "DNS ended unexpectedly: the socket is gone");
        assert_eq!(other.load(Ordering::Relaxed), 1, "the others finish what they have begun");
    }

    #[tokio::test(start_paused = true)]
    async fn a_vital_task_that_panics_or_just_returns_ends_the_process_too() {
        for panics in [true, false] {
            let (mut supervisor, _) = supervisor();
            supervisor.vital("DNS", async move {
                assert!(!panics, "boom");
                Ok(())
            });
            let (_sender, stop) = channel(1);
            let reason = format!("{:#}", supervisor.run(stop).await.unwrap_err());
            let why = if panics { "it panicked: boom" } else { "it ended by itself" };
            assert_eq!(reason, format!("DNS ended unexpectedly: {why}"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_tasks_are_started_again_with_growing_pauses_and_counted() {
        let (mut supervisor, recorded) = supervisor();
        let starts = Arc::new(Mutex::new(Vec::new()));
        let (begun, log) = (Instant::now(), Arc::clone(&starts));
        let token = supervisor.shutdown();
        supervisor.keep_up("metrics", move || {
            let mut log = log.lock().unwrap();
            log.push(begun.elapsed().as_millis());
            let (nth, token) = (log.len(), token.clone());
            async move {
                match nth {
                    1 => Err(anyhow!("port lost")),
                    2 => panic!("boom"),
                    3 => Ok(()),
                    _ => {
                        token.cancelled().await;
                        Ok(())
                    }
                }
            }
        });
        let (sender, stop) = channel(1);
        let running = tokio::spawn(supervisor.run(stop));
        sleep(PROVEN * 2).await;
        sender.send("SIGTERM").await.unwrap();
        assert_eq!(running.await.unwrap().unwrap(), End::Graceful);
        assert_eq!(*starts.lock().unwrap(), [0, 100, 300, 700]);
        let expected = [
            "metrics: port lost",
            "metrics: it panicked: boom",
            "metrics: it ended by itself",
            "metrics is well",
        ];
        assert_eq!(*recorded.0.lock().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_ends_at_once_and_so_does_the_end_of_patience() {
        for signals in [2, 1] {
            let (mut supervisor, _) = supervisor();
            supervisor.vital("gRPC", std::future::pending());
            let (sender, stop) = channel(2);
            for _ in 0..signals {
                sender.try_send("SIGINT").unwrap();
            }
            let begun = Instant::now();
            assert_eq!(supervisor.run(stop).await.unwrap(), End::Forced);
            assert_eq!(begun.elapsed(), if signals == 2 { Duration::ZERO } else { GRACE });
        }
    }
}
