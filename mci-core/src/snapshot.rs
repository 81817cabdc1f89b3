//! stub
use crate::changes::Changes;
use crate::edit::Edit;
/// stub
#[derive(Clone, Debug, Default)]
pub struct Snapshot {}
impl Snapshot {
    pub(crate) fn edited_with_changes(&self, _edits: impl FnOnce(&mut Edit)) -> (Self, Changes) { (self.clone(), Changes {}) }
    /// Answers one message.
    #[cfg(feature = "wire")]
    pub fn answer(&self, _query: &[u8], _transport: crate::wire::Transport<'_>, _chance: &mut (impl crate::Chance + ?Sized), _out: &mut Vec<u8>) -> crate::wire::Facts { todo!() }
}
