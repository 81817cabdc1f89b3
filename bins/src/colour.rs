//! Colour, on a terminal alone and where `NO_COLOR` does not forbid it.

use std::borrow::Cow;
use std::io::{self, IsTerminal};

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const PLAIN: &str = "\u{1b}[0m";

/// What words mean, wherever they stand in a line.
const WORDS: [(&str, &str); 3] = [("ok    ", GREEN), ("FAIL  ", RED), ("NO ANSWER LEFT", RED)];

/// Whether `stream` shows colours to a person.
pub(crate) fn is_on(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `text` for stdout: verdicts at the beginning of a line, and its end, in colour.
pub(crate) fn verdicts(text: &str) -> Cow<'_, str> {
    if is_on(&io::stdout()) { painted(text).into() } else { text.into() }
}

fn painted(text: &str) -> String {
    let paint = |line: &str| {
        for (word, colour) in WORDS {
            if let Some(rest) = line.strip_prefix(word) {
                return format!("{colour}{word}{PLAIN}{rest}");
            }
            if let Some(rest) = line.strip_suffix(word) {
                return format!("{rest}{colour}{word}{PLAIN}");
            }
        }
        line.to_owned()
    };
    text.lines().map(paint).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::painted;

    #[test]
    fn verdicts_are_painted_and_nothing_else() {
        let text =
            "ok    a name that says FAIL  \nFAIL  another\n      because\nx: west -> NODATA   NO ANSWER LEFT";
        let expected = "\u{1b}[32mok    \u{1b}[0ma name that says FAIL  \n\u{1b}[31mFAIL  \u{1b}[0manother\n      because\n\
                        x: west -> NODATA   \u{1b}[31mNO ANSWER LEFT\u{1b}[0m";
        assert_eq!(painted(text), expected);
    }
}
