//! Plain-text tables of at most 100 columns: numbers on the right, a rule under the heading.

use crate::escape::{cell, width};

/// The widest line.
const WIDTH_MAX: usize = 100;
/// The last column gives way down to this width.
const LAST_WIDTH_MIN: usize = 12;
/// Blanks between columns.
const GUTTER: &str = "  ";
const INDENT: &str = " ";

/// The side to which a column's texts are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A column's heading and side.
pub(crate) type Heading = (&'static str, Side);

/// The table's lines. If they would be too wide, texts are cut, with an ellipsis: the last column's
/// first, then those of the widest column.
pub(crate) fn table(headings: &[Heading], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|text| cell(text, WIDTH_MAX)).collect()).collect();
    let mut widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(at, (heading, _))| {
            let cells = rows.iter().map(|row| width(&row[at]));
            cells.chain([width(heading)]).max().unwrap_or(0)
        })
        .collect();
    narrow(&mut widths);
    let heading: Vec<String> = headings.iter().map(|(text, _)| (*text).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    let lines = [&heading, &rule].into_iter().chain(&rows);
    lines.map(|cells| line(headings, &widths, cells)).collect()
}

/// Takes from the columns what a line would be too wide by.
fn narrow(widths: &mut [usize]) {
    let gutters = INDENT.len() + GUTTER.len() * widths.len().saturating_sub(1);
    let over =
        |widths: &[usize]| (gutters + widths.iter().sum::<usize>()).saturating_sub(WIDTH_MAX);
    let too_wide = over(widths);
    if let Some(last) = widths.last_mut() {
        *last = last.saturating_sub(too_wide).max(LAST_WIDTH_MIN.min(*last));
    }
    let too_wide = over(widths);
    if let Some(widest) = widths.iter_mut().max() {
        *widest = widest.saturating_sub(too_wide).max(1);
    }
}

fn line(headings: &[Heading], widths: &[usize], cells: &[String]) -> String {
    let mut line = String::from(INDENT);
    for (at, ((_, side), (&column, text))) in
        headings.iter().zip(widths.iter().zip(cells)).enumerate()
    {
        if at > 0 {
            line.push_str(GUTTER);
        }
        let text = cell(text, column);
        let blanks = " ".repeat(column.saturating_sub(width(&text)));
        match side {
            Side::Left => line.extend([text, blanks]),
            Side::Right => line.extend([blanks, text]),
        }
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_the_last_column_gives_way() {
        let headings = [("Store", Side::Left), ("SKUs", Side::Right), ("Cause", Side::Left)];
        let rows = [
            vec!["327".to_owned(), "1".to_owned(), "New Year sale".to_owned()],
            vec!["4".to_owned(), "12".to_owned(), "x".repeat(120)],
        ];
        let lines: Vec<String> = table(&headings, &rows).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], " Store  SKUs  Cause");
        assert_eq!(lines[2], " 327       1  New Year sale");
        assert_eq!(lines[3].chars().count(), WIDTH_MAX);
        assert!(lines[3].ends_with("x…"));
    }

    #[test]
    fn no_text_makes_a_table_wider_or_breaks_its_lines() {
        let headings = [("Store", Side::Left), ("SKUs", Side::Right), ("Cause", Side::Left)];
        let hostile = ["\u{5e97}".repeat(20_000), "\u{1b}[2J\n".repeat(2_000), "x".repeat(20_000)];
        for text in hostile {
            let rows = [vec![text.clone(), "1".to_owned(), text]];
            let shown = table(&headings, &rows);
            assert_eq!(shown.lines().count(), 3, "{shown}");
            for line in shown.lines() {
                assert!(width(line) <= WIDTH_MAX && !line.contains('\u{1b}'), "{shown}");
            }
        }
    }
}
