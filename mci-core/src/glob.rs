//! `*` and `?` in names.

/// Whether `text` is what `pattern` says: `*` stands for any characters, dots too, and `?` for one.
pub(crate) fn is_match(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to take up again if what follows the last star does not fit: one character further.
    let mut again: Option<(core::str::Chars<'_>, core::str::Chars<'_>)> = None;
    loop {
        let rest_of_text = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                again = Some((pattern.clone(), rest_of_text.clone()));
                text = rest_of_text;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after_star, mut from)) = again.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = from.clone();
                again = Some((after_star, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_match;

    #[test]
    fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a.b", true),
            ("*.gslb", "a.b.gslb", true),
            ("*.gslb", "gslb", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.apps.gslb", "*.apps.gslb", true),
            ("**a", "a", true),
            ("a*", "ab", true),
            ("a*b", "aab", true),
        ] {
            assert_eq!(is_match(pattern, text), expected, "{pattern:?} {text:?}");
        }
    }
}
