//! The flags that say what keys of the configuration say, made from the table of keys.

use std::ffi::OsString;

use clap::builder::OsStringValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use secrecy::{ExposeSecret, SecretString};

use super::keys::{Component, Flag, KEYS, Key};

/// The operator.
pub(crate) const OPERATOR: u8 = 0;
/// The orchestrator.
pub(crate) const ORCHESTRATOR: u8 = 1;
/// The DNS server, which declares the flags that serving state files has too (`ServeOptions`).
pub(crate) const DNS_SERVER: u8 = 2;
/// The front end.
pub(crate) const FRONT_END: u8 = 3;

const fn component(of: u8) -> Component {
    match of {
        OPERATOR => Component::Operator,
        ORCHESTRATOR => Component::Orchestrator,
        FRONT_END => Component::FrontEnd,
        _ => Component::DnsServer,
    }
}

/// What was written on the command line, by key.
///
/// It has to be the first of the arguments that are flattened: those after it take their values out of the matches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written<const OF: u8> {
    values: Vec<(&'static Key, SecretString)>,
    /// Whether `--config` was written.
    names_file: bool,
}

impl<const OF: u8> Written<OF> {
    /// Which program's they are.
    pub(crate) const COMPONENT: Component = component(OF);

    /// Of one key each, in any order; as they were written.
    pub(crate) fn values(&self) -> Vec<(&'static Key, String)> {
        self.values.iter().map(|(key, value)| (*key, value.expose_secret().to_owned())).collect()
    }

    /// The first flag that was written and says nothing to a program that serves state files.
    pub(crate) fn of_clusters_only(&self) -> Option<String> {
        let mut names = self.values.iter().filter_map(|(key, _)| key.flag).filter(|flag| !flag.is_served);
        names
            .next()
            .map(|flag| flag.name)
            .or(self.names_file.then_some("config"))
            .map(|name| format!("--{name}"))
    }

    fn flags() -> impl Iterator<Item = (&'static Key, Flag)> {
        KEYS.iter()
            .filter_map(|key| Some((key, key.flag?)))
            .filter(|(_, flag)| flag.of.contains(&Self::COMPONENT))
    }
}

/// clap's name of a flag is that of a field.
fn id(flag: Flag) -> String {
    flag.name.replace('-', "_")
}

/// Where the flags of the table begin among those of each heading: behind `--config` and its like.
const FIRST: usize = 100;

fn argument(position: usize, key: &Key, flag: Flag) -> Arg {
    let variable = key.flag_variable().unwrap_or_else(|| key.variable());
    let argument = Arg::new(id(flag))
        .long(flag.name)
        .value_name(flag.value)
        .help(flag.about)
        .help_heading(flag.heading)
        .display_order(FIRST + position)
        // What it says is checked with everything else, so that all mistakes are told at once.
        .value_parser(OsStringValueParser::new())
        .action(ArgAction::Append)
        // For the help text: the environment is read by itself.
        .env(variable)
        .hide_env_values(true);
    if flag.name == "namespace" { argument.short('n') } else { argument }
}

impl<const OF: u8> Args for Written<OF> {
    fn augment_args(command: Command) -> Command {
        let declared_elsewhere = |flag: &Flag| Self::COMPONENT == Component::DnsServer && flag.is_served;
        let flags = Self::flags().filter(|(_, flag)| !declared_elsewhere(flag));
        flags
            .enumerate()
            .fold(command, |command, (position, (key, flag))| command.arg(argument(position, key, flag)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const OF: u8> FromArgMatches for Written<OF> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut values = Vec::new();
        for (key, flag) in Self::flags() {
            let id = id(flag);
            if !matches.try_contains_id(&id).unwrap_or_default()
                || matches.value_source(&id) != Some(ValueSource::CommandLine)
            {
                continue;
            }
            let words: Vec<OsString> =
                matches.get_raw(&id).into_iter().flatten().map(OsString::from).collect();
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            values.push((key, SecretString::from(words.join(","))));
        }
        let names_file = matches.try_contains_id("config").unwrap_or_default()
            && matches.value_source("config") == Some(ValueSource::CommandLine);
        Ok(Self { values, names_file })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::serve::ServeOptions;

    #[derive(Debug, Parser)]
    struct DnsServerLine {
        #[command(flatten)]
        written: Written<DNS_SERVER>,
        #[command(flatten)]
        serve: ServeOptions,
    }

    #[derive(Debug, Parser)]
    struct OperatorLine {
        #[command(flatten)]
        written: Written<OPERATOR>,
    }

    fn written<'v>(values: &'v [(&'static Key, String)]) -> Vec<(&'static str, &'v str)> {
        values.iter().map(|(key, value)| (key.path, value.as_str())).collect()
    }

    #[test]
    fn what_was_written_is_known_by_key_and_defaults_are_not_taken_for_it() {
        let line =
            ["x", "--source", "clusterCaches", "--dns", "127.0.0.1:1,127.0.0.1:2", "--dns", "127.0.0.1:3"];
        let line = DnsServerLine::try_parse_from(line).unwrap();
        assert_eq!(
            written(&line.written.values()),
            [("source", "clusterCaches"), ("listen.dns", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3")]
        );
        assert_eq!(line.serve.dns().unwrap().len(), 3, "serving state files knows them too");
        let line = OperatorLine::try_parse_from(["x", "-n", "mci", "--http", "off"]).unwrap();
        assert_eq!(written(&line.written.values()), [("namespace", "mci"), ("listen.http", "off")]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = "00112233445566778899aabbccddeeff";
        let line = DnsServerLine::try_parse_from(["x", "--cookie-secret", secret]).unwrap();
        assert!(!format!("{line:?}").contains(secret));
    }

    #[test]
    fn every_flag_of_the_table_is_declared_once() {
        let command = DnsServerLine::command();
        for (_, flag) in Written::<DNS_SERVER>::flags() {
            let id = id(flag);
            let argument = command.get_arguments().find(|argument| *argument.get_id() == id);
            assert_eq!(argument.and_then(Arg::get_long), Some(flag.name), "{id}");
        }
        command.debug_assert();
        OperatorLine::command().debug_assert();
    }
}
