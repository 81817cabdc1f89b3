//! Runs the streams of a connection in the task of the connection, where they are done in one go.
//!
//! ```text
//!  poll ──► HTTP/2: reads, and hands every stream that arrived to `Batched` ──► batch
//!           batch: each stream is polled once; a query that arrived whole is answered by that
//!  ◄─────── HTTP/2 again: all replies leave in one write
//! ```
//!
//! So a query costs neither a task nor a trip through the scheduler. Answering while HTTP/2 still hands out streams would
//! be worse than tasks: it flushes before each stream, so every reply would be a write of its own.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hyper::rt::Executor;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// The streams that arrived during the poll that goes on: filled and emptied within one call of [`poll`].
    static BATCH: RefCell<Vec<Stream>> = const { RefCell::new(Vec::new()) };
}

/// Takes the streams of a connection that is polled by [`poll`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batched;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Batched {
    fn execute(&self, stream: F) {
        BATCH.with_borrow_mut(|batch| batch.push(Box::pin(stream)));
    }
}

/// Polls a connection whose executor is [`Batched`], and the streams that it brings.
pub(crate) fn poll<C: Future>(mut connection: Pin<&mut C>, context: &mut Context<'_>) -> Poll<C::Output> {
    loop {
        let polled = connection.as_mut().poll(context);
        let mut batch = BATCH.take();
        let nothing_came = batch.is_empty();
        batch.drain(..).for_each(run);
        // Its room serves again.
        BATCH.set(batch);
        if nothing_came || polled.is_ready() {
            return polled;
        }
    }
}

/// Polls a stream once, and spawns it if it has to wait: for the rest of its message, for flow control, in a health
/// watch. Its task ends with the connection, which wakes every stream when it is dropped.
fn run(mut stream: Stream) {
    // What waits is polled again by its task, which then leaves its own waker.
    let mut first = Context::from_waker(Waker::noop());
    match catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll(&mut first))) {
        Ok(Poll::Ready(())) => {}
        Ok(Poll::Pending) => drop(tokio::spawn(stream)),
        // As in a task: this stream is reset, the connection's others are not.
        Err(_) => tracing::error!("A query panicked"),
    }
}
