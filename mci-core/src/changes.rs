//! stub
/// stub
#[derive(Debug)]
pub struct Changes {}
impl Changes { /// stub
 pub fn any(&self) -> bool { false } }
