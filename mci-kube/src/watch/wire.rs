//! What the API server sends: pages of a list, and events. Objects stay raw, so that each is decoded by itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ObjectKey, Version};
use crate::client::{CallError, Refusal};

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    metadata: PageHead,
    // An empty list may be null: Go writes it so.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageHead {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<u64>,
}

impl<'a> Page<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, CallError> {
        crate::client::decode_borrowed(body)
    }

    pub(super) fn version(&self) -> Result<Version, CallError> {
        version(&self.metadata.resource_version)
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<&str> {
        self.metadata.next.as_deref().filter(|next| !next.is_empty())
    }

    pub(super) fn items(&self) -> &[&'a RawValue] {
        self.items.as_deref().unwrap_or_default()
    }

    /// How many objects there are in this page and after it, where that is told.
    pub(super) fn count(&self) -> Option<usize> {
        let rest = match (self.metadata.remaining_item_count, self.next()) {
            (Some(rest), _) => usize::try_from(rest).ok()?,
            (None, None) => 0,
            (None, Some(_)) => return None,
        };
        Some(self.items().len() + rest)
    }
}

/// What is read of each object, whatever its kind.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) key: ObjectKey,
    pub(super) uid: Box<str>,
    pub(super) version: Version,
}

impl Head {
    pub(super) fn read(object: &RawValue) -> Result<Self, CallError> {
        #[derive(Deserialize)]
        struct Outer {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metadata {
            name: Box<str>,
            #[serde(default)]
            namespace: Box<str>,
            #[serde(default)]
            uid: Box<str>,
            resource_version: String,
        }
        let Outer { metadata } = crate::client::decode_borrowed(object.get().as_bytes())?;
        let key = ObjectKey { namespace: metadata.namespace, name: metadata.name };
        Ok(Self { key, uid: metadata.uid, version: version(&metadata.resource_version)? })
    }
}

/// An event of a watch.
pub(super) enum Event<'a> {
    /// ADDED or MODIFIED: the same to whoever follows a state.
    Applied(Head, &'a RawValue),
    Deleted(Head),
    /// Nothing changed up to here.
    Bookmark(Version),
    /// Why the watch cannot go on.
    Error(CallError),
}

impl<'a> Event<'a> {
    pub(super) fn read(line: &'a [u8]) -> Result<Self, CallError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(rename = "type")]
            what: &'a str,
            #[serde(borrow)]
            object: &'a RawValue,
        }
        let raw: Raw<'a> = crate::client::decode_borrowed(line)?;
        match raw.what {
            "ADDED" | "MODIFIED" => Ok(Self::Applied(Head::read(raw.object)?, raw.object)),
            "DELETED" => Ok(Self::Deleted(Head::read(raw.object)?)),
            "BOOKMARK" => {
                let page: Bookmark = crate::client::decode_borrowed(raw.object.get().as_bytes())?;
                Ok(Self::Bookmark(version(&page.metadata.resource_version)?))
            }
            "ERROR" => {
                let status = crate::client::decode_borrowed(raw.object.get().as_bytes())?;
                Ok(Self::Error(CallError::Refused(Refusal::from_status(status))))
            }
            other => Err(CallError::Nonsense(format!("an event of type {other:?}"))),
        }
    }
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkHead,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkHead {
    resource_version: String,
}

fn version(text: &str) -> Result<Version, CallError> {
    // A decimal number that can be compared: a promise of the API since Kubernetes 1.35, and how it was all along.
    text.parse()
        .map(Version)
        .map_err(|_| CallError::Nonsense(format!("resourceVersion {text:?} is no number")))
}
