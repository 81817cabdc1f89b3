//! Reads single values: durations, shares, addresses, globs, secrets.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mci_core::state_file::reading::{Node, Path, Reader, Value};
use mci_grpc::Listen;
use secrecy::{SecretSlice, SecretString};

use crate::serve::socket_address;

/// The longest duration that a key takes: none is sensibly longer than a month.
const LONGEST: u64 = 31 * 24 * 3_600;

/// Seconds as a number, or a number with `ms`, `s`, `m`, `h` or `d`; at least `least`.
pub(super) fn duration(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    least: Duration,
) -> Option<Duration> {
    let read = match &node.value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Value::Text(text) => parse_duration(text),
        _ => None,
    };
    let Some(read) = read else {
        let message = format_args!("expected seconds, or a duration such as 90s or 5m, found {}", node.value);
        reader.problem(path, node.at, message);
        return None;
    };
    if read < least || read > Duration::from_secs(LONGEST) {
        let message = format_args!("{} is out of range: {} to 31d", Shown(read), Shown(least));
        reader.problem(path, node.at, message);
        return None;
    }
    Some(read)
}

/// A number with `ms`, `s`, `m`, `h` or `d`; seconds where there is none.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(24 * 3_600),
        _ => None,
    }
}

/// A duration as it may be written.
struct Shown(Duration);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (seconds, 0) => write!(f, "{seconds}s"),
            _ => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}

/// A percentage, `50` or `50%`, as a part of one.
pub(super) fn share(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<f64> {
    let percent = match &node.value {
        // Whole numbers are per cent; 0.5 could be meant either way.
        Value::Integer(percent) => u8::try_from(*percent).ok().map(f64::from),
        Value::Text(text) => {
            let number = text.trim();
            let number = number.strip_suffix('%').or(number.parse::<u8>().is_ok().then_some(number));
            number.and_then(|number| number.trim_end().parse::<f64>().ok())
        }
        _ => None,
    };
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    if percent.is_none() {
        let message = format_args!("expected a percentage from 0% to 100%, found {}", node.value);
        reader.problem_with(path, node.at, message, || match &node.value {
            Value::Float(part) if (0.0..=1.0).contains(part) => Some(format!("write \"{}%\"", part * 100.0)),
            _ => None,
        });
    }
    percent.map(|percent| percent / 100.0)
}

/// One text or a list of them, each of which `parse` reads; `off` alone is none.
fn addresses<T>(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let single;
    let (list, is_list): (&[Node<'_>], bool) = if let Value::List(list) = &node.value {
        (list, true)
    } else {
        single = [node.clone()];
        (&single, false)
    };
    if let [Node { value: Value::Text(off), .. }] = list
        && off == "off"
    {
        return Some(Vec::new());
    }
    let mut found = Vec::new();
    for (index, node) in list.iter().enumerate() {
        let of_list = path.index(index);
        let path = if is_list { &of_list } else { path };
        let text = reader.text(node, path, "an address as text")?;
        match parse(text) {
            Ok(address) => found.push(address),
            Err(_) if text == "off" => {
                reader.problem(path, node.at, "off stands alone: it means no address at all");
            }
            Err(error) => {
                reader.problem(path, node.at, format_args!("{error}, or off"));
            }
        }
    }
    Some(found)
}

/// Addresses for DNS.
pub(super) fn dns(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Vec<SocketAddr>> {
    addresses(reader, node, path, |text| {
        socket_address(text, 5300).map_err(|error| format!("{text:?} is no address: {error}"))
    })
}

/// Addresses and unix sockets for gRPC.
pub(super) fn grpc(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Vec<Listen>> {
    addresses(reader, node, path, |text| Listen::from_str(text).map_err(|error| error.to_string()))
}

/// One address for HTTP, or none: `off`.
pub(super) fn http(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Vec<SocketAddr>> {
    let text = reader.text(node, path, "IP:PORT as text, or off")?;
    if text == "off" {
        return Some(Vec::new());
    }
    match socket_address(text, 8080) {
        Ok(address) => Some(vec![address]),
        Err(error) => {
            reader.problem(path, node.at, format_args!("{text:?} is no address: {error}, or off"));
            None
        }
    }
}

/// A list of texts, none of which is empty.
pub(super) fn texts(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>, what: &str) -> Vec<String> {
    let mut texts = Vec::new();
    reader.list(node, path, what, |reader, node, path| match reader.text(node, path, "a text") {
        Some("") => reader.problem(path, node.at, "it is empty"),
        Some(text) => texts.push(text.to_owned()),
        None => {}
    });
    texts
}

/// A path in the file system; not an empty one.
pub(super) fn file(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<PathBuf> {
    let text = reader.text(node, path, "the path of a file as text")?;
    if text.is_empty() {
        reader.problem(path, node.at, "expected the path of a file, found an empty text");
        return None;
    }
    Some(text.into())
}

/// An RFC 1123 label: what a namespace is called.
pub(super) fn namespace(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<String> {
    let text = reader.text(node, path, "a namespace's name as text")?;
    let of_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
    if text.len() <= 63
        && text.chars().all(of_label)
        && edge(text.chars().next())
        && edge(text.chars().next_back())
    {
        return Some(text.to_owned());
    }
    let message = format_args!(
        "{text:?} is no namespace: 1 to 63 lower-case letters, digits and '-', beginning and ending with a letter or digit"
    );
    reader.problem(path, node.at, message);
    None
}

/// Printable ASCII: what a header can carry.
pub(super) fn key(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<SecretString> {
    reader.secretly(|reader| {
        let text = reader.text(node, path, "a key as text")?;
        checked_key(text).map_err(|message| reader.problem(path, node.at, message)).ok()
    })
}

/// The same for the content of a file.
pub(super) fn checked_key(text: &str) -> Result<SecretString, &'static str> {
    match text {
        "" => Err("the key is empty"),
        text if text.bytes().all(|octet| octet.is_ascii_graphic()) => Ok(text.into()),
        _ => Err("a key is printable ASCII without spaces: a header carries it"),
    }
}

/// A salt in base64.
pub(crate) fn salt_octets(text: &str) -> Result<SecretSlice<u8>, String> {
    octets(text, None, "the salt")
}

/// Octets in base64, at least one; `len` of them where it says.
pub(super) fn octets(text: &str, len: Option<usize>, what: &str) -> Result<SecretSlice<u8>, String> {
    let octets =
        BASE64_STANDARD.decode(text.trim()).map_err(|_| format!("{what} is no base64 (RFC 4648 §4)"))?;
    match len {
        Some(len) if octets.len() != len => {
            Err(format!("{what} has {} octets, and {len} are expected", octets.len()))
        }
        _ if octets.is_empty() => Err(format!("{what} is empty")),
        _ => Ok(octets.into()),
    }
}
