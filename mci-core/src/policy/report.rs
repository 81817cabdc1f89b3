//! What came of a suite's tests.

use core::fmt;

use crate::explain::Explanation;
use crate::policy::junit;

/// What came of the tests of one policy file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The policy file's name; empty where its text had none.
    pub file: String,
    /// Each of `tests`, then each of `always`.
    pub cases: Vec<Case>,
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The line where it stands.
    pub line: Option<u32>,
    /// How many expectations were looked at: steps, or hostnames times losses.
    pub checks: usize,
    /// How many of them were not met.
    pub failed: usize,
    /// The first ten of those.
    pub failures: Vec<Failure>,
}

/// One expectation that was not met.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The step, from 1, where the test has steps.
    pub step: Option<usize>,
    /// What was assumed.
    pub given: String,
    /// What was expected.
    pub expected: String,
    /// What differs from it, a line each.
    pub differences: Vec<String>,
    /// What may be answered instead, and why.
    pub explanation: Explanation,
}

impl Failure {
    pub(crate) fn new(
        step: Option<usize>,
        given: String,
        expected: String,
        differences: Vec<String>,
        explanation: Explanation,
    ) -> Self {
        Self { step, given, expected, differences, explanation }
    }
}

impl Case {
    /// Whether every expectation was met.
    pub fn passed(&self) -> bool {
        self.failed == 0
    }
}

impl Report {
    /// Whether every test passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(Case::passed)
    }

    /// How many tests failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed()).count()
    }

    /// For `cargo test`: panics with the whole report where a test failed.
    ///
    /// # Panics
    ///
    /// If a test failed.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.passed(), "{self}");
    }

    /// As `JUnit` XML, which CI systems show: one `testsuite`, one `testcase` a test.
    pub fn junit(&self) -> String {
        junit::write(core::slice::from_ref(self))
    }

    /// Several reports as one `JUnit` file.
    pub fn junit_of(reports: &[Self]) -> String {
        junit::write(reports)
    }
}

/// What was expected, what was found, and why.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, given, expected, differences, explanation } = self;
        if let Some(step) = step {
            writeln!(f, "step      {step}")?;
        }
        if !given.is_empty() {
            writeln!(f, "given     {given}")?;
        }
        writeln!(f, "query     {} {}", explanation.name, explanation.record_type)?;
        writeln!(f, "expected  {expected}")?;
        writeln!(f, "answer    {}", explanation.answer)?;
        for difference in differences {
            writeln!(f, "  * {difference}")?;
        }
        // The first line of an explanation repeats query and answer.
        for line in explanation.to_string().lines().skip(1) {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// A line for each test, the reasons below those that failed, and a count.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            let Case { name, line, checks, failed, failures } = case;
            if case.passed() {
                let of = if *checks > 1 { format!("  ({checks} checks)") } else { String::new() };
                writeln!(f, "ok    {name}{of}")?;
                continue;
            }
            let place = match (self.file.as_str(), line) {
                ("", None) => String::new(),
                ("", Some(line)) => format!("  (line {line})"),
                (file, None) => format!("  ({file})"),
                (file, Some(line)) => format!("  ({file}:{line})"),
            };
            writeln!(f, "FAIL  {name}{place}")?;
            for failure in failures {
                for line in failure.to_string().lines() {
                    writeln!(f, "      {line}")?;
                }
            }
            if *failed > failures.len() {
                writeln!(f, "      and {} more of {checks} checks", failed - failures.len())?;
            }
        }
        let count = self.cases.len();
        let tests = if count == 1 { "test" } else { "tests" };
        match self.failed() {
            0 => write!(f, "{count} {tests} passed"),
            failed => write!(f, "{count} {tests}, {failed} failed"),
        }
    }
}
