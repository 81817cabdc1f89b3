//! DNS cookies (D21; RFC 7873, RFC 9018).
//!
//! ```text
//!  client cookie (8) │ version 1 (1) │ reserved (3) │ timestamp (4) │ SipHash-2-4 (8)
//!                    └───────────────── server cookie (16) ────────────────────────┘
//! ```

use core::hash::Hasher as _;
use core::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::transport::Client;

/// A client cookie with the server cookie that belongs to it, as an option's content.
pub(super) type Cookie = [u8; 24];

/// Octets of a client cookie.
const CLIENT: usize = 8;
/// The version of RFC 9018.
const VERSION: u8 = 1;
/// How old a cookie may be, in seconds (RFC 9018 §4.3).
const OLDEST: i32 = 3600;
/// How far in the future it may have been made, in seconds, since clocks differ (RFC 9018 §4.3).
const NEWEST: i32 = -300;
/// From this age on, in seconds, a good one is replaced (RFC 9018 §4.3).
const RENEWED: i32 = OLDEST / 2;

/// The secrets that server cookies are made with: the first makes new ones, all are accepted (RFC 9018 §5).
#[derive(Clone)]
pub struct CookieSecrets {
    newest: [u8; 16],
    older: Vec<[u8; 16]>,
}

impl CookieSecrets {
    /// `newest` makes cookies; cookies made with it or with one of `older` are accepted.
    ///
    /// Servers that share an address share their secrets, or each would refuse the others' cookies.
    pub fn new(newest: [u8; 16], older: impl IntoIterator<Item = [u8; 16]>) -> Self {
        Self { newest, older: older.into_iter().collect() }
    }
}

impl core::fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CookieSecrets({} secrets)", 1 + self.older.len())
    }
}

/// What a query's COOKIE option is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Its length is neither 8 nor 16 to 40 (RFC 7873 §5.2.2).
    Malformed,
    /// A client cookie alone; with the cookie to send.
    ClientOnly(Cookie),
    /// A server cookie that is not ours, or too old; with the cookie to send.
    Bad(Cookie),
    /// A good server cookie; with the cookie to send, which is the same until it is half as old as it may get.
    Good(Cookie),
}

impl Received {
    /// Judges the content of a COOKIE option.
    pub(super) fn judge(content: &[u8], client: &Client<'_>) -> Self {
        let (Some((&client_cookie, server_cookie)), 8 | 16..=40) =
            (content.split_first_chunk(), content.len())
        else {
            return Self::Malformed;
        };
        let secrets = client.cookies;
        let fresh = || {
            let [t0, t1, t2, t3] = client.now.to_be_bytes();
            make(client_cookie, [VERSION, 0, 0, 0, t0, t1, t2, t3], client.address, &secrets.newest)
        };
        if server_cookie.is_empty() {
            return Self::ClientOnly(fresh());
        }
        let (Ok(content), Some((&head, _))) =
            (Cookie::try_from(content), server_cookie.split_first_chunk::<8>())
        else {
            // Another length than ours.
            return Self::Bad(fresh());
        };
        let [version, _, _, _, t0, t1, t2, t3] = head;
        let age = serial_difference(client.now, u32::from_be_bytes([t0, t1, t2, t3]));
        if version != VERSION || !(NEWEST..=OLDEST).contains(&age) {
            return Self::Bad(fresh());
        }
        let made_with = |secret| is_equal(&make(client_cookie, head, client.address, secret), &content);
        if made_with(&secrets.newest) {
            Self::Good(if age > RENEWED { fresh() } else { content })
        } else if secrets.older.iter().any(made_with) {
            Self::Good(fresh())
        } else {
            Self::Bad(fresh())
        }
    }
}

/// `client_cookie` with its server cookie (RFC 9018 §4.4): the reserved octets count as they came.
fn make(client_cookie: [u8; CLIENT], head: [u8; 8], address: IpAddr, secret: &[u8; 16]) -> Cookie {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(&client_cookie);
    hasher.write(&head);
    // A socket for both families shows IPv4 clients as mapped addresses.
    match address.to_canonical() {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    let hash = hasher.finish().to_le_bytes();
    let mut cookie = [0; 24];
    for (octet, made) in cookie.iter_mut().zip(client_cookie.iter().chain(&head).chain(&hash)) {
        *octet = *made;
    }
    cookie
}

/// How much later `a` is than `b`, in the arithmetic of RFC 1982: the clock's 32 bits wrap.
const fn serial_difference(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

/// Compares in a time that does not tell where the first difference is.
fn is_equal(a: &Cookie, b: &Cookie) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        assert_eq!(hex.len(), 2 * N);
        core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    fn judge(content: &[u8], address: &str, now: u32, secrets: &CookieSecrets) -> Received {
        let address = address.parse().unwrap();
        Received::judge(content, &Client { address, now, cookies: secrets, over_limit: false })
    }

    #[test]
    fn d21_test_vectors_of_rfc_9018() {
        let secret = CookieSecrets::new(octets("e5e973e5a6b2a43f48e7dc849e37bfcf"), []);
        // A.1
        let first = octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        assert_eq!(
            judge(&octets::<8>("2464c4abcf10c957"), "198.51.100.100", 1_559_731_985, &secret),
            Received::ClientOnly(first)
        );
        // A.2: 40 minutes later.
        assert_eq!(
            judge(&first, "198.51.100.100", 1_559_734_385, &secret),
            Received::Good(octets("2464c4abcf10c957010000005cf7a871d4a564a1442aca77"))
        );
        // A.3: reserved octets are part of the hash; the reply of the example comes after the hour.
        let reserved = octets::<24>("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
        assert_eq!(judge(&reserved, "203.0.113.203", 1_559_727_985, &secret), Received::Good(reserved));
        assert_eq!(
            judge(&reserved, "203.0.113.203", 1_559_734_700, &secret),
            Received::Bad(octets("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"))
        );
        // A.4: made with the secret before.
        let rolled = CookieSecrets::new(
            octets("445536bcd2513298075a5d379663c962"),
            [octets("dd3bdf9344b678b185a6f5cb60fca715")],
        );
        assert_eq!(
            judge(
                &octets::<24>("22681ab97d52c298010000005cf7c57926556bd0934c72f8"),
                "2001:db8:220:1:59de:d0f4:8769:82b8",
                1_559_741_961,
                &rolled
            ),
            Received::Good(octets("22681ab97d52c298010000005cf7c609a6bb79d16625507a"))
        );
    }

    #[test]
    fn d21_a_cookie_is_good_for_an_hour_and_renewed_after_half_of_it() {
        let secrets = CookieSecrets::new([7; 16], []);
        // Around the end of the clock's 32 bits.
        let made = u32::MAX - 100;
        let Received::ClientOnly(cookie) = judge(&[1; 8], "192.0.2.1", made, &secrets) else {
            panic!("a client cookie alone")
        };
        let after = |seconds: i32| judge(&cookie, "192.0.2.1", made.wrapping_add_signed(seconds), &secrets);
        for same in [-300, 0, 1800] {
            assert_eq!(after(same), Received::Good(cookie), "{same}");
        }
        for renewed in [1801, 3600] {
            assert!(matches!(after(renewed), Received::Good(new) if new != cookie), "{renewed}");
        }
        for bad in [-301, 3601] {
            assert!(matches!(after(bad), Received::Bad(_)), "{bad}");
        }
    }

    #[test]
    fn d21_a_cookie_belongs_to_one_client() {
        let secrets = CookieSecrets::new([7; 16], []);
        let Received::ClientOnly(cookie) = judge(&[1; 8], "192.0.2.1", 1000, &secrets) else {
            panic!("a client cookie alone")
        };
        assert!(matches!(judge(&cookie, "192.0.2.2", 1000, &secrets), Received::Bad(_)));
        assert_eq!(judge(&cookie, "::ffff:192.0.2.1", 1000, &secrets), Received::Good(cookie));
        let mut other = cookie;
        other[23] ^= 1;
        assert!(matches!(judge(&other, "192.0.2.1", 1000, &secrets), Received::Bad(_)));
    }

    #[test]
    fn d21_lengths_but_8_and_16_to_40_are_malformed() {
        let secrets = CookieSecrets::new([7; 16], []);
        for len in 0..=48 {
            let received = judge(&vec![1; len], "192.0.2.1", 1000, &secrets);
            match len {
                8 => assert!(matches!(received, Received::ClientOnly(_))),
                16..=40 => assert!(matches!(received, Received::Bad(_)), "{len}"),
                _ => assert_eq!(received, Received::Malformed, "{len}"),
            }
        }
    }
}
