//! Queries as octets, and replies in the form that `dig` prints.

use std::fmt::{self, Write};
use std::str::FromStr;

use anyhow::{Context, bail};
use hickory_proto::op::{DEFAULT_MAX_PAYLOAD_LEN, Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, Record, RecordType as WireType};
use mci_core::{Hostname, Rcode, RecordType};
use serde_json::{Value, json};

/// The `INFO-CODE`s of extended errors that MCI gives (RFC 8914 §4, D30).
const EXTENDED_ERRORS: [(u16, &str); 3] = [(3, "Stale Answer"), (14, "Not Ready"), (20, "Not Authoritative")];
const EDE: u16 = 15;

/// What is asked: any DNS name, whether or not it could be held, and a type.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    name: Name,
    record_type: RecordType,
    recursive: bool,
}

impl Question {
    pub(crate) fn new(name: &str, record_type: RecordType) -> anyhow::Result<Self> {
        let mut parsed = Name::from_ascii(name).with_context(|| format!("{name:?} is no DNS name"))?;
        parsed.set_fqdn(true);
        Ok(Self { name: parsed, record_type, recursive: false })
    }

    /// The same, with recursion desired: for a resolver.
    pub(crate) fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    pub(crate) fn record_type(&self) -> RecordType {
        self.record_type
    }

    /// The name, if a hostname could have it.
    pub(crate) fn hostname(&self) -> Option<Hostname> {
        self.name.to_ascii().parse().ok()
    }

    /// A query with this `id`; recursion is not desired unless it was said, as a recursive resolver sends it.
    pub(crate) fn to_octets(&self, id: u16) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.recursive;
        message.add_query(Query::query(self.name.clone(), WireType::from(self.record_type.0)));
        let mut edns = Edns::new();
        edns.set_max_payload(DEFAULT_MAX_PAYLOAD_LEN).set_version(0);
        message.set_edns(edns);
        message.to_vec().expect("a query of one checked name fits into a message")
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_ascii();
        let name = if name == "." { "." } else { name.trim_end_matches('.') };
        write!(f, "{name} {}", self.record_type)
    }
}

/// A reply that was read.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    message: Message,
    size: usize,
}

impl Reply {
    /// Reads `octets` as the reply to the query with this `id`.
    pub(crate) fn read(octets: &[u8], id: u16) -> anyhow::Result<Self> {
        let message = Message::from_vec(octets).context("the reply is no DNS message")?;
        if message.metadata.id != id || message.metadata.message_type != MessageType::Response {
            bail!("what came back is not the reply to this query");
        }
        Ok(Self { message, size: octets.len() })
    }

    /// Whether it was cut to fit a datagram.
    pub(crate) fn is_truncated(&self) -> bool {
        self.message.metadata.truncation
    }

    /// The response code, extended bits included.
    pub(crate) fn rcode(&self) -> Rcode {
        Rcode(self.message.metadata.response_code.into())
    }

    /// The content of the answer's records, in the order of the reply.
    pub(crate) fn answers(&self) -> impl Iterator<Item = String> {
        self.message.answers.iter().map(|record| content(&record.data))
    }

    /// The records of the answer.
    pub(crate) fn answer(&self) -> Vec<Line> {
        self.message.answers.iter().map(Line::of).collect()
    }

    /// The records of the authority section.
    pub(crate) fn authority(&self) -> Vec<Line> {
        self.message.authorities.iter().map(Line::of).collect()
    }

    /// The records of the additional section.
    pub(crate) fn additional(&self) -> Vec<Line> {
        self.message.additionals.iter().map(Line::of).collect()
    }

    /// Whether the server says that it is the authority.
    pub(crate) fn is_authoritative(&self) -> bool {
        self.message.metadata.authoritative
    }

    /// Everything that was answered in one word or more, the same for answers that differ only in order: for counting.
    pub(crate) fn summary(&self) -> String {
        let mut answers: Vec<String> = self.answers().collect();
        answers.sort();
        match (self.rcode(), answers.is_empty()) {
            (Rcode::NOERROR, true) => "NODATA".to_owned(),
            (Rcode::NOERROR, false) => answers.join(" "),
            (rcode, true) => rcode_name(rcode),
            (rcode, false) => format!("{} {}", rcode_name(rcode), answers.join(" ")),
        }
    }

    fn flags(&self) -> Vec<&'static str> {
        let m = &self.message.metadata;
        [
            (true, "qr"),
            (m.authoritative, "aa"),
            (m.truncation, "tc"),
            (m.recursion_desired, "rd"),
            (m.recursion_available, "ra"),
            (m.authentic_data, "ad"),
            (m.checking_disabled, "cd"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect()
    }

    fn extended_errors(&self) -> impl Iterator<Item = u16> {
        let options = self.message.edns.iter().flat_map(|edns| edns.options().as_ref());
        options.filter_map(|(_, option)| match option {
            EdnsOption::Unknown(EDE, data) => data.first_chunk().copied().map(u16::from_be_bytes),
            _ => None,
        })
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let records = |records: &[Record]| records.iter().map(record_json).collect::<Vec<_>>();
        let queries = self.message.queries.iter();
        json!({
            "question": queries
                .map(|query| json!({"name": query.name().to_ascii(), "type": type_name(query.query_type())}))
                .collect::<Vec<_>>(),
            "status": rcode_name(self.rcode()),
            "flags": self.flags(),
            "extendedErrors": self.extended_errors().collect::<Vec<_>>(),
            "answer": records(&self.message.answers),
            "authority": records(&self.message.authorities),
            "additional": records(&self.message.additionals),
            "size": self.size,
        })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.message;
        let (status, id) = (rcode_name(self.rcode()), m.metadata.id);
        writeln!(f, ";; ->>HEADER<<- opcode: QUERY, status: {status}, id: {id}")?;
        let additional = m.additionals.len() + usize::from(m.edns.is_some());
        let (queries, answers, authorities) = (m.queries.len(), m.answers.len(), m.authorities.len());
        writeln!(
            f,
            ";; flags: {}; QUERY: {queries}, ANSWER: {answers}, AUTHORITY: {authorities}, ADDITIONAL: {additional}\n",
            self.flags().join(" ")
        )?;
        if let Some(edns) = &m.edns {
            let flags = if edns.flags().dnssec_ok { " do" } else { "" };
            writeln!(f, ";; OPT PSEUDOSECTION:")?;
            writeln!(f, "; EDNS: version: {}, flags:{flags}; udp: {}", edns.version(), edns.max_payload())?;
            for code in self.extended_errors() {
                let name =
                    EXTENDED_ERRORS.iter().find(|(known, _)| *known == code).map_or("", |(_, name)| *name);
                writeln!(f, "; EDE: {code} ({name})")?;
            }
        }
        writeln!(f, ";; QUESTION SECTION:")?;
        for query in &m.queries {
            writeln!(f, ";{}\t\t{}\t{}", query.name(), query.query_class(), type_name(query.query_type()))?;
        }
        let sections =
            [("ANSWER", &m.answers), ("AUTHORITY", &m.authorities), ("ADDITIONAL", &m.additionals)];
        for (title, records) in sections.into_iter().filter(|(_, records)| !records.is_empty()) {
            writeln!(f, "\n;; {title} SECTION:")?;
            for record in records {
                let (kind, data) = (type_name(record.record_type()), content(&record.data));
                writeln!(f, "{}\t{}\t{}\t{kind}\t{data}", record.name, record.ttl, record.dns_class)?;
            }
        }
        writeln!(f)
    }
}

impl Reply {
    /// The last line of dig's form.
    pub(crate) fn size_line(&self) -> String {
        format!(";; MSG SIZE  rcvd: {}", self.size)
    }
}

/// A record as text, names in lower case and without the final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) owner: String,
    pub(crate) record_type: RecordType,
    pub(crate) ttl: u32,
    pub(crate) data: String,
}

impl Line {
    fn of(record: &Record) -> Self {
        Self {
            owner: plain(&record.name.to_ascii()),
            record_type: RecordType(record.record_type().into()),
            ttl: record.ttl,
            data: plain(&content(&record.data)),
        }
    }
}

/// A name in the spelling that is compared.
pub(crate) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn record_json(record: &Record) -> Value {
    json!({
        "name": record.name.to_ascii(),
        "ttl": record.ttl,
        "class": record.dns_class.to_string(),
        "type": type_name(record.record_type()),
        "data": content(&record.data),
    })
}

fn rcode_name(rcode: Rcode) -> String {
    match rcode.name() {
        "OTHER" => format!("RCODE{}", rcode.0),
        name => name.to_owned(),
    }
}

fn type_name(record_type: WireType) -> String {
    RecordType(record_type.into()).to_string()
}

/// The content of a record as a zone file has it: character strings in quotes, which hickory-proto leaves out.
fn content(data: &RData) -> String {
    match data {
        RData::TXT(txt) => txt.txt_data.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" "),
        RData::HINFO(hinfo) => format!("{} {}", quoted(&hinfo.cpu), quoted(&hinfo.os)),
        RData::CAA(caa) => format!("{} {} {}", caa.flags(), caa.tag, quoted(&caa.value)),
        RData::OPT(_) => String::new(),
        other => other.to_string(),
    }
}

/// A character string, escaped as RFC 1035 §5.1 says.
fn quoted(octets: &[u8]) -> String {
    let mut text = String::from("\"");
    for &octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(octet)]),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => write!(text, "\\{octet:03}").expect("a String takes everything"),
        }
    }
    text.push('"');
    text
}

/// A record type as it is written on the command line.
pub(crate) fn record_type(text: &str) -> Result<RecordType, String> {
    RecordType::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::op::ResponseCode;
    use hickory_proto::rr::rdata::{A, HINFO, SOA, TXT};

    use super::*;

    fn reply() -> Message {
        let mut message = Message::response(7, OpCode::Query);
        message.metadata.authoritative = true;
        message.add_query(Query::query(Name::from_ascii("App.example.").unwrap(), WireType::A));
        message
    }

    fn read(message: &Message) -> Reply {
        Reply::read(&message.to_vec().unwrap(), 7).unwrap()
    }

    #[test]
    fn an_answer_has_digs_form() {
        let mut message = reply();
        let name = Name::from_ascii("App.example.").unwrap();
        for last in [2, 1] {
            let data = RData::A(A(Ipv4Addr::new(192, 0, 2, last)));
            message.add_answer(Record::from_rdata(name.clone(), 5, data));
        }
        let mut edns = Edns::new();
        edns.set_max_payload(1232).options_mut().insert(EdnsOption::Unknown(EDE, vec![0, 3]));
        message.set_edns(edns);
        let reply = read(&message);
        insta::assert_snapshot!(reply, @"
        ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 7
        ;; flags: qr aa; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1

        ;; OPT PSEUDOSECTION:
        ; EDNS: version: 0, flags:; udp: 1232
        ; EDE: 3 (Stale Answer)
        ;; QUESTION SECTION:
        ;App.example.		IN	A

        ;; ANSWER SECTION:
        App.example.	5	IN	A	192.0.2.2
        App.example.	5	IN	A	192.0.2.1
        ");
        assert_eq!(reply.summary(), "192.0.2.1 192.0.2.2", "order does not matter for counting");
    }

    #[test]
    fn a_negative_answer_has_digs_form() {
        let mut message = reply();
        message.metadata.response_code = ResponseCode::NXDomain;
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let soa = SOA::new(name("ns1.example."), name("h\\.m.example."), 9, 7200, 3600, 1_209_600, 5);
        message.add_authority(Record::from_rdata(name("example."), 5, RData::SOA(soa)));
        let reply = read(&message);
        assert_eq!(reply.summary(), "NXDOMAIN");
        let authority = reply.to_string().lines().nth(7).unwrap().to_owned();
        assert_eq!(authority, "example.\t5\tIN\tSOA\tns1.example. h\\.m.example. 9 7200 3600 1209600 5");
    }

    #[test]
    fn character_strings_are_quoted_and_escaped() {
        let txt = TXT::from_bytes(vec![b"a \"b\"\\", b"\x07"]);
        assert_eq!(content(&RData::TXT(txt)), r#""a \"b\"\\" "\007""#);
        assert_eq!(content(&RData::HINFO(HINFO::new("RFC8482".into(), String::new()))), r#""RFC8482" """#);
    }

    #[test]
    fn a_question_takes_any_dns_name_and_type() {
        let question = Question::new("a\\.b.Example", RecordType::HTTPS).unwrap();
        assert_eq!(question.to_string(), "a\\.b.Example HTTPS");
        let message = Message::from_vec(&question.to_octets(9)).unwrap();
        assert_eq!((message.metadata.id, message.metadata.recursion_desired), (9, false));
        assert_eq!(message.queries[0].query_type(), WireType::HTTPS);
        assert!(Question::new("a..b", RecordType::A).is_err());
    }

    #[test]
    fn what_is_not_the_reply_is_refused() {
        let octets = reply().to_vec().unwrap();
        assert!(Reply::read(&octets, 8).is_err());
        assert!(Reply::read(&octets[..5], 7).is_err());
        let query = Question::new("a.b", RecordType::A).unwrap().to_octets(7);
        assert!(Reply::read(&query, 7).is_err());
    }
}
