//! Names and numbers of the DNS protocol, as text and as octets.

/// The mnemonics of record types and their numbers (IANA).
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("OPT", 41),
    ("DS", 43),
    ("DNSKEY", 48),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("TKEY", 249),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("MAILA", 254),
    ("ANY", 255),
    ("CAA", 257),
];

const CLASSES: &[(&str, u16)] = &[("IN", 1), ("CH", 3), ("HS", 4), ("NONE", 254), ("ANY", 255)];

const OPCODES: &[(&str, u8)] =
    &[("QUERY", 0), ("IQUERY", 1), ("STATUS", 2), ("NOTIFY", 4), ("UPDATE", 5), ("DSO", 6)];

const RCODES: &[(&str, u16)] = &[
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("BADVERS", 16),
    ("BADCOOKIE", 23),
];

/// The number of a record type, by its mnemonic or as `TYPE123` (RFC 3597).
#[track_caller]
pub fn type_number(name: &str) -> u16 {
    number(TYPES, name)
        .or_else(|| name.strip_prefix("TYPE")?.parse().ok())
        .unwrap_or_else(|| panic!("no such record type: {name}"))
}

/// The name of a record type.
pub fn type_name(number: u16) -> String {
    name(TYPES, number).map_or_else(|| format!("TYPE{number}"), str::to_owned)
}

/// The number of a class.
#[track_caller]
pub fn class_number(name: &str) -> u16 {
    number(CLASSES, name).unwrap_or_else(|| panic!("no such class: {name}"))
}

/// The name of a class.
pub fn class_name(number: u16) -> String {
    name(CLASSES, number).map_or_else(|| format!("CLASS{number}"), str::to_owned)
}

/// The number of an opcode.
#[track_caller]
pub fn opcode_number(name: &str) -> u8 {
    number(OPCODES, name)
        .or_else(|| name.strip_prefix("OPCODE")?.parse().ok())
        .unwrap_or_else(|| panic!("no such opcode: {name}"))
}

/// The name of an opcode.
pub fn opcode_name(number: u8) -> String {
    name(OPCODES, number).map_or_else(|| format!("OPCODE{number}"), str::to_owned)
}

/// The name of a response code, extended by the OPT record where there is one.
pub fn rcode_name(number: u16) -> String {
    name(RCODES, number).map_or_else(|| format!("RCODE{number}"), str::to_owned)
}

fn number<N: Copy>(table: &[(&str, N)], wanted: &str) -> Option<N> {
    table.iter().find(|(name, _)| *name == wanted).map(|(_, number)| *number)
}

fn name<N: Copy + PartialEq>(table: &'static [(&str, N)], wanted: N) -> Option<&'static str> {
    table.iter().find(|(_, number)| *number == wanted).map(|(name, _)| *name)
}

/// A name in wire form, from its presentation form (RFC 1035 §5.1: `\.` and `\DDD`); a final dot may be left out.
#[track_caller]
pub fn name_octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut label = Vec::new();
    let mut rest = text.strip_suffix('.').filter(|rest| !rest.ends_with('\\')).unwrap_or(text).bytes();
    let mut finish = |label: &mut Vec<u8>| {
        assert!(!label.is_empty(), "an empty label in {text:?}");
        octets.push(
            u8::try_from(label.len())
                .ok()
                .filter(|length| *length < 64)
                .expect("a label of at most 63 octets"),
        );
        octets.append(label);
    };
    while let Some(octet) = rest.next() {
        match octet {
            b'.' => finish(&mut label),
            b'\\' => {
                let escaped = rest.next().expect("something is escaped");
                if escaped.is_ascii_digit() {
                    let mut digit = || u32::from(rest.next().expect("three digits") - b'0');
                    let value = u32::from(escaped - b'0') * 100 + digit() * 10 + digit();
                    label.push(u8::try_from(value).expect("an octet"));
                } else {
                    label.push(escaped);
                }
            }
            _ => label.push(octet),
        }
    }
    if !label.is_empty() {
        finish(&mut label);
    }
    octets.push(0);
    octets
}

/// One label in presentation form.
pub fn label_text(label: &[u8]) -> String {
    let mut text = String::new();
    for &octet in label {
        match octet {
            b'.' | b'\\' | b'"' | b';' => {
                text.push('\\');
                text.push(char::from(octet));
            }
            0x21..=0x7e => text.push(char::from(octet)),
            _ => text.extend(format!("\\{octet:03}").chars()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_octets() {
        assert_eq!(name_octets("."), [0]);
        assert_eq!(name_octets("aB.c."), *b"\x02aB\x01c\0");
        assert_eq!(name_octets(r"a\.b\032.z"), *b"\x04a.b \x01z\0");
    }

    #[test]
    fn labels_become_text() {
        assert_eq!(label_text(b"a.b "), r"a\.b\032");
    }

    #[test]
    fn numbers_without_a_name_are_written_as_such() {
        assert_eq!(type_name(65_280), "TYPE65280");
        assert_eq!(type_number("TYPE65280"), 65_280);
        assert_eq!(type_number(&type_name(28)), 28);
    }
}
