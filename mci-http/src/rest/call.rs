//! Which call a path means: each part of it matches in any case, with or without a slash at the end.

use axum::http::Method;

/// The calls that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Call {
    Heartbeat,
    Host,
    Auth,
    Salt,
    Liveness,
    Ready,
    Peer,
}

impl Call {
    pub(super) const ALL: [Self; 7] =
        [Self::Heartbeat, Self::Host, Self::Auth, Self::Salt, Self::Liveness, Self::Ready, Self::Peer];

    /// The call at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        Self::ALL.into_iter().find(|call| call.as_str().eq_ignore_ascii_case(path))
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "/Heartbeat",
            Self::Host => "/Host",
            Self::Auth => "/Authentication/Auth",
            Self::Salt => "/Authentication/Salt",
            Self::Liveness => "/Healthz/Liveness",
            Self::Ready => "/Healthz/Ready",
            Self::Peer => "/api/v1/peer",
        }
    }

    /// A salt is chance alone, and health is nobody's secret; all else is for those who are known.
    pub(super) const fn needs_key(self) -> bool {
        match self {
            Self::Heartbeat | Self::Host | Self::Auth | Self::Peer => true,
            Self::Salt | Self::Liveness | Self::Ready => false,
        }
    }

    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::Heartbeat => "POST",
            Self::Host => "GET, POST",
            Self::Auth | Self::Salt | Self::Liveness | Self::Ready | Self::Peer => "GET",
        }
    }

    pub(super) fn allows(self, method: &Method) -> bool {
        // A probe may ask for the head alone.
        let asked = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.methods().split(", ").any(|allowed| allowed == asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_in_any_case() {
        for (path, call) in [
            ("/Heartbeat", Some(Call::Heartbeat)),
            ("/HEARTBEAT", Some(Call::Heartbeat)),
            ("/host/", Some(Call::Host)),
            ("/authentication/AUTH", Some(Call::Auth)),
            ("/healthz/ready", Some(Call::Ready)),
            ("/API/v1/Peer", Some(Call::Peer)),
            ("/host//", None),
            ("/hosts", None),
            ("/", None),
        ] {
            assert_eq!(Call::at(path), call, "{path}");
        }
    }
}
