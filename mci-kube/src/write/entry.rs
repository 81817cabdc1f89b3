//! One object: what is wanted of it, what was seen of it, and so what is to be done about it.

use tokio::time::Instant;

use super::{Lane, Part, Strangers, Wanted};
use crate::pause::Pause;
use crate::watch::{ObjectKey, Version};

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(super) struct Job<O> {
    pub(super) key: ObjectKey,
    pub(super) action: Action<O>,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Action<O> {
    Create(O),
    /// The object has the version in its metadata.
    Replace(O),
    Apply(O),
    Delete {
        uid: Box<str>,
        version: Version,
    },
    Look,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done<S> {
    /// The API server has it so now. It cannot always be read.
    Wrote(SeenObject<S>),
    Deleted,
    /// It was looked at.
    Looked(Option<SeenObject<S>>),
    /// It is not as it was seen last, or what became of the write is unknown: look again.
    LookAgain,
    /// The same may succeed later.
    Later(std::time::Duration),
    /// The same will never succeed.
    Refused,
    /// It was not tried.
    NotTried,
}

/// An object that is there.
#[derive(Debug)]
pub(super) struct SeenObject<S> {
    pub(super) version: Version,
    pub(super) uid: Box<str>,
    /// Nothing if it cannot be read.
    pub(super) value: Option<S>,
}

/// What is wanted of one object.
pub(super) enum Want<W> {
    Unsaid,
    Nothing(Lane),
    This(W, Lane),
}

/// All that is known of one object.
#[expect(clippy::struct_excessive_bools, reason = "each of them changes by itself")]
pub(super) struct Entry<W: Wanted> {
    pub(super) want: Want<W>,
    pub(super) seen: Option<SeenObject<W::Seen>>,
    /// What is not newer than this is an echo of what we know.
    pub(super) floor: Version,
    pub(super) queued: Option<Lane>,
    pub(super) asleep: Option<Instant>,
    pub(super) in_flight: bool,
    pub(super) look: bool,
    pub(super) refused: bool,
    /// The floor when what is in flight was decided.
    pub(super) asked: Version,
    /// Something else is wanted than when what is in flight was decided.
    pub(super) reworded: bool,
    /// Nothing was said or seen since our own last write but the answer to it.
    pub(super) echo: bool,
    /// When it may be written again.
    pub(super) rested: Option<Instant>,
    pub(super) pause: Pause,
    pub(super) conflicts: u32,
}

impl<W: Wanted> Default for Entry<W> {
    fn default() -> Self {
        Self {
            want: Want::Unsaid,
            seen: None,
            floor: Version(0),
            queued: None,
            asleep: None,
            in_flight: false,
            look: false,
            refused: false,
            asked: Version(0),
            reworded: false,
            echo: false,
            rested: None,
            pause: Pause::default(),
            conflicts: 0,
        }
    }
}

impl<W: Wanted> Entry<W> {
    pub(super) fn value(&self) -> Option<&W::Seen> {
        self.seen.as_ref().and_then(|seen| seen.value.as_ref())
    }

    pub(super) fn lane(&self) -> Lane {
        match &self.want {
            Want::Unsaid => Lane::Bulk,
            Want::Nothing(lane) | Want::This(_, lane) => *lane,
        }
    }

    /// Whether nothing would be lost if it were forgotten.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.want, Want::Unsaid | Want::Nothing(_))
            && self.seen.is_none()
            && !self.in_flight
            && !self.look
    }

    pub(super) fn see(&mut self, seen: Option<SeenObject<W::Seen>>, floor: Version) {
        self.seen = seen;
        self.floor = floor;
        self.refused = false;
        self.look = false;
        self.echo = false;
    }

    pub(super) fn action(&self, strangers: Strangers, term: u64) -> Option<Action<W::Object>> {
        if self.in_flight || self.refused {
            return None;
        }
        if self.look {
            return Some(Action::Look);
        }
        let delete = || {
            let seen = self.seen.as_ref()?;
            Some(Action::Delete { uid: seen.uid.clone(), version: seen.version })
        };
        match &self.want {
            Want::Unsaid if strangers == Strangers::Delete => delete(),
            Want::Unsaid => None,
            Want::Nothing(_) => delete(),
            Want::This(wanted, _) => match (&self.seen, W::PART) {
                // Someone else makes it, or not.
                (None, Part::Status | Part::Applied { .. }) => None,
                (None, Part::Whole) => wanted.over(None, term).map(Action::Create),
                (Some(seen), Part::Whole | Part::Status) => {
                    let mut object = wanted.over(seen.value.as_ref(), term)?;
                    kube::Resource::meta_mut(&mut object).resource_version = Some(seen.version.to_string());
                    Some(Action::Replace(object))
                }
                (Some(seen), Part::Applied { .. }) => {
                    wanted.over(seen.value.as_ref(), term).map(Action::Apply)
                }
            },
        }
    }
}
