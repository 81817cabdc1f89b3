//! stub
use core::net::IpAddr;
/// Addresses of one answer, in the order they were drawn.
#[derive(Debug)]
pub struct Addresses<'a>(core::marker::PhantomData<&'a ()>);
impl Addresses<'_> {
    /// The addresses, all of one family, in the order that was drawn.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> { core::iter::empty() }
    /// The addresses' octets (4 or 16 each), in the same order.
    pub(crate) fn octets(&self) -> impl Iterator<Item = &[u8]> { core::iter::empty() }
    /// Seconds.
    pub fn ttl(&self) -> u32 { 0 }
}
