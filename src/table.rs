//! Tables as text: numbers on the right, a rule under the heading.
//!
//! On a terminal a table is no wider than the terminal. First its texts are cut, the widest first;
//! then columns are left out, and a line below says which. Elsewhere a table does not depend on its
//! surroundings: lines have at most 100 columns, and the last column gives way first.
//!
//! Whatever a cell says, it cannot reach the terminal: [`crate::escape`] makes it harmless.

use clap::builder::styling::Style;

use crate::escape::{cell, width};
use crate::screen::{HEADING, Look, QUIET};

/// The widest line of a table outside a terminal.
const WIDTH_MAX: usize = 100;
/// Outside a terminal, the last column gives way down to this width before the widest does.
const LAST_WIDTH_MIN: usize = 12;
/// The widest cell on a terminal.
const CELL_WIDTH_MAX: usize = 500;
/// Blanks between columns.
const GUTTER: &str = "  ";
const INDENT: &str = " ";
/// The least width to which a text is cut as long as a column can be left out instead.
const TEXT_MIN: usize = 8;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Text, on the left; it may be cut.
    Text,
    /// Something on the left that means nothing if it is cut, such as an instant.
    Fixed,
    /// Numbers, on the right.
    Number,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    heading: &'static str,
    holds: Holds,
    /// The column with the greatest rank is left out first, one of rank 0 never.
    rank: u8,
}

impl Column {
    /// A column. The one with the greatest rank is left out first where there is no room for all,
    /// one of rank 0 never.
    pub(crate) const fn new(heading: &'static str, holds: Holds, rank: u8) -> Self {
        Self { heading, holds, rank }
    }
}

/// A cell: one line of text, and perhaps a style.
#[derive(Clone, Debug)]
pub(crate) struct TableCell {
    text: String,
    style: Option<Style>,
}

impl<T: AsRef<str>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self { text: cell(text.as_ref(), CELL_WIDTH_MAX), style: None }
    }
}

impl TableCell {
    /// The same in a style, where colour is wanted.
    pub(crate) fn styled(self, style: Style) -> Self {
        Self { style: Some(style), ..self }
    }
}

/// The table's lines.
pub(crate) fn table(columns: &[Column], rows: &[Vec<TableCell>], look: Look) -> String {
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().map(|row| width(&row[at].text));
            cells.chain([width(column.heading)]).max().unwrap_or(0)
        })
        .collect();
    let widths = match look.width {
        Some(columns_max) => fit(columns, &natural, columns_max),
        None => narrow(&natural),
    };
    let heading: Vec<TableCell> =
        columns.iter().map(|column| TableCell::from(column.heading).styled(HEADING)).collect();
    let rule: Vec<TableCell> = widths
        .iter()
        .map(|width| TableCell::from("─".repeat(width.unwrap_or(0))).styled(QUIET))
        .collect();
    let lines = [&heading, &rule].into_iter().chain(rows);
    let mut text: String = lines.map(|cells| line(columns, &widths, cells, look)).collect();
    let left_out: Vec<&str> = columns
        .iter()
        .zip(&widths)
        .filter(|(_, width)| width.is_none())
        .map(|(column, _)| column.heading)
        .collect();
    if !left_out.is_empty() {
        let remark = format!("{INDENT}No room for {}", left_out.join(", "));
        text.push_str(&look.styled(QUIET, &cell(&remark, look.width.unwrap_or(WIDTH_MAX))));
        text.push('\n');
    }
    text
}

/// Widths that give lines of 100 columns at most: the last column gives way first, then the widest.
fn narrow(natural: &[usize]) -> Vec<Option<usize>> {
    let mut widths = natural.to_vec();
    let gutters = INDENT.len() + GUTTER.len() * widths.len().saturating_sub(1);
    let over =
        |widths: &[usize]| (gutters + widths.iter().sum::<usize>()).saturating_sub(WIDTH_MAX);
    let too_wide = over(&widths);
    if let Some(last) = widths.last_mut() {
        *last = last.saturating_sub(too_wide).max(LAST_WIDTH_MIN.min(*last));
    }
    let too_wide = over(&widths);
    if let Some(widest) = widths.iter_mut().max() {
        *widest = widest.saturating_sub(too_wide).max(1);
    }
    widths.into_iter().map(Some).collect()
}

/// Widths that fit into so many columns; `None` for a column that is left out.
fn fit(columns: &[Column], natural: &[usize], width: usize) -> Vec<Option<usize>> {
    let mut kept: Vec<bool> = vec![true; columns.len()];
    loop {
        let mut widths: Vec<_> =
            natural.iter().zip(&kept).map(|(&width, &kept)| kept.then_some(width)).collect();
        if shrink(columns, &mut widths, width, TEXT_MIN) {
            return widths;
        }
        let ranks = (0..columns.len()).filter(|&at| kept[at] && columns[at].rank > 0);
        match ranks.max_by_key(|&at| (columns[at].rank, at)) {
            Some(at) => kept[at] = false,
            None => {
                shrink(columns, &mut widths, width, 1);
                return widths;
            }
        }
    }
}

/// Cuts columns of text, the widest first, but none below `least`. Returns whether all columns fit
/// then.
fn shrink(columns: &[Column], widths: &mut [Option<usize>], width: usize, least: usize) -> bool {
    loop {
        let shown = widths.iter().flatten().count();
        let gutters = INDENT.len() + GUTTER.len() * shown.saturating_sub(1);
        let total = gutters + widths.iter().flatten().sum::<usize>();
        if total <= width {
            return true;
        }
        let texts = widths.iter_mut().zip(columns).filter(|(_, c)| c.holds == Holds::Text);
        let texts = texts.filter_map(|(width, _)| width.as_mut());
        match texts.filter(|width| **width > least).max_by_key(|width| **width) {
            Some(widest) => *widest -= 1,
            None => return false,
        }
    }
}

fn line(columns: &[Column], widths: &[Option<usize>], cells: &[TableCell], look: Look) -> String {
    let mut line = String::from(INDENT);
    // Blanks are only written before something, so that no line ends in them.
    let mut blanks = 0;
    let shown = columns.iter().zip(widths).zip(cells);
    let shown = shown.filter_map(|((column, width), cell)| Some((column, (*width)?, cell)));
    for (at, (column, wide, of_row)) in shown.enumerate() {
        if at > 0 {
            blanks += GUTTER.len();
        }
        let text = cell(&of_row.text, wide);
        let rest = wide.saturating_sub(width(&text));
        if column.holds == Holds::Number {
            blanks += rest;
        }
        if !text.is_empty() {
            line.push_str(&" ".repeat(blanks));
            blanks = 0;
            match of_row.style {
                Some(style) => line.push_str(&look.styled(style, &text)),
                None => line.push_str(&text),
            }
        }
        if column.holds != Holds::Number {
            blanks += rest;
        }
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::new("Store", Holds::Text, 0),
        Column::new("SKUs", Holds::Number, 2),
        Column::new("Impact", Holds::Number, 0),
        Column::new("Cause", Holds::Text, 1),
    ];

    fn rows() -> Vec<Vec<TableCell>> {
        [["327", "1", "-5", "New Year sale"], ["4", "12", "17", &"x".repeat(120)]]
            .map(|row| row.map(TableCell::from).to_vec())
            .to_vec()
    }

    fn lines(rows: &[Vec<TableCell>], width: Option<usize>) -> Vec<String> {
        let text = table(&COLUMNS, rows, Look { width, colour: false });
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn outside_a_terminal_the_last_column_gives_way() {
        let lines = lines(&rows(), None);
        assert_eq!(lines[0], " Store  SKUs  Impact  Cause");
        assert_eq!(lines[2], " 327       1      -5  New Year sale");
        assert_eq!(width(&lines[3]), WIDTH_MAX);
        assert!(lines[3].ends_with("x…"));
        let mut wide = rows();
        wide[0][0] = TableCell::from("s".repeat(200));
        let wide = table(&COLUMNS, &wide, Look::PLAIN);
        assert!(wide.lines().all(|line| width(line) <= WIDTH_MAX), "{wide}");
        assert!(wide.contains("ss…") && wide.contains("New Year sa…"), "{wide}");
    }

    #[test]
    fn a_table_is_never_wider_than_the_terminal_and_names_what_it_leaves_out() {
        let mut rows = rows();
        rows.push(["店舗の名前が長い場合", "1", "2", "é"].map(TableCell::from).to_vec());
        for most in 18..140 {
            let lines = lines(&rows, Some(most));
            assert!(lines.iter().all(|line| width(line) <= most), "{most}: {lines:#?}");
            let (heading, said) = (&lines[0], lines.join(" "));
            assert!(heading.contains("Store") && heading.contains("Impact"), "{heading}");
            let remark = said.contains("No room for");
            assert_eq!(remark, !(heading.contains("Cause") && heading.contains("SKUs")), "{said}");
        }
        assert_eq!(lines(&rows, Some(36))[0], " Store       SKUs  Impact  Cause");
        assert_eq!(lines(&rows, Some(30))[0], " Store       Impact  Cause");
        assert_eq!(lines(&rows, Some(30)).last().unwrap(), " No room for SKUs");
        assert_eq!(lines(&rows, Some(20)).last().unwrap(), " No room for SKUs, …");
    }

    #[test]
    fn a_wide_terminal_shows_texts_whole() {
        assert!(lines(&rows(), Some(200))[3].ends_with(&"x".repeat(120)));
    }

    #[test]
    fn no_cell_reaches_the_terminal() {
        let hostile = "a\u{1b}[2J\r\n\u{202e}b";
        let rows = vec![[hostile, "1", "2", hostile].map(TableCell::from).to_vec()];
        let lines = lines(&rows, None);
        assert_eq!(lines.len(), 3);
        assert!(lines[2].contains("a\\u{1b}[2J\\r\\n\\u{202e}b"), "{lines:?}");
    }

    #[test]
    fn colour_changes_no_width() {
        let mut rows = rows();
        rows[0][0] = rows[0][0].clone().styled(crate::screen::WRONG);
        let plain = table(&COLUMNS, &rows, Look { width: Some(40), colour: false });
        let colourful = table(&COLUMNS, &rows, Look { width: Some(40), colour: true });
        assert!(colourful.contains("\u{1b}[1m\u{1b}[31m327\u{1b}[0m"), "{colourful:?}");
        assert_eq!(anstream::adapter::strip_str(&colourful).to_string(), plain);
    }
}
