//! Asynchronous libraries for tests that are not asynchronous, and for those that are.

use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Runtime};

/// The rig's own runtime, which lives as long as the test program.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("rig")
            .enable_all()
            .build()
            .expect("a runtime can be started")
    })
}

/// Waits for a future that runs there: allowed in any thread, those of another runtime included.
pub(crate) fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = sync_channel(1);
    runtime().spawn(async move {
        // Nobody is left to be told where the test has ended meanwhile.
        let _ = sender.send(future.await);
    });
    receiver.recv().expect("the future ends with a value, for nothing aborts it")
}
