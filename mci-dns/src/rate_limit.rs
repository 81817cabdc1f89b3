//! Response rate limiting: how many responses over UDP a client's network gets each second.
//!
//! A query over UDP names its sender freely, so an open server can be made to send answers to a victim. Here each network
//! (IPv4 /24, IPv6 /56) has a token bucket. It knows no sockets and no clock: time is an argument.
//!
//! The memory is one table of fixed size. An entry is one word: a tag of the network, and the instant at which its bucket
//! will be full again (the *theoretical arrival time* of the generic cell rate algorithm). So an entry whose instant has
//! passed is the same as no entry; nothing needs sweeping, and readers and writers need no lock. A network finds its entry
//! in one set of eight; a new one takes over the entry whose bucket is fullest *with what has been taken from it*, so that
//! asking in the name of many networks never gains more than the table's size allows.

use core::hash::BuildHasher;
use core::net::IpAddr;
use core::num::{NonZeroU32, NonZeroUsize};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::hash::RandomState;

/// Limits responses over UDP (off by default; for servers that the open internet can reach).
///
/// Over the limit a client with a good server cookie is answered as ever, one with a cookie that is not gets BADCOOKIE (D21),
/// and of all others one in [`slip`](Self::slip) gets an empty reply with TC=1, no larger than its query but for an OPT
/// record, so that a real client asks again over TCP. The rest get nothing. TCP is never limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Responses a second to each IPv4 /24 and IPv6 /56, and as many at once after a pause.
    pub responses_per_second: NonZeroU32,
    /// Of the responses over the limit one in so many, at random, is sent empty with TC=1: 1 sends all of them so, 0 none.
    /// Default: 2.
    pub slip: u32,
    /// How many networks are remembered, 8 octets each, rounded up to a power of two of at least eight. Default: 65,536.
    pub networks: NonZeroUsize,
}

impl RateLimit {
    /// This many responses a second to each network, and the defaults.
    pub const fn new(responses_per_second: NonZeroU32) -> Self {
        let networks = const { NonZeroUsize::new(65_536).expect("65536 is not zero") };
        Self { responses_per_second, slip: 2, networks }
    }
}

/// How many entries a network may be in: one cache line of them.
const WAYS: usize = 8;
/// The low bits of an entry are its instant, in microseconds since the start: 8.9 years of them, after which nothing is
/// limited any more. The tag is above.
const INSTANT_BITS: u32 = 48;
const INSTANT_MASK: u64 = (1 << INSTANT_BITS) - 1;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// The buckets of all networks.
#[derive(Debug)]
pub(crate) struct Limiter<H = RandomState> {
    sets: Box<[Set]>,
    hasher: H,
    /// Microseconds for each response.
    interval: u64,
    /// How far ahead of now an instant may be before its bucket is empty.
    tolerance: u64,
}

/// Where a network's entry is, or what it would take over.
struct Place<'a> {
    entry: &'a AtomicU64,
    old: u64,
}

impl<H: BuildHasher> Limiter<H> {
    /// An empty table. `hasher` is keyed at random, or networks could be chosen to fall together.
    pub(crate) fn new(limit: RateLimit, hasher: H) -> Self {
        let sets = limit.networks.get().div_ceil(WAYS).next_power_of_two();
        let rate = u64::from(limit.responses_per_second.get());
        let interval = 1_000_000_u64.div_ceil(rate);
        Self {
            sets: core::iter::repeat_with(Set::default).take(sets).collect(),
            hasher,
            interval,
            tolerance: interval * (rate - 1),
        }
    }

    /// Whether `client`'s network has no response left at `now`, the time since the start. Takes nothing.
    pub(crate) fn is_over(&self, client: IpAddr, now: Duration) -> bool {
        let now = micros(now);
        let (set, tag) = self.set_and_tag(client);
        find(set, tag).old & INSTANT_MASK > now.saturating_add(self.tolerance)
    }

    /// Takes one response of `client`'s network at `now`, the time since the start; false if there was none left.
    pub(crate) fn take(&self, client: IpAddr, now: Duration) -> bool {
        let now = micros(now);
        let (set, tag) = self.set_and_tag(client);
        loop {
            let Place { entry, old } = find(set, tag);
            let instant = (old & INSTANT_MASK).max(now);
            if instant > now.saturating_add(self.tolerance) {
                return false;
            }
            let new = (tag << INSTANT_BITS) | (instant + self.interval).min(INSTANT_MASK);
            if entry.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the mask is below the length, a power of two")]
    fn set_and_tag(&self, client: IpAddr) -> (&Set, u64) {
        let hash = self.hasher.hash_one(network(client));
        let mask = self.sets.len() - 1;
        // On 32 bits the low half is as good.
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is what is wanted")]
        let index = hash as usize & mask;
        (&self.sets[index], hash >> INSTANT_BITS)
    }
}

fn find(set: &Set, tag: u64) -> Place<'_> {
    let [first, rest @ ..] = &set.0;
    let mut fullest = Place { entry: first, old: first.load(Ordering::Relaxed) };
    if fullest.old >> INSTANT_BITS == tag {
        return fullest;
    }
    for entry in rest {
        let old = entry.load(Ordering::Relaxed);
        if old >> INSTANT_BITS == tag {
            return Place { entry, old };
        }
        if old & INSTANT_MASK < fullest.old & INSTANT_MASK {
            fullest = Place { entry, old };
        }
    }
    fullest
}

/// The network that shares a bucket: an IPv4 /24 or an IPv6 /56, as a number of its own.
fn network(client: IpAddr) -> u64 {
    match client {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
        // The high 56 bits, and a mark above what IPv4 uses.
        IpAddr::V6(address) => {
            let high = u64::try_from(address.to_bits() >> 64).expect("64 bits are left");
            high >> 8 | 1 << 63
        }
    }
}

fn micros(now: Duration) -> u64 {
    u64::try_from(now.as_micros()).unwrap_or(INSTANT_MASK).min(INSTANT_MASK)
}

#[cfg(test)]
mod tests {
    use core::hash::{BuildHasherDefault, Hasher};
    use core::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    /// The same on every run; spreads well enough for a test.
    #[derive(Default)]
    struct Mix(u64);

    impl Hasher for Mix {
        fn write(&mut self, _: &[u8]) {
            unreachable!("networks are hashed as numbers");
        }
        fn write_u64(&mut self, n: u64) {
            let x = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            self.0 = x ^ (x >> 31);
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }

    fn limiter(rate: u32, networks: usize) -> Limiter<BuildHasherDefault<Mix>> {
        let mut limit = RateLimit::new(NonZeroU32::new(rate).unwrap());
        limit.networks = NonZeroUsize::new(networks).unwrap();
        Limiter::new(limit, BuildHasherDefault::default())
    }

    fn v4(text: &str) -> IpAddr {
        IpAddr::V4(text.parse::<Ipv4Addr>().unwrap())
    }

    fn v6(text: &str) -> IpAddr {
        IpAddr::V6(text.parse::<Ipv6Addr>().unwrap())
    }

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_second_of_responses_at_once_and_then_the_rate() {
        let limiter = limiter(5, 1024);
        let client = v4("192.0.2.1");
        let taken = (0..20).filter(|_| limiter.take(client, ms(0))).count();
        assert_eq!(taken, 5);
        assert!(limiter.is_over(client, ms(199)));
        assert!(!limiter.is_over(client, ms(200)));
        assert!(limiter.take(client, ms(200)));
        assert!(!limiter.take(client, ms(200)));
        // A long pause fills the bucket, and no more than that.
        let taken = (0..20).filter(|_| limiter.take(client, ms(60_000))).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn looking_takes_nothing() {
        let limiter = limiter(1, 1024);
        let client = v4("192.0.2.1");
        for _ in 0..10 {
            assert!(!limiter.is_over(client, ms(0)));
        }
        assert!(limiter.take(client, ms(0)));
        assert!(limiter.is_over(client, ms(0)));
    }

    #[test]
    fn a_network_is_an_ipv4_24_or_an_ipv6_56() {
        for (one, other, same) in [
            (v4("192.0.2.1"), v4("192.0.2.255"), true),
            (v4("192.0.2.1"), v4("192.0.3.1"), false),
            (v6("2001:db8:0:ff::1"), v6("2001:db8:0:1::ffff"), true),
            (v6("2001:db8:0:ff::1"), v6("2001:db8:0:100::1"), false),
            (v4("0.0.0.1"), v6("::1"), false),
        ] {
            assert_eq!(network(one) == network(other), same, "{one} and {other}");
        }
    }

    #[test]
    fn one_response_a_second_is_a_rate_too() {
        let limiter = limiter(1, 8);
        let client = v4("192.0.2.1");
        let sent = (0..10_000).filter(|&at| limiter.take(client, ms(at))).count();
        assert_eq!(sent, 10);
    }

    #[test]
    fn the_memory_is_what_was_asked_for_and_stays_so() {
        let limiter = limiter(10, 1000);
        assert_eq!(limiter.sets.len() * WAYS, 1024);
        for n in 0..100_000_u32 {
            limiter.take(IpAddr::V4(Ipv4Addr::from_bits(n << 8)), ms(0));
        }
        assert_eq!(limiter.sets.len() * WAYS, 1024);
    }

    #[test]
    fn a_network_that_asks_little_is_not_hurt_by_a_flood_in_the_name_of_another() {
        let limiter = limiter(10, 65_536);
        let (victim, neighbour) = (v4("192.0.2.1"), v4("198.51.100.1"));
        for at in 0..10_000 {
            limiter.take(victim, ms(at));
            if at % 500 == 0 {
                assert!(limiter.take(neighbour, ms(at)), "at {at} ms");
            }
        }
    }

    #[test]
    fn threads_together_take_no_more_than_one() {
        let limiter = limiter(1000, 64);
        let client = v4("192.0.2.1");
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| limiter.take(client, ms(0))).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1000);
    }

    proptest! {
        /// However the queries of one network fall, no window has more than its rate and one bucket.
        #[test]
        fn no_window_has_more_than_its_rate_and_one_bucket(
            rate in 1..200_u32,
            steps in prop::collection::vec(0..50_u64, 1..400),
        ) {
            let limiter = limiter(rate, 64);
            let client = v4("192.0.2.1");
            let mut at = 0;
            let mut sent = Vec::new();
            for step in steps {
                at += step;
                let over = limiter.is_over(client, ms(at));
                let taken = limiter.take(client, ms(at));
                prop_assert_ne!(over, taken);
                if taken {
                    sent.push(at);
                }
            }
            for (i, &from) in sent.iter().enumerate() {
                for (j, &to) in sent.iter().enumerate().skip(i) {
                    let allowed = u64::from(rate) + (to - from) * u64::from(rate) / 1000;
                    prop_assert!((j - i + 1) as u64 <= allowed, "{} in {} ms", j - i + 1, to - from);
                }
            }
        }

        /// However many networks are named, the table bounds what is sent in all their names together.
        #[test]
        fn many_networks_together_get_no_more_than_the_table_holds(
            rate in 1..20_u32,
            networks in prop::collection::vec(any::<u32>(), 1..3000),
        ) {
            let limiter = limiter(rate, 16);
            let sent = networks
                .iter()
                .filter(|&&n| limiter.take(IpAddr::V4(Ipv4Addr::from_bits(n)), ms(0)))
                .count();
            prop_assert!(sent <= 16 * rate as usize, "{sent} sent");
        }

        /// A network alone in the table gets all that its rate allows.
        #[test]
        fn below_its_rate_a_network_is_never_limited(rate in 1..100_u32, start in 0..1_000_000_u64) {
            let limiter = limiter(rate, 64);
            let client = v6("2001:db8::1");
            for n in 0..u64::from(rate) * 3 {
                let now = Duration::from_micros(start + n * 1_000_000_u64.div_ceil(u64::from(rate)));
                prop_assert!(limiter.take(client, now));
            }
        }
    }
}
