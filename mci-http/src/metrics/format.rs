//! The two text formats: `OpenMetrics`, as prometheus-client writes it, and the older one of Prometheus.

use std::fmt::Write as _;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4, which everything reads.
    Prometheus,
}

impl Format {
    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// `OpenMetrics` text as Prometheus text: there the family of a counter is named as its samples are, and nothing marks
/// the end. Of what differs beside, this crate's metrics use nothing (exemplars, units, infos, timestamps).
pub(crate) fn as_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 1024);
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // The type comes next, and says what the family is called.
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let counter = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                let _ = writeln!(text, "# HELP {name}{counter} {help}");
            }
            let _ = writeln!(text, "# TYPE {name}{counter} {kind}");
        } else if line != "# EOF" {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples_are() {
        let open = "# HELP a Help me.\n# TYPE a counter\na_total{b=\"# HELP\"} 1\n# HELP g Now.\n# TYPE g gauge\ng 2\n# EOF\n";
        let expected = "# HELP a_total Help me.\n# TYPE a_total counter\na_total{b=\"# HELP\"} 1\n# HELP g Now.\n# TYPE g gauge\ng 2\n";
        assert_eq!(as_prometheus(open), expected);
    }
}
