//! Secrets, and whether one of them is in what a program put out: in any of the forms in which it could get there.
//!
//! It needs nothing but the standard library, so that tests of any crate can include this file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The shortest part of a secret that counts: a part this long is no coincidence, and tells enough.
const PART: usize = 16;

/// What must never be seen. Its own `Debug` shows names alone.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Vec<Secret>,
}

#[derive(Clone)]
struct Secret {
    name: String,
    forms: BTreeSet<Vec<u8>>,
}

impl Secrets {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more; `name` is what a failure calls it.
    pub fn secret(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        assert!(value.len() >= 8, "{name} is too short to be told from other text");
        let forms = [
            value.to_vec(),
            hexadecimal(value).into_bytes(),
            hexadecimal(value).to_ascii_uppercase().into_bytes(),
            // As Rust's Debug shows octets.
            value.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes(),
            base64(value, *b"+/").into_bytes(),
            base64(value, *b"-_").into_bytes(),
        ];
        self.known.push(Secret { name: name.to_owned(), forms: forms.into() });
        self
    }

    /// The names of those that are in an output, whole or in part.
    pub fn seen_in(&self, output: impl AsRef<[u8]>) -> Vec<&str> {
        let output = output.as_ref();
        let seen = |secret: &&Secret| secret.forms.iter().any(|form| holds_part(output, form));
        self.known.iter().filter(seen).map(|secret| secret.name.as_str()).collect()
    }

    /// Fails where one is seen; `what` says in what. Neither the secret nor the output is shown.
    #[track_caller]
    pub fn check(&self, what: &str, output: impl AsRef<[u8]>) {
        let seen = self.seen_in(output);
        assert!(seen.is_empty(), "{what} shows {}", seen.join(", "));
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.known.iter().map(|secret| &secret.name)).finish()
    }
}

/// Whether a text has a form of a secret, or a part of it that is long enough.
fn holds_part(text: &[u8], form: &[u8]) -> bool {
    let part = PART.min(form.len());
    // Parts that do not overlap: a piece of twice the length holds one of them whole.
    let parts: Vec<&[u8]> = form.chunks(part).filter(|chunk| chunk.len() == part).collect();
    text.windows(part).any(|window| parts.contains(&window))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Without padding: what is padded has it inside.
fn base64(octets: &[u8], last: [u8; 2]) -> String {
    let alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last).collect();
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, index| (bits << 8) | u32::from(chunk.get(index).copied().unwrap_or(0)));
        for index in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * index)) & 63;
            let at = usize::try_from(six).expect("six bits are a usize");
            text.push(char::from(alphabet[at]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "zW8kq0bXy3nEo1LmTq7RrVtY2uPc5dSf";

    #[test]
    fn a_secret_is_found_in_any_of_its_forms() {
        let secrets =
            Secrets::new().secret("the key", KEY).secret("the salt", [7, 200, 13, 77, 250, 3, 99, 18, 1]);
        for output in [
            format!("x-api-key: {KEY}\n"),
            "level=debug key=zW8kq0bXy3nEo1LmTq7RrVtY…".to_owned(),
            format!("key={:?}", KEY.as_bytes()),
            "key=elc4a3EwYlh5M25FbzFMbVRxN1JyVnRZMnVQYzVkU2Y=".to_owned(),
            hexadecimal(KEY.as_bytes()),
        ] {
            assert_eq!(secrets.seen_in(&output), ["the key"], "{output}");
        }
        assert_eq!(secrets.seen_in("clusterSalt: B8gNTfoDYxIB"), ["the salt"]);
        assert_eq!(secrets.seen_in("salt=[7, 200, 13, 77, 250, 3, 99, 18, 1]"), ["the salt"]);
        assert_eq!(secrets.seen_in("nothing of it: zW8kq0bXy3n"), [""; 0]);
    }

    #[test]
    fn what_names_them_shows_none_of_them() {
        assert_eq!(format!("{:?}", Secrets::new().secret("the key", KEY)), r#"["the key"]"#);
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (octets, text) in [("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(octets.as_bytes(), *b"+/"), text);
        }
    }
}
