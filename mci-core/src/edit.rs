//! stub
/// stub
#[derive(Debug)]
pub struct Edit {}
