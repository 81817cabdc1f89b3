//! Values from the environment: by our names, by those of our flags, and by those of the .NET application.
//!
//! A variable that is set and empty counts as not set. A variable of ours that is misspelt is a mistake; one that nothing
//! reads is said. Kubernetes sets variables for each Service (`MCI_FRONT_END_SERVICE_HOST`), which are neither.

use std::collections::BTreeMap;
use std::ffi::OsString;

use mci_core::state_file::Problem;
use mci_core::state_file::reading::{Collected, Key as NodeKey, Node, Place, Text, Value, did_you_mean};

use super::input::{Input, Kind, Source};
use super::keys::{self, KEYS, Key};

/// Variables of the .NET application that a process of ours has no use for, and why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[(
    "PeriodicRefreshInterval",
    "nothing is refreshed periodically here: watches are checked all the time",
)];

/// The mailbox of zones that name none: a name of the .NET application's only.
const RESPONSIBLE_EMAIL: &str = "DNSServerResponsibleEmailAddress";
/// Ports alone, of listeners on every IPv4 address.
const PORTS: &[(&str, &str)] = &[("ListenPort", "listen.http"), ("ListenGrpcPort", "listen.grpc")];
/// The namespace of the pod, where the downward API gives it.
const POD_NAMESPACE: &str = "POD_NAMESPACE";
/// Read by the programs, not by the configuration.
const NOT_OURS: &[&str] = &["MCI_CONFIG"];

/// Variables by name; never shown, since they hold secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        Self::new(std::env::vars_os())
    }

    /// Of these variables, those that are set to something.
    pub(crate) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            // What is no text is nothing that we read: replaced characters make it a mistake where it is.
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Self(variables.into_iter().filter_map(text).filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The values by our own names, then by those of the .NET application; what contradicts each other is said.
    pub(super) fn values(&self, problems: &mut Collected, warnings: &mut Collected) -> Values {
        let mut values = Values::default();
        let mut read: Vec<String> = NOT_OURS.iter().map(|name| (*name).to_owned()).collect();
        for key in KEYS {
            let names = [Some(key.variable()), key.flag_variable(), key.dotnet.map(str::to_owned)];
            let names: Vec<String> = names.into_iter().flatten().collect();
            let mut winner: Option<(&String, &str)> = None;
            for name in &names {
                let Some(value) = self.get(name) else { continue };
                match winner {
                    None => winner = Some((name, value)),
                    Some((ours, other)) if other != value => warnings.push(|| {
                        let path = key.path;
                        Problem::of(&variable(name), path, format!("{ours} says otherwise, and is taken"))
                    }),
                    Some(_) => {}
                }
                values.texts.push((key, name.clone(), value.to_owned()));
            }
            read.extend(names);
        }
        for (name, path) in PORTS {
            let Some(port) = self.get(name) else { continue };
            let key = keys::at(path).expect("a key of the table");
            match port.trim().parse::<u16>() {
                Ok(port @ 1..) => {
                    // The .NET application listens on every address.
                    values.texts.push((key, (*name).to_owned(), format!("0.0.0.0:{port}")));
                    if let Some(ours) = [Some(key.variable()), key.flag_variable()]
                        .into_iter()
                        .flatten()
                        .find(|ours| self.get(ours).is_some())
                    {
                        warnings.push(|| {
                            Problem::of(&variable(name), *path, format!("{ours} is set too, and is taken"))
                        });
                    }
                }
                _ => problems.push(|| {
                    Problem::of(
                        &variable(name),
                        *path,
                        format!("expected a port from 1 to 65535, found {port:?}"),
                    )
                }),
            }
        }
        for (name, why) in WITHOUT_EFFECT {
            if self.get(name).is_some() {
                warnings.push(|| Problem::of(&variable(name), "", format!("it has no effect: {why}")));
            }
        }
        values.responsible_email = self.get(RESPONSIBLE_EMAIL).map(str::to_owned);
        values.pod_namespace = self.get(POD_NAMESPACE).map(str::to_owned);
        self.lists(&mut values, problems, warnings);
        self.unknown(&read, problems, warnings);
        values
    }

    /// `Peers__0__Url` and its like.
    fn lists(&self, values: &mut Values, problems: &mut Collected, warnings: &mut Collected) {
        for list in LISTS {
            let mut items: BTreeMap<(u64, String), Item> = BTreeMap::new();
            for (name, value) in &self.0 {
                let Some(rest) = strip_prefix_ignoring_case(name, list.prefix) else { continue };
                match list.parse(rest) {
                    Ok((item, field)) => {
                        items.entry(item).or_default().push((name.clone(), field, value.clone()));
                    }
                    Err(hint) => problems
                        .push(|| Problem::of(&variable(name), list.key, "unknown variable").hint(hint)),
                }
            }
            if items.is_empty() {
                continue;
            }
            let ours = keys::at(list.key).expect("a key of the table").variable();
            if self.get(&ours).is_some() {
                let name = format!("{}…", list.prefix);
                warnings.push(|| {
                    Problem::of(&variable(&name), list.key, format!("{ours} is set too, and is taken"))
                });
            }
            values.lists.push((list, items.into_values().collect()));
        }
    }

    /// What begins as ours do and is none of them.
    fn unknown(&self, read: &[String], problems: &mut Collected, warnings: &mut Collected) {
        let ours = |name: &&String| name.starts_with("MCI_") && !is_service_link(name);
        for name in self.0.keys().filter(ours).filter(|name| !read.contains(name)) {
            match did_you_mean(name, read.iter().map(String::as_str)) {
                Some(hint) => {
                    problems.push(|| Problem::of(&variable(name), "", "unknown variable").hint(hint));
                }
                None => warnings.push(|| Problem::of(&variable(name), "", "nothing reads this variable")),
            }
        }
    }
}

/// How messages name a variable.
pub(super) fn variable(name: &str) -> String {
    format!("environment variable {name}")
}

/// `MCI_FRONT_END_SERVICE_HOST`, `MCI_FRONT_END_PORT_8080_TCP_ADDR`: Kubernetes sets them for each Service.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_PORT")
        || name.contains("_SERVICE_PORT")
        || name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The variables of one item: name, key in the item, value.
type Item = Vec<(String, &'static str, String)>;

/// A list that the .NET application spreads over variables.
#[derive(Debug)]
pub(super) struct ListOf {
    /// What their names begin with.
    prefix: &'static str,
    /// The key of the list.
    key: &'static str,
    /// The last part of their names, and the key that it is here; none where the value is a whole name server.
    fields: &'static [(&'static str, &'static str)],
}

const LISTS: &[ListOf] = &[
    ListOf {
        prefix: "Peers__",
        key: "peers",
        fields: &[("Identifier", "identifier"), ("Url", "url"), ("Key", "key")],
    },
    ListOf {
        prefix: "Authentication__ApiKeys__",
        key: "apiKeys",
        fields: &[("ClusterIdentifier", "clusterIdentifier"), ("Key", "key")],
    },
    ListOf { prefix: "NameserverNames__", key: "zones", fields: &[] },
];

impl ListOf {
    /// The item that a variable belongs to, and its key there; or what would be right.
    fn parse(&self, rest: &str) -> Result<((u64, String), &'static str), String> {
        let form = || match self.fields {
            [] => format!("write {}ZONE__0, {0}ZONE__1, …", self.prefix),
            fields => {
                let fields: Vec<_> = fields.iter().map(|(field, _)| *field).collect();
                format!("write {}0__{}", self.prefix, fields.join(&format!(", {}0__", self.prefix)))
            }
        };
        let (item, last) = rest.rsplit_once("__").ok_or_else(form)?;
        if self.fields.is_empty() {
            // One zone is one item, whatever the numbers of its name servers are.
            last.parse::<u64>().map_err(|_| form())?;
            return Ok(((0, item.to_ascii_lowercase()), "nameservers"));
        }
        let number = item.parse::<u64>().map_err(|_| form())?;
        let field = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(last));
        field.map(|(_, key)| ((number, String::new()), *key)).ok_or_else(|| {
            did_you_mean(last, self.fields.iter().map(|(field, _)| *field)).unwrap_or_else(form)
        })
    }

    /// The list as a file would have it. Line N of its places is the Nth of `names`.
    fn node(&self, items: &[Item]) -> (Vec<String>, Node<'static>) {
        let mut names = Vec::new();
        let mut list = Vec::new();
        for item in items {
            let first = place(names.len());
            let mut map = Vec::new();
            let mut servers: Vec<(u64, Node<'static>)> = Vec::new();
            for (name, field, value) in item {
                let at = place(names.len());
                names.push(name.clone());
                let value = Node { at, value: Value::Text(value.trim().to_owned().into()) };
                if self.fields.is_empty() {
                    let number = name.rsplit_once("__").and_then(|(_, number)| number.parse().ok());
                    servers.push((number.unwrap_or_default(), value));
                } else {
                    map.push((NodeKey { at, text: (*field).into() }, value));
                }
            }
            if self.fields.is_empty() {
                servers.sort_by_key(|(number, _)| *number);
                let zone =
                    item.first().and_then(|(name, ..)| name.get(self.prefix.len()..)?.rsplit_once("__"));
                let zone = zone.map_or("", |(zone, _)| zone).to_owned();
                let servers = servers.into_iter().map(|(_, server)| server).collect();
                let key = |text: &'static str| NodeKey { at: first, text: text.into() };
                map.push((key("name"), Node { at: first, value: Value::Text(zone.into()) }));
                map.push((key("nameservers"), Node { at: first, value: Value::List(servers) }));
            }
            list.push(Node { at: first, value: Value::Map(map) });
        }
        (names, Node { at: place(0), value: Value::List(list) })
    }
}

fn place(index: usize) -> Place {
    Place::At(u32::try_from(index + 1).unwrap_or(u32::MAX), 1)
}

fn strip_prefix_ignoring_case<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let head = name.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| name.get(prefix.len()..)).flatten()
}

/// What the environment says, in the order in which it wins.
#[derive(Default)]
pub(super) struct Values {
    texts: Vec<(&'static Key, String, String)>,
    lists: Vec<(&'static ListOf, Vec<Item>)>,
    pub(super) responsible_email: Option<String>,
    pub(super) pod_namespace: Option<String>,
}

impl Values {
    /// A source for each value.
    pub(super) fn sources<'a>(&'a self, into: &mut Vec<Source<'a>>) {
        for (_, name, value) in &self.texts {
            into.push(Source { kind: Kind::Variable(name.clone()), text: Text::new(&variable(name), value) });
        }
        for (list, items) in &self.lists {
            let (names, _) = list.node(items);
            let text = Text::new(&variable(list.prefix), "");
            into.push(Source { kind: Kind::Variables(names), text });
        }
    }

    /// Gives the values; their sources begin at `from`.
    pub(super) fn give<'a>(&'a self, input: &mut Input<'a>, from: usize) {
        let mut source = from;
        for (key, _, value) in &self.texts {
            input.give_text(key, source, value);
            source += 1;
        }
        for (list, items) in &self.lists {
            let (_, node) = list.node(items);
            input.give(list.key, source, node);
            source += 1;
        }
    }

    /// The namespace of the pod: it holds where nothing else names one.
    pub(super) fn pod_source(&self) -> Option<Source<'_>> {
        let value = self.pod_namespace.as_deref()?;
        Some(Source {
            kind: Kind::Variable(POD_NAMESPACE.to_owned()),
            text: Text::new(&variable(POD_NAMESPACE), value),
        })
    }

    /// How messages name the mailbox's variable.
    pub(super) fn responsible_email_name() -> String {
        variable(RESPONSIBLE_EMAIL)
    }
}
