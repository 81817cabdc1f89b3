//! The nearest name for what is misspelt.

/// The candidate that `written` was probably meant to be, if one is near enough to be worth a guess.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A third of the letters may differ: `wets` is `west`, `north` is nothing like it.
    let limit = written.chars().count().div_ceil(3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn swapped_and_missing_letters_are_found_and_strangers_are_not() {
        let clusters = ["west", "east", "north-1"];
        assert_eq!(nearest("wets", clusters), Some("west"));
        assert_eq!(nearest("nort-1", clusters), Some("north-1"));
        assert_eq!(nearest("frankfurt", clusters), None);
        assert_eq!(nearest("app.gslb.exmaple.com", ["app.gslb.example.com", "shop.gslb.example.com"]), Some("app.gslb.example.com"));
    }
}
