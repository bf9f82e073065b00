//! What is wrong with a TOML file of our own forms. Repeats nothing of the file: there are addresses in it.

/// The line, where it is known, and the parser's message. The parser's own display would print the line itself.
pub(super) fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    match error.span() {
        Some(span) => {
            let before = text.as_bytes().iter().take(span.start);
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message.to_owned(),
    }
}
