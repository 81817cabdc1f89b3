//! Which endpoints of one hostname take part, and the draw among them (R3 to R11).

use core::num::NonZeroU64;

use crate::chance::Chance;
use crate::clusters::{Clusters, Standing};
use crate::entry::{Entry, IpFamily, Record, Run};
use crate::hostname_state::{AnswerMode, WhenAllDown};
use crate::overrides::HostnameOverrides;
use crate::settings::Settings;

/// How good an endpoint is; the best that any endpoint has decides (R3, R6, R11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Ready, in a cluster that is alive, with a weight above 0.
    Eligible,
    /// The same, drained (R6).
    Drained,
    /// Ready, in a cluster that is stale or overridden down (R11).
    LastResort,
    /// The same, drained.
    LastResortDrained,
    /// Anything else that has an address or a name: `whenAllDown: any`.
    Any,
    /// The same, drained.
    AnyDrained,
}

impl Class {
    const fn new(level: Self, drained: bool) -> Self {
        match (level, drained) {
            (Self::Eligible | Self::Drained, false) => Self::Eligible,
            (Self::Eligible | Self::Drained, true) => Self::Drained,
            (Self::LastResort | Self::LastResortDrained, false) => Self::LastResort,
            (Self::LastResort | Self::LastResortDrained, true) => Self::LastResortDrained,
            (Self::Any | Self::AnyDrained, false) => Self::Any,
            (Self::Any | Self::AnyDrained, true) => Self::AnyDrained,
        }
    }

    /// Whether its members share equally instead of by weight.
    pub(crate) const fn is_drained(self) -> bool {
        matches!(self, Self::Drained | Self::LastResortDrained | Self::AnyDrained)
    }

    /// Whether it answers with what is stale or overridden down (R11).
    pub(crate) const fn is_stale(self) -> bool {
        matches!(self, Self::LastResort | Self::LastResortDrained)
    }
}

/// The endpoints that take part: those of one class and one priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) class: Class,
    pub(crate) priority: i64,
    /// The sum of the weights of those that were asked about.
    pub(crate) sum: u64,
}

/// One hostname with everything that a decision about it depends on.
#[derive(Clone, Copy)]
pub(crate) struct Contest<'a> {
    pub(crate) entry: Entry<'a>,
    pub(crate) clusters: &'a Clusters,
    pub(crate) overrides: &'a HostnameOverrides,
    pub(crate) settings: &'a Settings,
    /// Whether the name that is asked for is a zone's apex: no CNAME there (R9).
    pub(crate) at_apex: bool,
}

impl<'a> Contest<'a> {
    /// How the endpoint's cluster counts for this hostname (R20, R24).
    pub(crate) fn standing(&self, record: Record<'_>) -> Standing {
        let standing = self.clusters.standing(record.cluster());
        if self.overrides.is_empty() {
            standing
        } else {
            standing.with(self.overrides.state(self.entry.name(), record.cluster()))
        }
    }

    /// The endpoint's class; none for what publishes nothing that could answer.
    pub(crate) fn class(&self, record: Record<'_>) -> Option<Class> {
        let standing = self.standing(record);
        let answerable = record.has_addresses() || (record.target_count() != 0 && !self.at_apex);
        if standing.gone || !answerable {
            return None;
        }
        let level = match (record.is_ready(), standing.live) {
            (true, true) => Class::Eligible,
            (true, false) => Class::LastResort,
            (false, _) => Class::Any,
        };
        Some(Class::new(level, standing.drained || record.weight() == 0))
    }

    /// Finds the tier in one walk, and sums the weights of the members that `takes_part` names (R4 to R7).
    pub(crate) fn tier(&self, takes_part: impl Fn(Record<'_>) -> bool) -> Option<Tier> {
        let mut best: Option<Tier> = None;
        for record in self.entry.records() {
            let Some(class) = self.class(record) else { continue };
            let tier = Tier { class, priority: record.priority(), sum: 0 };
            match &mut best {
                Some(best) if !tier.is_above(best) && !tier.is_same(best) => continue,
                Some(best) if tier.is_same(best) => {}
                _ => best = Some(tier),
            }
            if let Some(best) = &mut best
                && takes_part(record)
            {
                best.sum += u64::from(best.weight(record));
            }
        }
        best.filter(|best| best.class < Class::Any || self.when_all_down() == WhenAllDown::Any)
    }

    /// Whether the endpoint belongs to the tier.
    pub(crate) fn is_member(&self, tier: &Tier, record: Record<'_>) -> bool {
        record.priority() == tier.priority && self.class(record) == Some(tier.class)
    }

    /// The members of a tier.
    pub(crate) fn members(&self, tier: Tier) -> impl Iterator<Item = Record<'a>> {
        let contest = *self;
        self.entry.records().filter(move |record| contest.is_member(&tier, *record))
    }

    /// One member that takes part, by weight (R5): the second walk.
    pub(crate) fn draw(
        &self,
        tier: &Tier,
        takes_part: impl Fn(Record<'_>) -> bool,
        chance: &mut (impl Chance + ?Sized),
    ) -> Option<Record<'a>> {
        let mut left = chance.below(NonZeroU64::new(tier.sum)?);
        for record in self.entry.records() {
            if !takes_part(record) || !self.is_member(tier, record) {
                continue;
            }
            let weight = u64::from(tier.weight(record));
            if left < weight {
                return Some(record);
            }
            left -= weight;
        }
        None
    }

    /// Records whose clusters are not gone (R10), by cluster identifier.
    fn publishers(&self) -> impl Iterator<Item = Record<'a>> {
        let contest = *self;
        self.entry.records().filter(move |record| !contest.standing(*record).gone)
    }

    /// In seconds (R10).
    pub(crate) fn ttl(&self) -> u32 {
        let published = || self.publishers().filter_map(Record::ttl).min();
        self.effective(self.entry.ttl(), published).unwrap_or(self.settings.ttl.seconds())
    }

    pub(crate) fn answer_mode(&self) -> AnswerMode {
        let published = || self.publishers().find_map(Record::answer_mode);
        self.effective(self.entry.answer_mode(), published).unwrap_or(self.settings.answer_mode)
    }

    pub(crate) fn when_all_down(&self) -> WhenAllDown {
        let published = || self.publishers().find_map(Record::when_all_down);
        self.effective(self.entry.when_all_down(), published).unwrap_or(self.settings.when_all_down)
    }

    /// The addresses for `whenAllDown: static`.
    pub(crate) fn fallback(&self, family: IpFamily) -> Option<Run> {
        let published = || self.publishers().find_map(|record| self.entry.record_fallback(record, family));
        self.effective(self.entry.fallback(family), published).filter(|run| run.count != 0)
    }

    /// The hostname's own value, else what its clusters publish, where any of them publishes anything.
    fn effective<T>(&self, own: Option<T>, published: impl FnOnce() -> Option<T>) -> Option<T> {
        if own.is_none() && self.entry.has_mixed_policy() { published() } else { own }
    }
}

impl Tier {
    const fn is_above(&self, other: &Self) -> bool {
        (self.class as u8) < other.class as u8
            || (self.class as u8 == other.class as u8 && self.priority > other.priority)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.class == other.class && self.priority == other.priority
    }

    /// What a member counts: its weight, or one where all members are drained (R6).
    pub(crate) fn weight(&self, record: Record<'_>) -> u32 {
        if self.class.is_drained() { 1 } else { record.weight() }
    }
}

/// Whether an endpoint takes part in an answer of this family (R7).
pub(crate) fn has_family(record: Record<'_>, family: IpFamily) -> bool {
    record.run(family).count != 0 || record.is_target()
}
