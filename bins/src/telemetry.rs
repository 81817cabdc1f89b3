//! Logs, on stderr.
#![expect(clippy::doc_markdown, reason = "the documentation of arguments is their help text")]

use std::io;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// How much is logged, and in which form.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs (on stderr)")]
pub(crate) struct LogOptions {
    /// error, warn, info, debug or trace; or by module, such as info,mci_dns=debug
    #[arg(id = "log_level", long = "log-level", env = "MCI_LOG_LEVEL", value_name = "LEVEL", default_value = "info", value_parser = levels)]
    pub(crate) level: Targets,

    /// One line of text, or one JSON object, for each event
    #[arg(
        id = "log_format",
        long = "log-format",
        env = "MCI_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) format: Format,

    /// Log one in N queries; 0 logs none
    #[arg(
        id = "log_queries",
        long = "log-queries",
        env = "MCI_LOG_QUERIES",
        value_name = "N",
        default_value_t = 0
    )]
    pub(crate) queries: u32,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Reads levels.
pub(crate) fn levels(text: &str) -> Result<Targets, String> {
    Targets::from_str(text).map_err(|_| {
        "write error, warn, info, debug, trace or off, or one for each module: info,mci_dns=debug".to_owned()
    })
}

/// Sends what is logged from now on to stderr.
pub(crate) fn install(options: &LogOptions) {
    let colour = crate::colour::is_on(&io::stderr());
    let layer = layer(options.format, colour, io::stderr);
    Registry::default().with(layer.with_filter(options.level.clone())).init();
}

/// The levels of what is logged, which may change while a program runs.
#[derive(Clone, Debug)]
pub(crate) struct Levels(reload::Handle<Targets, Registry>);

impl Levels {
    /// Sends what is logged from now on to stderr.
    pub(crate) fn install(level: Targets, format: Format) -> Self {
        let (filter, handle) = reload::Layer::new(level);
        let colour = crate::colour::is_on(&io::stderr());
        Registry::default().with(layer(format, colour, io::stderr).with_filter(filter)).init();
        Self(handle)
    }

    /// Logs by other levels from now on.
    pub(crate) fn set(&self, level: Targets) {
        self.0.reload(level).expect("the subscriber lives as long as the program");
    }
}

fn layer<S, W>(format: Format, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => layer.with_ansi(colour).boxed(),
        Format::Json => {
            layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, levels_text: &str) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let layer = layer(format, false, move || writer.clone()).with_filter(levels(levels_text).unwrap());
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            tracing::info!(hostname = "app.example", "Answer changed");
            tracing::debug!("Not at info");
        });
        let octets = captured.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn json_lines_hold_message_and_fields_at_the_top() {
        let line: serde_json::Value = serde_json::from_str(&logged(Format::Json, "info")).unwrap();
        assert_eq!(
            (line["message"].as_str(), line["hostname"].as_str(), line["level"].as_str()),
            (Some("Answer changed"), Some("app.example"), Some("INFO"))
        );
    }

    #[test]
    fn text_lines_hold_message_and_fields() {
        let text = logged(Format::Text, "info");
        assert!(text.contains("Answer changed hostname=\"app.example\""), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn levels_differ_by_module() {
        assert_eq!(logged(Format::Text, "error,mci_bins=debug").lines().count(), 2);
        assert_eq!(logged(Format::Text, "off"), "");
        assert!(levels("info,mci_dns=loud").unwrap_err().contains("debug"));
    }
}
