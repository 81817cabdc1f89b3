//! The nearest name, for what is misspelt.

/// The candidate that differs least from `wrong`, if it is near enough to have been meant.
///
/// ```
/// use mci_core::state_file::nearest;
/// assert_eq!(nearest("weigth", ["priority", "weight"]), Some("weight"));
/// assert_eq!(nearest("colour", ["priority", "weight"]), None);
/// ```
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One letter may differ always, and of long names three: those share most of their letters by nature.
    let allowed = (wrong.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        // The distance is at least the difference in length: most candidates need no look at their letters.
        .filter(|candidate| candidate.len().abs_diff(wrong.len()) <= 4 * allowed)
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        // Of equals always the same.
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(wrong: &str, candidate: &str) -> usize {
    strsim::damerau_levenshtein(&fold(wrong), &fold(candidate))
}

/// Case and the two ways of joining words are not what makes a name another one.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// `did you mean "…"?`, or nothing.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|near| format!("did you mean {near:?}?"))
}
