//! What was measured, as JSON for the check and as a table for people.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::bars;
use super::machine::Machine;

/// Everything that one run measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// Whether the rounds were too short to mean anything.
    pub(super) quick: bool,
    pub(super) figures: Vec<Figure>,
}

/// One measured value.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Figure {
    /// The number of the measurement, and what of it: `S5/unthrottled/gdnsd`.
    pub(super) id: String,
    /// For people.
    pub(super) what: String,
    pub(super) value: f64,
    pub(super) unit: Unit,
    /// The values that it was computed from, and what else is worth knowing.
    pub(super) beside: String,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Unit {
    Ratio,
    Nanoseconds,
    Milliseconds,
    Seconds,
    Mebibytes,
    Count,
    /// A count for each of several.
    Average,
    Percent,
}

impl Unit {
    /// A value with its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Unit::Ratio => format!("{value:.3} ×"),
            Unit::Nanoseconds => format!("{value:.0} ns"),
            Unit::Milliseconds => format!("{value:.2} ms"),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Mebibytes => format!("{value:.0} MiB"),
            Unit::Count => format!("{value:.0}"),
            Unit::Average => format!("{value:.2}"),
            Unit::Percent => format!("{value:.2} %"),
        }
    }
}

const HEAD: [&str; 6] = ["#", "what", "measured", "bar", "of the bar", "measured side by side"];

impl Report {
    /// A report with nothing measured yet.
    pub(super) fn new(machine: Machine, quick: bool) -> Self {
        Report { machine, quick, figures: Vec::new() }
    }

    /// Reads one that was written.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("reading {}: `cargo xtask bench` writes it", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))
    }

    /// Adds a figure, and shows it.
    pub(super) fn add(&mut self, id: &str, what: &str, value: f64, unit: Unit, beside: String) {
        eprintln!("  {id}: {}  ({beside})", unit.show(value));
        self.figures.push(Figure { id: id.to_owned(), what: what.to_owned(), value, unit, beside });
    }

    /// The figure with this ID.
    pub(super) fn figure(&self, id: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.id == id)
    }

    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The table, its columns aligned.
    pub(super) fn table(&self) -> String {
        let rows: Vec<[String; 6]> =
            [HEAD.map(str::to_owned)].into_iter().chain(self.figures.iter().map(Figure::row)).collect();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for (index, row) in rows.iter().enumerate() {
            for (width, cell) in widths.iter().zip(row) {
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if index == 0 {
                for width in widths {
                    let _ = write!(text, "|{}", "-".repeat(width + 2));
                }
                text.push_str("|\n");
            }
        }
        text
    }

    /// The table, with the machine above it.
    pub(super) fn markdown(&self) -> String {
        let quick = if self.quick { "**A `--quick` run: it measures nothing.**\n\n" } else { "" };
        format!("{quick}{}\n\n{}", self.machine, self.table())
    }
}

impl Figure {
    fn row(&self) -> [String; 6] {
        let bar = bars::of(&self.id);
        let number = self.id.split('/').next().unwrap_or_default();
        [
            number.to_owned(),
            self.what.clone(),
            self.unit.show(self.value),
            bar.map(|bar| bar.show(self.unit)).unwrap_or_default(),
            bar.and_then(|bar| bar.ratio(self.value)).map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            self.beside.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new(Machine::default(), false);
        report.add("S1/100000/uniform", "resolve", 100.0, Unit::Nanoseconds, "± 1 ns".to_owned());
        report.add("S9/yaml", "start from YAML", 9.5, Unit::Seconds, String::new());
        report
    }

    #[test]
    fn the_table_has_a_row_for_each_figure_with_its_bar() {
        assert_eq!(
            report().table(),
            "| #  | what            | measured | bar      | of the bar | measured side by side |
\
             |----|-----------------|----------|----------|------------|-----------------------|
\
             | S1 | resolve         | 100 ns   | ≤ 200 ns | 0.50       | ± 1 ns                |
\
             | S9 | start from YAML | 9.50 s   |          |            |                       |
"
        );
    }

    #[test]
    fn a_report_comes_back_from_json() {
        let report: Report = serde_json::from_str(&report().json().unwrap()).unwrap();
        let figure = report.figure("S9/yaml").unwrap();
        assert_eq!((figure.value, figure.unit), (9.5, Unit::Seconds));
    }
}
