//! How bytes that somebody else chose are shown to a person: one line, no terminal escapes, nothing lost.

use std::fmt;

/// Shows bytes as text; what is not printable becomes `\n`, `\u{…}` or, where it is not UTF-8, `\xNN`.
///
/// ```
/// use pyro::model::escape::Escaped;
/// assert_eq!(Escaped(b"a\x1b[2Jb\xff\\").to_string(), r"a\u{1b}[2Jb\xff\\");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            write_runs(f, chunk.valid(), |c| c == '\\' || is_hidden(c))?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Controls, and characters that reorder or hide text around them (bidirectional controls, line separators, byte
/// order mark).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Shows a line that may hold escaped parts already: controls are escaped, backslashes stay as they are.
///
/// For whole messages at the border to a terminal; a name from outside inside a message is [`Escaped`].
///
/// ```
/// use pyro::model::escape::Line;
/// assert_eq!(Line("bad name `a\\x00`\x1b[2J").to_string(), r"bad name `a\x00`\u{1b}[2J");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Line<'a>(pub &'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_runs(f, self.0, is_hidden)
    }
}

/// Writes what is as it may be shown at once, and escapes what is not.
fn write_runs(f: &mut fmt::Formatter<'_>, text: &str, is_escaped: fn(char) -> bool) -> fmt::Result {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if is_escaped(c) {
            write!(f, "{}{}", &text[start..at], c.escape_default())?;
            start = at + c.len_utf8();
        }
    }
    f.write_str(&text[start..])
}
