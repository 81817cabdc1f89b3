//! State files: what is true at a moment, as YAML or JSON (`docs/state-file.md`).
//!
//! ```text
//!  octets ─► text ─► stream: json | yaml ─► node, hostname by hostname ─► reader ─► document ─► Snapshot
//!              (UTF-8, format)                (one tree for both)         (keys)    (all files)
//! ```
//!
//! The first pass is quick: it stops at the first mistake. Only then is everything read once more, slowly and with
//! every place, so that all mistakes are listed. Both go through one reader, which therefore cannot disagree with
//! itself.

#![cfg_attr(
    not(feature = "policy"),
    allow(dead_code, reason = "policy files and patches are read with the same parts")
)]

pub(crate) mod clusters;
pub(crate) mod document;
pub(crate) mod hostnames;
mod json;
pub(crate) mod names;
pub(crate) mod nearest;
pub(crate) mod node;
pub(crate) mod problem;
pub(crate) mod reader;
pub mod reading;
mod snapshot_file;
pub(crate) mod stream;
pub(crate) mod text;
mod write;
mod yaml;
mod zones;

use core::ops::ControlFlow;

use crate::snapshot::Snapshot;
use crate::state_file::document::{Body, Head};
use crate::state_file::node::{Node, Place, Value};
use crate::state_file::problem::Collected;
use crate::state_file::reader::{Path, Reader};
use crate::state_file::stream::{Detail, End, Met, Reach};
use crate::state_file::text::{Format, Text};

pub use crate::state_file::nearest::nearest;
pub use crate::state_file::problem::{Problem, Problems};
pub use crate::state_file::snapshot_file::{SnapshotFile, SnapshotFileError};

/// A state that was read from one or several files, and found right.
///
/// ```
/// use mci_core::{Query, RecordType, state_file::StateFile};
/// let snapshot = StateFile::parse("
/// zones: [{name: gslb.example.com, nameservers: [ns1.example.net, ns2.example.net]}]
/// hostnames:
///   - hostname: app.gslb.example.com
///     endpoints: [{cluster: west, addresses: [192.0.2.10]}]
/// ")?.into_snapshot();
/// let query = Query::new("app.gslb.example.com".parse().unwrap(), RecordType::A);
/// assert_eq!(snapshot.possible(&query).to_string(), "west");
///
/// let problems = StateFile::parse("hostnames: [{hostnam: app.example.com}]").unwrap_err();
/// assert!(problems.to_string().contains("did you mean \"hostname\"?"));
/// # Ok::<(), mci_core::state_file::Problems>(())
/// ```
#[derive(Clone, Debug)]
pub struct StateFile {
    snapshot: Snapshot,
    warnings: Vec<Problem>,
    lists_clusters: bool,
}

impl StateFile {
    /// Reads one text: JSON if it begins with `{`, else YAML.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        Self::parse_all([("", text.as_bytes())])
    }

    /// Reads files that belong together, by their names and octets: zones, clusters and hostnames of all of them.
    ///
    /// Every mistake in every file is listed. What stands in two files is one: a zone, a cluster or a hostname a
    /// second time, or a default with another value.
    pub fn parse_all<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Problems> {
        let mut problems = Collected::default();
        let mut texts = Vec::new();
        for (name, bytes) in files {
            match Text::from_bytes(name, bytes) {
                Ok(text) => texts.push(text),
                Err(problem) => problems.push(|| problem),
            }
        }
        if problems.is_empty() {
            match read(&texts, Detail::Quick, UnknownKeys::Refused) {
                Ok(read) => return Ok(read),
                Err(first) => {
                    // The slow pass finds at least the same; were it not so, the first would be all there is to say.
                    read_all_mistakes(&texts, &mut problems);
                    if problems.is_empty() {
                        problems.extend(first);
                    }
                }
            }
        } else {
            read_all_mistakes(&texts, &mut problems);
        }
        Err(problems.into_problems())
    }

    /// What the files say, ready to answer.
    pub fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }

    /// What is allowed and probably not meant, such as a zone with a single name server.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Whether the files list the clusters that there are, so that any other name is a mistake.
    pub fn lists_clusters(&self) -> bool {
        self.lists_clusters
    }

    /// A snapshot as a state file in YAML, for people; it reads back as the same snapshot.
    pub fn write_yaml(snapshot: &Snapshot) -> String {
        write::yaml(snapshot)
    }

    /// A snapshot as a state file in JSON, for programs; it reads back as the same snapshot.
    pub fn write_json(snapshot: &Snapshot) -> String {
        write::json(snapshot)
    }
}

/// What becomes of a key that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnknownKeys {
    Refused,
    /// A newer program wrote them (snapshot files).
    Ignored,
}

/// Reads all texts once more for every mistake.
fn read_all_mistakes(texts: &[Text<'_>], problems: &mut Collected) {
    let mut all = Vec::new();
    for text in texts {
        all.push(repaired(text, problems).unwrap_or_else(|| text.clone()));
    }
    if let Err(more) = read(&all, Detail::Places, UnknownKeys::Refused) {
        problems.extend(more);
    }
}

/// A text in which unquoted stars, which are reported, do not hide what follows; nothing where there are none.
pub(crate) fn repaired(text: &Text<'_>, problems: &mut Collected) -> Option<Text<'static>> {
    let mut warnings = Collected::default();
    let mut reader = Reader::new(text, Detail::Places, problems, &mut warnings);
    match text.format {
        Format::Json => None,
        Format::Yaml => yaml::without_stars(text, |syntax| reader.syntax(syntax)),
    }
}

/// One reading of all files.
fn read(texts: &[Text<'_>], detail: Detail, unknown_keys: UnknownKeys) -> Result<StateFile, Problems> {
    match read_as_far(texts, detail, unknown_keys, Reach::UntilHostnames) {
        Some(result) => result,
        // Something follows `hostnames`: the first pass has to read over them.
        None => read_as_far(texts, detail, unknown_keys, Reach::All)
            .expect("a first pass that reads everything misses no key"),
    }
}

/// The same where the first pass reads so far; nothing where that was not far enough.
fn read_as_far(
    texts: &[Text<'_>],
    detail: Detail,
    unknown_keys: UnknownKeys,
    reach: Reach,
) -> Option<Result<StateFile, Problems>> {
    let mut problems = Collected::default();
    let mut warnings = Collected::default();
    let ignore = unknown_keys == UnknownKeys::Ignored;
    let mut head = Head::default();
    let mut broken = vec![false; texts.len()];
    for ((file, text), broken) in texts.iter().enumerate().zip(&mut broken) {
        let mut reader = Reader::new(text, detail, &mut problems, &mut warnings).unknown_keys_pass(ignore);
        match stream::head(text, detail, reach) {
            Ok(stream::Head::Map(entries)) => {
                head.read(&mut reader, &entries, &Path::Root, file);
            }
            Ok(stream::Head::Other(value)) => {
                *broken = true;
                not_a_state(&mut reader, &value);
            }
            Err(syntax) => {
                *broken = true;
                reader.syntax(syntax);
            }
        }
    }
    let zones = head.zones(|zone, problem| document::report_zone(texts, zone, problem, &mut problems));
    if detail == Detail::Quick && !problems.is_empty() {
        return Some(Err(problems.into_problems()));
    }
    for problem in zones.warnings() {
        if let Some(zone) = head.zones.get(problem.zone) {
            document::report_zone(texts, zone, &problem, &mut warnings);
        }
    }
    let mut body = Body::new(&head, zones, detail);
    for (text, broken) in texts.iter().zip(broken) {
        if broken {
            continue;
        }
        let mut reader = Reader::new(text, detail, &mut problems, &mut warnings).unknown_keys_pass(ignore);
        let end = stream::body(text, detail, reach, |met| meet(&mut body, &mut reader, &met));
        match end {
            Ok(End::Read) => {}
            Ok(End::LateKey) => return None,
            Err(syntax) => reader.syntax(syntax),
        }
    }
    let result = if problems.is_empty() {
        let (lists_clusters, warnings) = (head.lists_clusters(), warnings.into_vec());
        Ok(StateFile { snapshot: body.build(), warnings, lists_clusters })
    } else {
        Err(problems.into_problems())
    };
    Some(result)
}

fn meet(body: &mut Body, reader: &mut Reader<'_>, met: &Met<'_, '_>) -> ControlFlow<()> {
    let list = Path::Root.key("hostnames");
    match met {
        Met::Hostname(index, node) => return body.read(reader, node, &list.index(*index)),
        Met::NotAList(key, value) => {
            reader.problem(&list, key.at, format_args!("expected a list of hostnames, found {value}"));
        }
        Met::Twice(key) => reader.problem(&list, key.at, "the key stands here a second time"),
    }
    ControlFlow::Continue(())
}

fn not_a_state(reader: &mut Reader<'_>, value: &Value<'_>) {
    match value {
        Value::Null => reader.problem_with(&Path::Root, Place::Unknown, "the file is empty", || {
            Some("a state file has `zones` and `hostnames`; `mci init` writes one".to_owned())
        }),
        other => reader.problem(
            &Path::Root,
            Place::At(1, 1),
            format_args!("expected a map with keys such as zones, clusters and hostnames, found {other}"),
        ),
    }
}

/// A state that stands below `path` of another file.
pub(crate) fn read_tree(
    text: &Text<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    problems: &mut Collected,
) -> Option<Snapshot> {
    let mut warnings = Collected::default();
    let before = problems.count();
    let mut reader = Reader::new(text, Detail::Places, problems, &mut warnings);
    let Value::Map(entries) = &node.value else {
        reader.unexpected(path, node, "the name of a state file, or a state itself");
        return None;
    };
    let mut head = Head::default();
    let list = head.read(&mut reader, entries, path, 0);
    let zones = head.zones(|zone, problem| document::report_zone_in(text, path, zone, problem, problems));
    let mut body = Body::new(&head, zones, Detail::Places);
    let mut reader = Reader::new(text, Detail::Places, problems, &mut warnings);
    if let Some(list) = list {
        reader.list(list, &path.key("hostnames"), "a list of hostnames", |reader, node, path| {
            // In this pass nothing breaks off.
            let _ = body.read(reader, node, path);
        });
    }
    (problems.count() == before).then(|| body.build())
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::state_file::reader::Keys;

    /// The keys of one kind of map that the page does not name.
    pub(crate) fn undocumented<K: Keys>(page: &str) -> Vec<&'static str> {
        let keys = K::ALL.iter().map(|(key, _)| *key);
        keys.filter(|key| !page.contains(&format!("`{key}`"))).collect()
    }

    #[test]
    fn every_key_is_in_the_documentation() {
        use crate::state_file::{clusters, document, hostnames, zones};
        let page = include_str!("../../../docs/state-file.md");
        let undocumented = [
            undocumented::<document::TopKey>(page),
            undocumented::<document::DefaultsKey>(page),
            undocumented::<zones::ZoneKey>(page),
            undocumented::<zones::NameServerKey>(page),
            undocumented::<zones::RecordKey>(page),
            undocumented::<clusters::ClusterKey>(page),
            undocumented::<clusters::OverrideKey>(page),
            undocumented::<hostnames::HostnameKey>(page),
            undocumented::<hostnames::EndpointKey>(page),
        ];
        assert_eq!(undocumented.concat(), ["addresses"; 0]);
    }
}
