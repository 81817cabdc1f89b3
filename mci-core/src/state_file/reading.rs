//! The parts that state files are read with, for other files that have places, paths and hints in their mistakes too.
//!
//! ```text
//!  Text ─► tree ─► Node ─► Reader: values, or problems with file, line, path and hint
//! ```
//!
//! They know nothing of who uses them. What a configuration and a state file both have (zones, defaults) is read by the
//! functions here, so that it cannot be understood in two ways.

use crate::hostname::Hostname;
use crate::hostname_state::{AnswerMode, WhenAllDown};
use crate::settings::OutsideZones;
use crate::state_file::document::{self, Head, MOST_ADDRESSES, OUTSIDE_ZONES};
use crate::state_file::hostnames::{ANSWER_MODES, WHEN_ALL_DOWN};
use crate::zones::Zones;

pub use crate::state_file::clusters::time_of;
pub use crate::state_file::hostnames::ttl;
pub use crate::state_file::names::{cluster_id, hostname};
pub use crate::state_file::nearest::did_you_mean;
pub use crate::state_file::node::{Key, Node, Place, Value};
pub use crate::state_file::problem::Collected;
pub use crate::state_file::reader::{Given, Keys, Path, Reader, keys};
pub use crate::state_file::stream::tree;
pub use crate::state_file::text::{Syntax, Text};

/// Which addresses one answer has (R8): `cluster`, `single` or `all`.
pub fn answer_mode(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<AnswerMode> {
    reader.word(node, path, ANSWER_MODES)
}

/// What answers when nothing is eligible (R11): `nodata`, `any` or `static`.
pub fn when_all_down(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<WhenAllDown> {
    reader.word(node, path, WHEN_ALL_DOWN)
}

/// What answers foreign names (D11): `refused`, `nxdomain` or `notFound`.
pub fn outside_zones(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<OutsideZones> {
    reader.word(node, path, OUTSIDE_ZONES)
}

/// The most addresses in one answer (R8).
pub fn max_addresses(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<usize> {
    reader.integer(node, path, (1, MOST_ADDRESSES), "addresses in one answer")
}

/// `zones` of one source, each with its places.
#[derive(Debug, Default)]
pub struct ZoneList(Head);

impl ZoneList {
    /// Reads the list `zones`.
    pub fn read(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Self {
        let mut head = Head::default();
        head.read_zones(reader, node, path, 0);
        Self(head)
    }

    /// The mailbox of the zones that name none.
    pub fn default_responsible_email(&mut self, email: &str) {
        for zone in &mut self.0.zones {
            let entry = &mut zone.entry;
            // A zone that names one knows its place.
            if entry.responsible_email == entry.at {
                email.clone_into(&mut entry.zone.responsible_email);
            }
        }
    }

    /// The zones that were read, if they fit together; `dns_server_name` is the name server of a zone that lists none.
    pub fn check(
        mut self,
        text: &Text<'_>,
        dns_server_name: Option<&Hostname>,
        problems: &mut Collected,
        warnings: &mut Collected,
    ) -> Zones {
        self.0.settings.dns_server_name = dns_server_name.cloned();
        let report = |zone: &_, problem: &_, into: &mut _| {
            document::report_zone_in(text, &Path::Root, zone, problem, into);
        };
        let zones = self.0.zones(|zone, problem| report(zone, problem, problems));
        for problem in zones.warnings() {
            if let Some(zone) = self.0.zones.get(problem.zone) {
                report(zone, &problem, warnings);
            }
        }
        zones
    }
}
