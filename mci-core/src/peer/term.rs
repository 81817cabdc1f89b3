//! The term in which one peer is told what this cluster says of itself.

/// Of one peer: it believes the highest term that it has heard (R20a), which is more than ours after our API server was
/// restored from an older copy.
///
/// It is raised for that peer alone: what one peer claims is no other's concern. A replica that only lags behind another
/// finds a higher term there, too, so whoever leads waits until it is told so twice, a heartbeat apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerTerm {
    /// The own term at which it was raised, and to what.
    raised: Option<(u64, u64)>,
    /// The peer's answer before was higher than what it was told.
    is_ahead: bool,
}

impl PeerTerm {
    /// What to tell the peer in place of the own term. It grows whenever that does.
    pub fn of(&self, own: u64) -> u64 {
        match self.raised {
            // Below that, the API server was restored once more: what is told now is told in vain until that is found out.
            Some((from, to)) if own >= from => to.saturating_add(own - from).max(own),
            Some(_) | None => own,
        }
    }

    /// The peer answered a heartbeat with the highest term that it knows of. `leads`: this replica leads, and sees its API
    /// server, so that what it says is so.
    pub fn heard(&mut self, own: u64, known: u64, leads: bool) {
        let is_ahead = leads && known > self.of(own);
        let twice = is_ahead && self.is_ahead;
        if twice {
            self.raised = Some((own, known.saturating_add(1)));
        }
        self.is_ahead = is_ahead && !twice;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r20a_a_term_that_was_forgotten_is_exceeded_and_grows_with_the_own() {
        let mut term = PeerTerm::default();
        assert_eq!(term.of(7), 7);
        term.heard(7, 900, true);
        assert_eq!(term.of(7), 7, "once may be a replica that saw more");
        term.heard(7, 900, true);
        assert_eq!([7, 8, 12, 2_000].map(|own| term.of(own)), [901, 902, 906, 2_894]);
        // It believes us now.
        term.heard(7, 901, true);
        assert_eq!(term.of(7), 901);
    }

    #[test]
    fn a_standby_raises_nothing_and_neither_does_a_lag_that_is_over() {
        let mut term = PeerTerm::default();
        for _ in 0..3 {
            term.heard(7, 900, false);
        }
        term.heard(7, 9, true);
        term.heard(9, 9, true);
        term.heard(9, 11, true);
        assert_eq!(term, PeerTerm { raised: None, is_ahead: true });
        assert_eq!(term.of(9), 9);
    }

    #[test]
    fn an_api_server_that_is_restored_again_is_found_out_again() {
        let mut term = PeerTerm::default();
        for _ in 0..2 {
            term.heard(7, 900, true);
        }
        assert_eq!(term.of(3), 3);
        for _ in 0..2 {
            term.heard(3, 901, true);
        }
        assert_eq!(term.of(3), 902);
    }

    #[test]
    fn the_highest_number_that_there_is_ends_nothing() {
        let mut term = PeerTerm::default();
        for _ in 0..3 {
            term.heard(7, u64::MAX, true);
        }
        assert_eq!([term.of(7), term.of(u64::MAX)], [u64::MAX; 2]);
    }
}
