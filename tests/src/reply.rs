//! Replies, read octet by octet, and once more by hickory-proto, which has to understand them too.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::query::flag;
use crate::wire;

/// A reply, read. Names keep the spelling they came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message ID.
    pub id: u16,
    /// The flags of the header, opcode and response code left out.
    pub flags: u16,
    /// The opcode, such as `QUERY`.
    pub opcode: String,
    /// The response code, extended by the OPT record.
    pub rcode: String,
    /// `NAME CLASS TYPE` of each question.
    pub questions: Vec<String>,
    /// The answer section.
    pub answer: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section without the OPT record.
    pub additional: Vec<Record>,
    /// The OPT record.
    pub opt: Option<Opt>,
    /// Its size.
    pub length: usize,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Its owner name.
    pub owner: String,
    /// Its type.
    pub rtype: String,
    /// Its class.
    pub class: String,
    /// Its TTL in seconds.
    pub ttl: u32,
    /// What it holds, in presentation form.
    pub data: String,
    /// Whether the owner name is a pointer from its first octet on.
    pub compressed: bool,
}

/// An OPT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// The UDP payload size.
    pub size: u16,
    /// The version.
    pub version: u8,
    /// The flags, of which DO is the first.
    pub flags: u16,
    /// Code and data of each option.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Reply {
    /// Reads one, and says what is wrong with what is none.
    pub fn read(octets: &[u8]) -> Result<Reply, String> {
        let mut reader = Reader { octets, at: 0 };
        let id = reader.u16()?;
        let flags = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let mut questions = Vec::new();
        for _ in 0..counts[0] {
            let (name, _) = reader.name()?;
            let rtype = wire::type_name(reader.u16()?);
            questions.push(format!("{name} {} {rtype}", wire::class_name(reader.u16()?)));
        }
        let answer = reader.records(counts[1])?;
        let authority = reader.records(counts[2])?;
        let mut opt = None;
        let mut additional = Vec::new();
        for _ in 0..counts[3] {
            match reader.record()? {
                Item::Record(record) => additional.push(record),
                Item::Opt(..) if opt.is_some() => return Err("two OPT records".to_owned()),
                Item::Opt(extended, found) => opt = Some((extended, found)),
            }
        }
        if reader.at != octets.len() {
            return Err(format!("{} octets behind the end of the message", octets.len() - reader.at));
        }
        let (extended, opt) = opt.map_or((0, None), |(extended, opt)| (extended, Some(opt)));
        let reply = Reply {
            id,
            flags: flags & !0x780f,
            opcode: wire::opcode_name(u8::try_from(flags >> 11 & 0xf).expect("four bits")),
            rcode: wire::rcode_name(u16::from(extended) << 4 | flags & 0xf),
            questions,
            answer,
            authority,
            additional,
            opt,
            length: octets.len(),
        };
        reply.agrees_with_hickory(octets)?;
        Ok(reply)
    }

    /// A second reader has to see as much in it.
    fn agrees_with_hickory(&self, octets: &[u8]) -> Result<(), String> {
        let other = hickory_proto::op::Message::from_vec(octets)
            .map_err(|error| format!("hickory-proto: {error}"))?;
        let seen =
            [other.queries.len(), other.answers.len(), other.authorities.len(), other.additionals.len()];
        let ours = [self.questions.len(), self.answer.len(), self.authority.len(), self.additional.len()];
        if seen != ours {
            return Err(format!("hickory-proto reads {seen:?} records, and this reader {ours:?}"));
        }
        if other.edns.is_some() != self.opt.is_some() {
            return Err("hickory-proto disagrees on whether there is an OPT record".to_owned());
        }
        Ok(())
    }

    /// Whether a flag of the header is set.
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The answer section, each record as `OWNER TTL TYPE DATA`, sorted.
    pub fn answers(&self) -> Vec<String> {
        sorted(&self.answer)
    }

    /// The data of the records of one type in the answer section, sorted.
    pub fn data(&self, rtype: &str) -> Vec<String> {
        let mut data: Vec<String> = self
            .answer
            .iter()
            .filter(|record| record.rtype == rtype)
            .map(|record| record.data.clone())
            .collect();
        data.sort();
        data
    }

    /// The authority section, likewise.
    pub fn authorities(&self) -> Vec<String> {
        sorted(&self.authority)
    }

    /// The additional section without the OPT record, likewise.
    pub fn additionals(&self) -> Vec<String> {
        sorted(&self.additional)
    }

    /// The codes of extended errors (RFC 8914), which may have no text here.
    #[track_caller]
    pub fn extended_errors(&self) -> Vec<u16> {
        let options = self.opt.iter().flat_map(|opt| &opt.options);
        options
            .filter(|(code, _)| *code == crate::query::option::EDE)
            .map(|(_, data)| match data[..] {
                [high, low] => u16::from_be_bytes([high, low]),
                _ => panic!("an extended error with text: {data:?}"),
            })
            .collect()
    }
}

fn sorted(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<String> = records.iter().map(Record::to_string).collect();
    lines.sort();
    lines
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.class != "IN" {
            write!(f, "{} ", self.class)?;
        }
        write!(f, "{} {} {} {}", self.owner, self.ttl, self.rtype, self.data)
    }
}

impl fmt::Display for Reply {
    /// As dig would show it, for failures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            ("QR", flag::QR),
            ("AA", flag::AA),
            ("TC", flag::TC),
            ("RD", flag::RD),
            ("RA", flag::RA),
            ("Z", flag::Z),
            ("AD", flag::AD),
            ("CD", flag::CD),
        ];
        let flags: Vec<&str> =
            names.iter().filter(|(_, flag)| self.has(*flag)).map(|(name, _)| *name).collect();
        writeln!(
            f,
            "{} {} {} id {}, {} octets",
            self.opcode,
            self.rcode,
            flags.join(" "),
            self.id,
            self.length
        )?;
        for question in &self.questions {
            writeln!(f, "question   {question}")?;
        }
        let sections =
            [("answer", &self.answer), ("authority", &self.authority), ("additional", &self.additional)];
        for (name, section) in sections {
            for record in section {
                writeln!(f, "{name:<10} {record}")?;
            }
        }
        if let Some(opt) = &self.opt {
            writeln!(f, "{opt:?}")?;
        }
        Ok(())
    }
}

enum Item {
    Record(Record),
    /// The extended response code, and the rest.
    Opt(u8, Opt),
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self
            .octets
            .get(self.at..self.at + count)
            .ok_or_else(|| format!("the message ends within {count} octets from {}", self.at))?;
        self.at += count;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, String> {
        let octets = self.take(2)?;
        Ok(u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// A name, and whether it is a pointer from the start; pointers may only go back.
    fn name(&mut self) -> Result<(String, bool), String> {
        let mut labels = Vec::new();
        let mut at = self.at;
        let mut after = None;
        let compressed = self.octets.get(at).is_some_and(|length| length >> 6 == 3);
        loop {
            let length = *self.octets.get(at).ok_or("a name runs past the end")?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    let label = self.octets.get(at + 1..at + 1 + usize::from(length));
                    labels.push(wire::label_text(label.ok_or("a label runs past the end")?));
                    at += 1 + usize::from(length);
                }
                3 => {
                    let low = *self.octets.get(at + 1).ok_or("a pointer runs past the end")?;
                    after = after.or(Some(at + 2));
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    if target >= at {
                        return Err(format!("a pointer at {at} goes forward, to {target}"));
                    }
                    at = target;
                }
                _ => return Err(format!("a label of an unknown kind at {at}")),
            }
        }
        self.at = after.unwrap_or(at + 1);
        let name = if labels.is_empty() { ".".to_owned() } else { labels.join(".") + "." };
        Ok((name, compressed))
    }

    fn records(&mut self, count: u16) -> Result<Vec<Record>, String> {
        let mut records = Vec::new();
        for _ in 0..count {
            match self.record()? {
                Item::Record(record) => records.push(record),
                Item::Opt(..) => return Err("an OPT record outside the additional section".to_owned()),
            }
        }
        Ok(records)
    }

    fn record(&mut self) -> Result<Item, String> {
        let (owner, compressed) = self.name()?;
        let rtype = wire::type_name(self.u16()?);
        let class = self.u16()?;
        let ttl = self.u32()?;
        let length = usize::from(self.u16()?);
        let end = self.at + length;
        if rtype == "OPT" {
            if owner != "." {
                return Err(format!("an OPT record at {owner}"));
            }
            let mut options = Vec::new();
            while self.at < end {
                let code = self.u16()?;
                let length = usize::from(self.u16()?);
                options.push((code, self.take(length)?.to_vec()));
            }
            let [extended, version, high, low] = ttl.to_be_bytes();
            let flags = u16::from_be_bytes([high, low]);
            return Ok(Item::Opt(extended, Opt { size: class, version, flags, options }));
        }
        let data = self.data(&rtype, end)?;
        if self.at != end {
            return Err(format!("the data of a record of type {rtype} ends at {}, not {end}", self.at));
        }
        Ok(Item::Record(Record { owner, rtype, class: wire::class_name(class), ttl, data, compressed }))
    }

    fn data(&mut self, rtype: &str, end: usize) -> Result<String, String> {
        Ok(match rtype {
            "A" => <[u8; 4]>::try_from(self.take(4)?).map(Ipv4Addr::from).expect("four octets").to_string(),
            "AAAA" => {
                <[u8; 16]>::try_from(self.take(16)?).map(Ipv6Addr::from).expect("sixteen octets").to_string()
            }
            "NS" | "CNAME" | "PTR" => self.name()?.0,
            "SOA" => {
                let (mname, rname) = (self.name()?.0, self.name()?.0);
                let numbers = [self.u32()?, self.u32()?, self.u32()?, self.u32()?, self.u32()?];
                let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                format!("{mname} {rname} {}", numbers.join(" "))
            }
            "MX" => format!("{} {}", self.u16()?, self.name()?.0),
            "TXT" | "HINFO" => {
                let mut strings = Vec::new();
                while self.at < end {
                    let length = usize::from(self.u8()?);
                    strings.push(format!("\"{}\"", String::from_utf8_lossy(self.take(length)?)));
                }
                strings.join(" ")
            }
            "CAA" => {
                let flags = self.u8()?;
                let length = usize::from(self.u8()?);
                let tag = String::from_utf8_lossy(self.take(length)?).into_owned();
                let value = self.take(end.checked_sub(self.at).ok_or("a tag runs past the end")?)?;
                format!("{flags} {tag} \"{}\"", String::from_utf8_lossy(value))
            }
            _ => {
                let octets = self.take(end.checked_sub(self.at).ok_or("data runs past the end")?)?;
                octets.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply to `a.b. IN A` with the answer 192.0.2.1 for 5 s and an OPT record.
    const OCTETS: &[u8] = b"\x12\x34\x84\0\0\x01\0\x01\0\0\0\x01\x01a\x01B\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\xc0\0\x02\x01\0\0\x29\x04\xd0\0\0\x80\0\0\x06\0\x0f\0\x02\0\x03";

    #[test]
    fn a_reply_is_read_in_full() {
        let reply = Reply::read(OCTETS).unwrap();
        assert_eq!(reply.questions, ["a.B. IN A"]);
        assert_eq!(reply.answers(), ["a.B. 5 A 192.0.2.1"]);
        assert_eq!((reply.rcode.as_str(), reply.flags), ("NOERROR", flag::QR | flag::AA));
        assert_eq!(reply.extended_errors(), [3]);
        assert_eq!(reply.opt.unwrap().flags, flag::DO);
    }

    #[test]
    fn no_cut_of_a_reply_is_one() {
        for length in 0..OCTETS.len() {
            assert!(Reply::read(&OCTETS[..length]).is_err(), "{length} octets");
        }
        let longer = [OCTETS, b"\0"].concat();
        assert!(Reply::read(&longer).unwrap_err().contains("behind the end"));
    }

    #[test]
    fn pointers_that_do_not_go_back_are_refused() {
        let mut octets = OCTETS.to_vec();
        let pointer = octets.iter().position(|octet| *octet == 0xc0).unwrap();
        octets[pointer + 1] = u8::try_from(pointer).unwrap();
        assert!(Reply::read(&octets).unwrap_err().contains("goes forward"));
    }
}
