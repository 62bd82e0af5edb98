//! Texts that others wrote, made harmless for the channel that shows them: one function for each.
//!
//! Store ids, causes, names and paths may hold anything: escape sequences that rewrite a terminal,
//! line feeds that forge a message, marks that turn the direction of reading, Markdown and HTML.
//! The logs that a run commits hold them as they are. Whoever shows them to people takes one of
//! these functions, and no other code escapes:
//!
//! | channel | function |
//! |---|---|
//! | a line on stderr or in a log for people | [`line()`] |
//! | a cell of a table on a terminal | [`cell`] |
//! | a cell of a table in Markdown | [`markdown`] |
//! | HTML, between tags or in a quoted attribute | [`html`] |
//! | JSON | [`json`], [`write_json`], [`write_json_indented`] |
//!
//! What nobody could see is shown as its escape, such as `\u{202e}`. Only JSON has an escape of its
//! own for it, which reads back as the same text.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use unicode_width::UnicodeWidthChar as _;

/// The longest line. A message says what to do at its end, so the middle is what is left out.
const LINE_CHARS_MAX: usize = 2_000;
/// How much of a shortened line's end is kept.
const LINE_END_CHARS: usize = 600;
/// A table of ten rows must stay small enough for every channel.
const MARKDOWN_CHARS_MAX: usize = 120;
/// Marks on one character, such as accents. No script needs more, and a heap of them paints over
/// other lines.
const MARKS_MAX: usize = 4;

/// One line, whatever the text holds. A very long text loses its middle.
pub(crate) fn line(text: &str) -> String {
    let text = visible(text);
    let chars = text.chars().count();
    if chars <= LINE_CHARS_MAX {
        return text;
    }
    let left_out = format!(" … ({} characters left out) … ", chars - LINE_CHARS_MAX);
    let start = text.chars().take(LINE_CHARS_MAX - LINE_END_CHARS);
    start.chain(left_out.chars()).chain(text.chars().skip(chars - LINE_END_CHARS)).collect()
}

/// A cell of a table on a terminal, at most `width_max` columns wide: what is wider is cut, with an
/// ellipsis.
pub(crate) fn cell(text: &str, width_max: usize) -> String {
    let text = visible(text);
    if width(&text) <= width_max {
        return text;
    }
    let mut left = width_max.saturating_sub(1);
    let fits = |c: &char| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// How many columns of a terminal a cell takes.
pub(crate) fn width(cell: &str) -> usize {
    cell.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A cell of a table in Markdown: plain text for every renderer, no link, image, code or HTML.
///
/// Renderers also make links of bare addresses, which nothing can quote. So their `:`, `.` and `@`
/// are written as escapes.
pub(crate) fn markdown(text: &str) -> String {
    let text = shortened(&visible(text), MARKDOWN_CHARS_MAX);
    let mut cell = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        match c {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            c if makes_a_link(c, before, after) => {
                let _ = write!(cell, "\\\\{}", &c.escape_unicode().to_string()[1..]);
            }
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '!' | '#' | '$' => {
                cell.extend(['\\', c]);
            }
            c => cell.push(c),
        }
    }
    cell
}

/// HTML text, which may also stand in an attribute between quotes. It is not fit for an address
/// that is followed, such as `href`, for a style or for a script.
pub(crate) fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

/// The same JSON with escapes for what nobody could see, and for `<`, so that it may stand in a
/// script of a page. It reads back as the same value.
pub(crate) fn json(json: &str) -> String {
    let mut units = [0; 2];
    json.chars().fold(String::with_capacity(json.len()), |mut escaped, c| {
        // A control character of ASCII can only be the white space between values.
        if c == '<' || (is_unseen(c) && (!c.is_ascii() || c == '\u{7f}')) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
        escaped
    })
}

/// Writes a value as [`json`] shows it, on one line, piece by piece: a list may be far larger than
/// the texts that it repeats.
///
/// # Errors
/// What `to` says.
pub(crate) fn write_json(value: &impl Serialize, to: &mut impl io::Write) -> io::Result<()> {
    Ok(serde_json::to_writer(Escaped(to), value)?)
}

/// The same, indented.
///
/// # Errors
/// What `to` says.
pub(crate) fn write_json_indented(
    value: &impl Serialize,
    to: &mut impl io::Write,
) -> io::Result<()> {
    Ok(serde_json::to_writer_pretty(Escaped(to), value)?)
}

/// JSON on its way out. Each piece is whole characters.
struct Escaped<'o, W>(&'o mut W);

impl<W: io::Write> io::Write for Escaped<'_, W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        // Most pieces need no escapes, and a registry may have many millions of them.
        if piece.iter().all(|byte| (b' '..0x7f).contains(byte) && *byte != b'<') {
            self.0.write_all(piece)?;
        } else {
            let text = str::from_utf8(piece).map_err(io::Error::other)?;
            self.0.write_all(json(text).as_bytes())?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text with an escape for every character that nobody could see.
fn visible(text: &str) -> String {
    let mut marks = 0;
    text.chars().fold(String::with_capacity(text.len()), |mut visible, c| {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if is_unseen(c) {
            visible.extend(c.escape_default());
        } else if marks > MARKS_MAX {
            visible.extend(c.escape_unicode());
        } else {
            visible.push(c);
        }
        visible
    })
}

/// Whether a character is obeyed instead of shown, or is nothing to see: control characters, line
/// separators, marks of direction, notes between lines, tags, and all that Unicode calls ignorable
/// by default; the blank of Braille too. The joiners U+200C and U+200D are none of them, nor are
/// U+FE0E and U+FE0F, which choose between text and emoji: Persian, Hindi and many emoji need them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0d}'
                | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether this character would make a link of the text around it.
fn makes_a_link(c: char, before: &str, after: &str) -> bool {
    match c {
        ':' => after.starts_with("//"),
        '.' => {
            before.len() >= 3 && before.as_bytes()[before.len() - 3..].eq_ignore_ascii_case(b"www")
        }
        '@' => after.starts_with(|c: char| c.is_alphanumeric()),
        _ => false,
    }
}

/// The text, cut with an ellipsis if it has more characters.
fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that attack whoever shows them. The tests of the binary take the same.
    fn hostile() -> Vec<String> {
        let texts: Vec<(String, usize)> =
            serde_json::from_str(include_str!("../tests/hostile.json")).unwrap();
        let texts = texts.into_iter().map(|(text, times)| text.repeat(times));
        texts.chain(["\0".to_owned()]).collect()
    }

    /// No terminal, editor or log obeys this text or hides a part of it, and it is one line.
    #[track_caller]
    fn is_plain(text: &str) {
        assert!(!text.chars().any(is_unseen), "{text:?}");
        assert_eq!(text.lines().count().max(1), 1, "{text:?}");
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length() {
        for text in hostile() {
            let shown = line(&text);
            is_plain(&shown);
            assert!(shown.chars().count() < LINE_CHARS_MAX + 50, "{shown}");
        }
        // Each is nothing to see, or as good as nothing; what follows is needed.
        for unseen in ["\u{34f}", "\u{1160}", "\u{180d}", "\u{2800}", "\u{ffa0}", "\u{1d175}"] {
            assert!(line(unseen).starts_with("\\u{"), "{unseen:?}");
        }
        for seen in ["\u{2764}\u{fe0f}", "\u{915}\u{94d}\u{200d}"] {
            assert_eq!(line(seen), seen);
        }
        assert_eq!(line("a\nb\tc\u{1b}[0mé"), "a\\nb\\tc\\u{1b}[0mé");
        let long = line(&format!("{}; do this", "x".repeat(20_000)));
        assert!(long.starts_with("xxx") && long.ends_with("; do this"), "{long}");
        assert!(long.contains(" … (18009 characters left out) … "), "{long}");
    }

    #[test]
    fn a_cell_is_as_wide_as_it_may_be_and_no_wider() {
        for text in hostile() {
            for width_max in [1, 2, 7, 40] {
                let shown = cell(&text, width_max);
                is_plain(&shown);
                assert!(width(&shown) <= width_max, "{shown:?} for {width_max}");
                assert!(shown.chars().count() <= (MARKS_MAX + 1) * width_max, "{shown:?}");
            }
        }
        assert_eq!(cell("\u{5e97}\u{8217}", 4), "\u{5e97}\u{8217}");
        assert_eq!(cell("\u{5e97}\u{8217}x", 4), "\u{5e97}…");
    }

    /// What a renderer of Markdown does with a backslash, taken back.
    fn unquoted(cell: &str) -> String {
        let mut chars = cell.chars();
        let mut text = String::new();
        while let Some(c) = chars.next() {
            match c {
                '\\' => text.extend(chars.next()),
                c => text.push(c),
            }
        }
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    #[test]
    fn a_cell_of_markdown_has_nothing_that_a_renderer_obeys() {
        for text in hostile() {
            let shown = markdown(&text);
            is_plain(&shown);
            assert!(shown.chars().count() < 10 * MARKDOWN_CHARS_MAX, "{shown}");
            let mut bare = shown.clone();
            for quoted in ["\\\\", "\\|", "\\`", "\\*", "\\_", "\\~", "\\[", "\\]", "\\!", "\\$"] {
                bare = bare.replace(quoted, "");
            }
            assert!(!bare.contains(['\\', '|', '`', '*', '_', '~', '[', ']', '<', '>']), "{shown}");
            // What stands there after the quotes are taken off makes no link either.
            let seen = unquoted(&shown).to_lowercase();
            assert!(!seen.contains("://") && !seen.contains("www."), "{shown}");
            assert!(!seen.contains("me@evil"), "{shown}");
        }
        assert_eq!(
            markdown("Store 327, 00:00 UTC, 20 % @ noon"),
            "Store 327, 00:00 UTC, 20 % @ noon"
        );
        assert_eq!(markdown("a|b\n<c>"), "a\\|b\\\\n&lt;c&gt;");
        assert_eq!(markdown("https://x"), "https\\\\u{3a}//x");
    }

    #[test]
    fn html_opens_no_tag_and_ends_no_attribute() {
        for text in hostile() {
            let shown = html(&text);
            is_plain(&shown);
            assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
            let bare = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            let bare = bare.iter().fold(shown.clone(), |text, entity| text.replace(entity, ""));
            assert!(!bare.contains('&'), "{shown}");
        }
    }

    #[test]
    fn json_is_plain_and_reads_back_as_the_same() {
        for text in hostile() {
            let value = serde_json::json!({ text.clone(): [text.clone(), 1.5, null] });
            let shown = json(&value.to_string());
            is_plain(&shown);
            assert!(!shown.contains('<'), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
            let indented = json(&serde_json::to_string_pretty(&value).unwrap());
            assert_eq!(serde_json::from_str::<serde_json::Value>(&indented).unwrap(), value);
            let (mut line, mut lines) = (Vec::new(), Vec::new());
            write_json(&value, &mut line).unwrap();
            write_json_indented(&value, &mut lines).unwrap();
            assert_eq!((line, lines), (shown.into_bytes(), indented.into_bytes()));
        }
    }
}
