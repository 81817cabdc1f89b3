//! Which protocol a peer is spoken to in. Pure: time comes in, as a duration since any one moment.
//!
//! ```text
//!   auto ──ask──┬─ the stream ──► asked again when it is silent for a minute
//!               ├─ REST ────────► asked again each hour, and when it is silent for a minute
//!               └─ neither ─────► asked again after a pause
//! ```

use std::time::Duration;

use mci_core::peer::Protocol;

use crate::config;

/// A peer that was found to know REST alone may have been replaced since.
const HOURLY: Duration = Duration::from_hours(1);
/// So may one that does not answer any more in the protocol that it spoke.
const SILENT: Duration = Duration::from_mins(1);

/// What is known of one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    speaks: Option<Protocol>,
    is_auto: bool,
    ask_at: Duration,
    /// When it was last asked, or answered in its protocol.
    heard: Duration,
}

impl Choice {
    pub(super) fn new(configured: config::Protocol, now: Duration) -> Self {
        let (speaks, is_auto) = match configured {
            config::Protocol::Auto => (None, true),
            config::Protocol::Stream => (Some(Protocol::Stream), false),
            config::Protocol::Rest => (Some(Protocol::Rest), false),
        };
        Self { speaks, is_auto, ask_at: now, heard: now }
    }

    /// What to speak; nothing while that is not known.
    pub(super) const fn speaks(&self) -> Option<Protocol> {
        self.speaks
    }

    /// When the peer is to be asked what it speaks; never where the configuration says it.
    pub(super) fn ask_at(&self) -> Option<Duration> {
        let ask_at = match self.speaks {
            None => self.ask_at,
            Some(Protocol::Stream) => self.heard + SILENT,
            Some(Protocol::Rest) => self.ask_at.min(self.heard + SILENT),
        };
        self.is_auto.then_some(ask_at)
    }

    /// The peer answered in the protocol that it is spoken to in, at this time.
    pub(super) fn heard(&mut self, at: Duration) {
        self.heard = self.heard.max(at);
    }

    /// It was asked, and speaks this, or neither as far as could be told; then it is asked again after `pause`, unless it
    /// spoke something before. Whether it is another protocol than before.
    pub(super) fn told(&mut self, told: Option<Protocol>, now: Duration, pause: Duration) -> bool {
        self.heard = self.heard.max(now);
        let before = self.speaks;
        self.speaks = told.or(before);
        self.ask_at = now + if self.speaks.is_some() { HOURLY } else { pause };
        self.speaks != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(3);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_configured_is_spoken_and_nobody_asks() {
        for (configured, protocol) in
            [(config::Protocol::Stream, Protocol::Stream), (config::Protocol::Rest, Protocol::Rest)]
        {
            let choice = Choice::new(configured, at(0));
            assert_eq!((choice.speaks(), choice.ask_at()), (Some(protocol), None));
        }
    }

    #[test]
    fn one_that_speaks_neither_is_asked_again_after_the_pause() {
        let mut choice = Choice::new(config::Protocol::Auto, at(5));
        assert_eq!((choice.speaks(), choice.ask_at()), (None, Some(at(5))));
        assert!(!choice.told(None, at(6), PAUSE));
        assert_eq!((choice.speaks(), choice.ask_at()), (None, Some(at(9))));
        assert!(choice.told(Some(Protocol::Stream), at(9), PAUSE));
        assert_eq!(choice.speaks(), Some(Protocol::Stream));
    }

    #[test]
    fn the_stream_is_kept_while_it_is_answered_and_asked_for_when_it_is_silent() {
        let mut choice = Choice::new(config::Protocol::Auto, at(0));
        assert!(choice.told(Some(Protocol::Stream), at(0), PAUSE));
        choice.heard(at(5_000));
        assert_eq!(choice.ask_at(), Some(at(5_060)));
        // It is not there: that is no other protocol.
        assert!(!choice.told(None, at(5_060), PAUSE));
        assert_eq!((choice.speaks(), choice.ask_at()), (Some(Protocol::Stream), Some(at(5_120))));
        // It was replaced by the .NET application.
        assert!(choice.told(Some(Protocol::Rest), at(5_120), PAUSE));
    }

    #[test]
    fn the_stream_is_tried_again_each_hour() {
        let mut choice = Choice::new(config::Protocol::Auto, at(0));
        assert!(choice.told(Some(Protocol::Rest), at(0), PAUSE));
        assert_eq!(choice.ask_at(), Some(at(60)), "it never answered in REST");
        choice.heard(at(3_590));
        assert_eq!(choice.ask_at(), Some(at(3_600)));
        assert!(!choice.told(Some(Protocol::Rest), at(3_600), PAUSE));
        choice.heard(at(7_190));
        assert_eq!(choice.ask_at(), Some(at(7_200)));
        assert!(choice.told(Some(Protocol::Stream), at(7_200), PAUSE));
    }
}
