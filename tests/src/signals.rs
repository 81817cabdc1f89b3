//! The end that a person asks for: Ctrl-C, or SIGTERM.

use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// Hears when it is to end: at once, so that a signal while clusters start leaves nothing behind either.
pub fn end() -> io::Result<Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let (sender, receiver) = channel();
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Nobody is left to be told where it ended by itself.
        let _ = sender.send(());
    });
    Ok(receiver)
}
