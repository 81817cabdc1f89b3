//! A list of named steps, run in order until one fails, with how long each took.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// One step of a task.
pub(crate) struct Step {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What it checks, for people.
    pub(crate) about: &'static str,
    /// Does it.
    pub(crate) run: fn() -> Result<()>,
}

/// How one step ended.
enum End {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// Runs the steps named in `only` (all, where it is empty), and prints the list of them with their durations
/// at the end, however that comes.
pub(crate) fn run(steps: &[Step], only: &[String]) -> Result<()> {
    for name in only {
        if !steps.iter().any(|step| step.name == name) {
            let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
            bail!("there is no step `{name}`; the steps are {}", names.join(", "));
        }
    }
    let chosen: Vec<&Step> =
        steps.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)).collect();

    let mut ends = Vec::with_capacity(chosen.len());
    let mut failure = None;
    for (index, step) in chosen.iter().enumerate() {
        if failure.is_some() {
            ends.push(End::NotRun);
            continue;
        }
        eprintln!("\n== {}/{} {}: {}", index + 1, chosen.len(), step.name, step.about);
        let started = Instant::now();
        match (step.run)() {
            Ok(()) => ends.push(End::Passed(started.elapsed())),
            Err(error) => {
                ends.push(End::Failed(started.elapsed()));
                failure = Some(Err(error).with_context(|| {
                    format!("step `{}` failed (`--only {}` repeats it)", step.name, step.name)
                }));
            }
        }
    }
    eprintln!("\n{}", summary(&chosen, &ends));
    failure.unwrap_or(Ok(()))
}

fn summary(steps: &[&Step], ends: &[End]) -> String {
    let mut lines = Vec::new();
    for (step, end) in steps.iter().zip(ends) {
        let (word, time) = match end {
            End::Passed(time) => ("passed", format!("{:7.1} s", time.as_secs_f64())),
            End::Failed(time) => ("FAILED", format!("{:7.1} s", time.as_secs_f64())),
            End::NotRun => ("not run", String::new()),
        };
        lines.push(format!("{word:<8}{time:>9}  {:<11} {}", step.name, step.about).trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Step] = &[
        Step { name: "one", about: "passes", run: || Ok(()) },
        Step { name: "two", about: "fails", run: || bail!("no") },
        Step { name: "three", about: "is not reached", run: || panic!("ran after a failure") },
    ];

    #[test]
    fn stops_at_the_first_step_that_fails_and_names_it() {
        let error = run(STEPS, &[]).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `two` failed (`--only two` repeats it): no");
    }

    #[test]
    fn only_runs_the_steps_that_are_named() {
        run(STEPS, &["one".to_owned()]).unwrap();
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_names_of_all() {
        let error = run(STEPS, &["four".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no step `four`; the steps are one, two, three");
    }

    #[test]
    fn the_summary_lists_every_step_with_its_end() {
        let steps: Vec<&Step> = STEPS.iter().collect();
        let ends =
            [End::Passed(Duration::from_secs(3)), End::Failed(Duration::from_millis(1500)), End::NotRun];
        assert_eq!(
            summary(&steps, &ends),
            "passed      3.0 s  one         passes\n\
             FAILED      1.5 s  two         fails\n\
             not run            three       is not reached"
        );
    }
}
