//! DNS cookies (D21; RFC 7873, RFC 9018).

/// The secrets that server cookies are made with: the first makes new ones, all are accepted.
#[derive(Clone)]
pub struct CookieSecrets {
    secrets: Vec<[u8; 16]>,
}

impl CookieSecrets {
    /// `newest` makes cookies; cookies made with it or with one of `older` are accepted.
    pub fn new(newest: [u8; 16], older: impl IntoIterator<Item = [u8; 16]>) -> Self {
        Self { secrets: core::iter::once(newest).chain(older).collect() }
    }
}

impl core::fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CookieSecrets({} secrets)", self.secrets.len())
    }
}
