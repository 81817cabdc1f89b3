//! The snapshot that a server keeps on its disk, to answer from after a restart.
//!
//! It is a state file in JSON whose first key is a checksum of everything behind it:
//!
//! ```text
//! {"checksum":"0123456789abcdef",
//! "version":1,"zones":[…],…}
//! ```

use core::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::snapshot::Snapshot;
use crate::state_file::problem::Problems;
use crate::state_file::stream::Detail;
use crate::state_file::text::Text;
use crate::state_file::{UnknownKeys, read, write};

const BEFORE: &[u8] = b"{\"checksum\":\"";
const AFTER: &[u8] = b"\",\n";
/// 64 bits in hexadecimal.
const DIGITS: usize = 16;

/// The snapshot that a server keeps on its disk.
///
/// Keys that are not known are passed over, so that a server that was rolled back reads what a newer one wrote.
/// Writing it to a disk, atomically, is the caller's part.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotFile;

/// Why octets are no snapshot file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotFileError {
    /// It does not begin as one.
    #[error("the file is no snapshot file: it does not begin with a checksum")]
    NoChecksum,
    /// Something was lost or altered since it was written.
    #[error("the checksum does not match: the file was cut off or altered")]
    Damaged,
    /// It is whole, and cannot be read.
    #[error("{0}")]
    Unreadable(#[from] Problems),
}

impl SnapshotFile {
    /// A snapshot as the octets of its file.
    pub fn write(snapshot: &Snapshot) -> Vec<u8> {
        let begin = [BEFORE, &[b'0'; DIGITS], AFTER].concat();
        let length = begin.len();
        let mut octets = write::json_behind(begin, snapshot);
        // The document's own brace is where the comma's line ends: one map holds both.
        octets.remove(length);
        octets.push(b'\n');
        let checksum = checksum(octets.get(length..).unwrap_or_default());
        if let Some(digits) = octets.get_mut(BEFORE.len()..BEFORE.len() + DIGITS) {
            digits.copy_from_slice(checksum.as_bytes());
        }
        octets
    }

    /// The snapshot in a file's octets.
    pub fn read(octets: &[u8]) -> Result<Snapshot, SnapshotFileError> {
        let rest = octets.strip_prefix(BEFORE).ok_or(SnapshotFileError::NoChecksum)?;
        let (digits, rest) = rest.split_at_checked(DIGITS).ok_or(SnapshotFileError::Damaged)?;
        let content = rest.strip_prefix(AFTER).ok_or(SnapshotFileError::Damaged)?;
        if checksum(content).as_bytes() != digits {
            return Err(SnapshotFileError::Damaged);
        }
        let text = Text::from_bytes("", octets).map_err(Problems::from)?;
        let texts = [text];
        let read = read(&texts, Detail::Quick, UnknownKeys::Ignored)
            .or_else(|_| read(&texts, Detail::Places, UnknownKeys::Ignored))?;
        Ok(read.into_snapshot())
    }
}

fn checksum(octets: &[u8]) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(octets);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_file::StateFile;

    /// `content` behind its checksum.
    fn sealed(content: &str) -> Vec<u8> {
        let digits = checksum(content.as_bytes());
        [BEFORE, digits.as_bytes(), AFTER, content.as_bytes()].concat()
    }

    #[test]
    fn keys_of_a_newer_server_are_passed_over() {
        let hostname = r#"{"hostname":"a.example","future":[{}],"endpoints":[{"cluster":"west","addresses":["192.0.2.1"],"new":1}]}"#;
        let content =
            format!(r#""version":1,"tomorrow":{{"x":[1,2]}},"hostnames":[{hostname}],"late":null}}"#);
        let read = SnapshotFile::read(&sealed(&content)).unwrap();
        let plain =
            "hostnames: [{hostname: a.example, endpoints: [{cluster: west, addresses: [192.0.2.1]}]}]";
        assert_eq!(read.digest(), StateFile::parse(plain).unwrap().into_snapshot().digest());
    }

    #[test]
    fn what_is_whole_and_wrong_says_where() {
        let error = SnapshotFile::read(&sealed("\"version\":2}")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "2:11: version: 2 is out of range: the version of the format from 1 to 1"
        );
        assert!(matches!(SnapshotFile::read(&sealed("nonsense")), Err(SnapshotFileError::Unreadable(_))));
    }
}
