//! Listening sockets: bound before anything is served, so that every mistake is told at once and at the start.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::config::Listen;
use crate::error::Error;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A connection, as accepted.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Listens; unix sockets get the permissions `mode`.
    pub(crate) fn bind(listen: &Listen, mode: u32) -> Result<Self, Error> {
        let bind = |source| Error::Bind { listen: listen.clone(), source };
        match listen {
            Listen::Tcp(address) => tcp(*address).map(Self::Tcp).map_err(bind),
            Listen::Unix(path) => {
                make_way(path)?;
                let listener = UnixListener::bind(path).map_err(bind)?;
                let file = SocketFile::new(path).map_err(bind)?;
                // Until here the process's umask holds, which only ever allows less.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(bind)?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens, with the port that was taken.
    pub(crate) fn listening(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(_, file) => Ok(Listen::Unix(file.path.clone())),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                // Replies are small, and the batch is already made.
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream, client))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the process before to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Removes the socket of a process that is gone; one that is listened on, and anything that is no socket, stays.
fn make_way(path: &Path) -> Result<(), Error> {
    let bind = |source| Error::Bind { listen: Listen::Unix(path.to_owned()), source };
    // Without the file there is nothing to do; without its folder, binding says so.
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(Error::NoSocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(bind(io::ErrorKind::AddrInUse.into())),
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "Stale socket removed");
            std::fs::remove_file(path).map_err(bind)
        }
        // Its backlog is full, so someone listens.
        Err(busy) if busy.kind() == io::ErrorKind::WouldBlock => Err(bind(io::ErrorKind::AddrInUse.into())),
        Err(other) => Err(bind(other)),
    }
}

/// The file of a unix socket, removed at the end if it is still the one that was made.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let removed = std::fs::remove_file(&self.path);
            if let Err(error) = removed {
                tracing::warn!(path = %self.path.display(), %error, "Socket not removed");
            }
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(path: &Path) -> Listen {
        Listen::Unix(path.to_owned())
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_the_new_one_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "closing a socket leaves its file");
        let listener = Listener::bind(&unix(&path), 0o640).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(listener.listening().unwrap(), unix(&path));
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_is_listened_on_is_taken_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.sock");
        let _first = Listener::bind(&unix(&path), 0o666).unwrap();
        let error = Listener::bind(&unix(&path), 0o666).unwrap_err();
        assert_eq!(error.taken(), Some(&unix(&path)), "{error}");
        assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        let error = Listener::bind(&unix(&path), 0o666).unwrap_err();
        assert!(matches!(error, Error::NoSocket { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.sock");
        let first = Listener::bind(&unix(&path), 0o666).unwrap();
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        let _second = Listener::bind(&unix(&path), 0o666).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_missing_folder_is_told_with_the_address() {
        let error = Listener::bind(&unix(Path::new("/nowhere/at/all.sock")), 0o666).unwrap_err();
        assert!(error.to_string().starts_with("cannot listen on unix:///nowhere/at/all.sock: No such file"));
        assert_eq!(error.taken(), None);
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_address() {
        let any = Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let first = Listener::bind(&any, 0).unwrap();
        let taken = first.listening().unwrap();
        let error = Listener::bind(&taken, 0).unwrap_err();
        assert_eq!(error.taken(), Some(&taken));
        assert!(error.to_string().starts_with(&format!("cannot listen on {taken}: Address already in use")));
    }
}
