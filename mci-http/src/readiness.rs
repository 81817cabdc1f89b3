//! What must hold before a process is ready, by name and with reasons.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

type Check = dyn Fn() -> Result<(), String> + Send + Sync;

/// The conditions of a process, looked at whenever somebody asks.
///
/// ```
/// use mci_http::Readiness;
/// let readiness = Readiness::new()
///     .require("snapshot", || Ok(()))
///     .detail("telemetry", || Err("the collector does not answer".to_owned()));
/// assert!(readiness.is_ready(), "only what is required counts");
/// assert_eq!(readiness.to_string(), "[+] snapshot\n[!] telemetry: the collector does not answer\nready\n");
/// ```
#[derive(Clone, Default)]
pub struct Readiness {
    conditions: Vec<(Cow<'static, str>, bool, Arc<Check>)>,
}

/// What one condition says now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Condition {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Whether it holds.
    pub ok: bool,
    /// Whether the process is unready without it.
    pub required: bool,
    /// Why it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Readiness {
    /// Ready, as nothing is asked for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without this the process is not ready. `check` must not block: it says why it does not hold.
    pub fn require(
        mut self,
        name: impl Into<Cow<'static, str>>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push((name.into(), true, Arc::new(check)));
        self
    }

    /// This is shown, and the process is ready without it.
    pub fn detail(
        mut self,
        name: impl Into<Cow<'static, str>>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push((name.into(), false, Arc::new(check)));
        self
    }

    /// What every condition says now, in the order they were given.
    pub fn conditions(&self) -> Vec<Condition> {
        let look = |(name, required, check): &(Cow<'static, str>, bool, Arc<Check>)| {
            let why = check().err();
            Condition { name: name.clone(), ok: why.is_none(), required: *required, why }
        };
        self.conditions.iter().map(look).collect()
    }

    /// Whether all that is required holds now.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().all(|(_, required, check)| !required || check().is_ok())
    }

    pub(crate) fn report(&self) -> Report {
        let conditions = self.conditions();
        let ready = conditions.iter().all(|condition| condition.ok || !condition.required);
        Report { ready, conditions }
    }
}

/// All conditions at one moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ready: bool,
    conditions: Vec<Condition>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Condition { name, ok, required, why } in &self.conditions {
            let mark = match (ok, required) {
                (true, _) => '+',
                (false, true) => '-',
                (false, false) => '!',
            };
            write!(f, "[{mark}] {name}")?;
            match why {
                Some(why) => writeln!(f, ": {why}")?,
                None => writeln!(f)?,
            }
        }
        f.write_str(if self.ready { "ready\n" } else { "not ready\n" })
    }
}

impl fmt::Display for Readiness {
    /// One line for each condition, and the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().fmt(f)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.conditions()).finish()
    }
}
