//! DNS messages: octets in, octets out (rules D1 to D34).

mod cookie;
mod facts;
mod transport;

pub use self::cookie::CookieSecrets;
pub use self::facts::{Disposition, Facts};
pub use self::transport::{Client, Transport};
