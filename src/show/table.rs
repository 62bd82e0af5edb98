//! Plain-text tables of at most 100 columns: numbers on the right, a rule under the heading.

/// The widest line.
const WIDTH_MAX: usize = 100;
/// Blanks between columns.
const GUTTER: &str = "  ";
const INDENT: &str = " ";

/// The side to which a column's texts are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A column's heading and side.
pub(super) type Heading = (&'static str, Side);

/// The table's lines. If they would be too wide, the last column's texts are cut, with an ellipsis.
pub(super) fn table(headings: &[Heading], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(at, (heading, _))| {
            let cells = rows.iter().map(|row| length(&row[at]));
            cells.chain([length(heading)]).max().unwrap_or(0)
        })
        .collect();
    let gutters = INDENT.len() + GUTTER.len() * widths.len().saturating_sub(1);
    if let Some((last, others)) = widths.split_last_mut() {
        let left = WIDTH_MAX.saturating_sub(gutters + others.iter().sum::<usize>());
        *last = (*last).min(left.max(1));
    }
    let heading: Vec<String> = headings.iter().map(|(text, _)| (*text).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    let lines = [&heading, &rule].into_iter().chain(rows);
    lines.map(|cells| line(headings, &widths, cells)).collect()
}

fn line(headings: &[Heading], widths: &[usize], cells: &[String]) -> String {
    let mut line = String::from(INDENT);
    for (at, ((_, side), (&width, cell))) in
        headings.iter().zip(widths.iter().zip(cells)).enumerate()
    {
        if at > 0 {
            line.push_str(GUTTER);
        }
        let cell = cut(cell, width);
        let blanks = " ".repeat(width.saturating_sub(length(&cell)));
        match side {
            Side::Left => line.extend([cell, blanks]),
            Side::Right => line.extend([blanks, cell]),
        }
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
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
}
