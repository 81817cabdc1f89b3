//! The rules that the CRDs state in CEL, each with the sentence that a person reads when an object breaks it.
//!
//! They stand in the CRDs and nowhere else: the API server evaluates them, and so does `offline`, from the same text.

use mci_core::Ttl;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// One CEL rule of a CRD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// True for what is allowed.
    pub rule: &'static str,
    /// What is right, for whoever wrote something else.
    pub message: &'static str,
}

/// The most hostnames, overrides and fallback addresses of one GSLB: CEL over unbounded lists is refused for its cost.
pub const MAX_ITEMS: u32 = 128;
/// The longest hostname in text, with its final dot.
pub const MAX_HOSTNAME: u32 = 254;
/// The greatest priority and weight of a GSLB.
pub const MAX_NUMBER: i64 = i32::MAX as i64;

/// A letter outside ASCII is allowed: it becomes an A-label (R1).
macro_rules! label {
    () => {
        r"[0-9A-Za-z_\x{80}-\x{10FFFF}]([0-9A-Za-z_\x{80}-\x{10FFFF}-]{0,61}[0-9A-Za-z_\x{80}-\x{10FFFF}])?"
    };
}

/// A hostname, wildcard included (R1, R2).
pub const HOSTNAME: Rule = Rule {
    rule: concat!(
        r"self.matches(r'^(\*|",
        label!(),
        r")(\.",
        label!(),
        r")*\.?$') && (size(self) <= 253 || self.endsWith('.'))"
    ),
    message: "a hostname is at most 253 octets: labels of 1 to 63 letters, digits, '-' and '_' (no '-' at either end) \
              with a dot between them; '*' may only be the whole leftmost label (*.example.com)",
};

/// An address, or a name that answers as a CNAME.
pub const ADDRESS_OR_NAME: Rule = Rule {
    rule: concat!(
        r"isIP(self) || (!self.matches(r'^[0-9.]*$') && self.matches(r'^",
        label!(),
        r"(\.",
        label!(),
        r")*\.?$') && (size(self) <= 253 || self.endsWith('.')))"
    ),
    message: "an IPv4 address (192.0.2.1), an IPv6 address (2001:db8::1) without a zone, or a DNS name without '*'",
};

/// An address.
pub const ADDRESS: Rule = Rule {
    rule: "isIP(self)",
    message: "an IPv4 address (192.0.2.1) or an IPv6 address (2001:db8::1) without a zone",
};

/// A time.
pub const RFC3339: Rule = Rule {
    rule: r"self.matches(r'^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$')",
    message: "a time is written as RFC 3339 has it: 2026-07-01T18:00:00Z, or with an offset, 2026-07-01T20:00:00+02:00",
};

/// `static` needs something to answer.
pub const FALLBACK_FOR_STATIC: Rule = Rule {
    rule: "!has(self.whenAllDown) || self.whenAllDown != 'static' || (has(self.fallback) && size(self.fallback) > 0)",
    message: "whenAllDown: static needs fallback: the addresses that answer when no cluster is ready",
};

/// The fields are in one place.
pub const NOT_BOTH: Rule = Rule {
    rule: "!has(self.spec) || !(has(self.objectReference) || has(self.hostnames) || has(self.ipOverrides) || \
           has(self.priority) || has(self.weight) || has(self.ttl) || has(self.answerMode) || \
           has(self.backendPolicy) || has(self.whenAllDown) || has(self.fallback))",
    message: "the fields stand under spec or on the top level, never both: move them all to one place",
};

/// What a GSLB cannot do without, where its fields are on the top level.
pub const REQUIRED: Rule = Rule {
    rule: "has(self.spec) || (has(self.objectReference) && has(self.hostnames))",
    message: "objectReference (kind and name of the object that is exposed) and hostnames are required, under spec or on \
              the top level",
};

/// A cluster's identifier is its object's name.
pub const CLUSTER_NAME: Rule = Rule {
    rule: "size(self.metadata.name) <= 63",
    message: "the name of a Cluster is the cluster's identifier: at most 63 lower-case letters, digits, '-' and '.'",
};

pub(crate) fn hostnames_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_ITEMS,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "maxLength": MAX_HOSTNAME, "x-kubernetes-validations": [HOSTNAME]},
    })
}

pub(crate) fn overrides_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        // Manifests of the .NET application write `ipOverrides: null`.
        "nullable": true,
        "maxItems": MAX_ITEMS,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "maxLength": MAX_HOSTNAME, "x-kubernetes-validations": [ADDRESS_OR_NAME]},
    })
}

pub(crate) fn fallback_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MAX_ITEMS,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "maxLength": 64, "x-kubernetes-validations": [ADDRESS]},
    })
}

pub(crate) fn hostname_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": MAX_HOSTNAME, "x-kubernetes-validations": [HOSTNAME]})
}

pub(crate) fn time_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 64, "x-kubernetes-validations": [RFC3339]})
}

pub(crate) fn number_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_NUMBER})
}

pub(crate) fn ttl_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 0, "maximum": Ttl::MAX.seconds()})
}

pub(crate) fn reference_kind_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "enum": ["Ingress", "Service", "Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute"],
    })
}

pub(crate) fn answer_mode_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["cluster", "single", "all"]})
}

pub(crate) fn when_all_down_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["nodata", "any", "static"]})
}

pub(crate) fn backend_policy_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["any", "all"]})
}

pub(crate) fn override_state_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["drained", "down"]})
}

pub(crate) fn cluster_state_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["alive", "stale", "gone"]})
}
