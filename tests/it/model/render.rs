//! Output rows as text, for comparison to the bit and for people.

use super::rows::{MelogRow, MrchRow};
use super::{Amount, Facts, Output, clock_text};

/// A row as its columns in order: name and value.
pub(crate) type Cells = Vec<(&'static str, String)>;

/// A value as text. Different values have different texts.
trait Cell {
    fn cell(&self) -> String;
}

impl Cell for String {
    fn cell(&self) -> String {
        format!("{self:?}")
    }
}

impl Cell for f64 {
    fn cell(&self) -> String {
        // The shortest digits that read back as the same bits; a NaN would show.
        format!("{self:?}")
    }
}

impl Cell for i32 {
    fn cell(&self) -> String {
        self.to_string()
    }
}

impl Cell for i64 {
    fn cell(&self) -> String {
        clock_text(*self)
    }
}

impl Cell for Amount {
    fn cell(&self) -> String {
        let (sign, digits) = (if *self < 0 { "-" } else { "" }, self.unsigned_abs());
        format!("{sign}{}.{:04}", digits / 10_000, digits % 10_000)
    }
}

impl<T: Cell> Cell for Vec<T> {
    fn cell(&self) -> String {
        let items: Vec<String> = self.iter().map(Cell::cell).collect();
        format!("[{}]", items.join(", "))
    }
}

impl<T: Cell> Cell for Option<T> {
    fn cell(&self) -> String {
        self.as_ref().map_or_else(|| "null".to_owned(), Cell::cell)
    }
}

macro_rules! cells {
    ($row:ident: $($column:ident)*) => {
        vec![$((stringify!($column), $row.$column.cell())),*]
    };
}

impl MrchRow {
    pub(crate) fn cells(&self) -> Cells {
        cells!(self: report_id report_group_id event_status report_status version store_id sku
            window_start window_end severity_score impact_estimate run_id attributed_sales_total
            baseline_sales_total feature_vector cluster_id cluster_name similarity_score
            cluster_match_confidence tsne_x tsne_y proposed_cause proposed_cause_category
            confidence_score supporting_evidence cohort_id cohort_name cohort_confidence
            cohort_reason cohort_size written_at)
    }
}

impl MelogRow {
    pub(crate) fn cells(&self) -> Cells {
        cells!(self: event_id store_id window_start window_end event_status created_at finalized_at
            version report_count sku_count severity_score impact_estimate attributed_sales_total
            baseline_sales_total proposed_cause proposed_cause_category confidence_score
            cohort_confidence cohort_id cohort_name cohort_reason continues_event_id end_reason
            run_id written_at)
    }
}

/// Every column of every row, one column a line. Columns that are null are left out.
pub(crate) fn text(output: &Output) -> String {
    let mut text = String::new();
    let mrch = output.mrch.iter().map(MrchRow::cells);
    let melog = output.melog.iter().map(MelogRow::cells);
    append(&mut text, "minority_reports_cohorted_log", mrch);
    append(&mut text, "minority_event_log", melog);
    for ((dataset, reason), rows) in &output.rejects {
        text.push_str(&format!("rejected {dataset} {reason}: {rows}\n"));
    }
    append_facts(&mut text, &output.facts);
    text
}

fn append_facts(text: &mut String, facts: &Facts) {
    text.push_str(&format!("onsets ignored: {}\n", facts.onsets_ignored));
    for ((dataset, column), values) in &facts.values_out_of_range {
        text.push_str(&format!("out of range {dataset} {column}: {values}\n"));
    }
    for (name, count) in &facts.counts {
        text.push_str(&format!("{name}: {count}\n"));
    }
    text.push_str(&format!("reports read from: {}\n", clock_text(facts.lookback_start)));
}

fn append(text: &mut String, log: &str, rows: impl Iterator<Item = Cells>) {
    for (index, cells) in rows.enumerate() {
        text.push_str(&format!("{log}, row {}\n", index + 1));
        for (column, value) in cells.iter().filter(|(_, value)| value != "null") {
            text.push_str(&format!("  {column}: {value}\n"));
        }
        text.push('\n');
    }
}

/// Where two outputs differ, in words; `None` if their rows are equal.
pub(crate) fn difference(expected: &Output, actual: &Output) -> Option<String> {
    let mut report = String::new();
    compare(
        &mut report,
        "minority_reports_cohorted_log",
        &expected.mrch.iter().map(MrchRow::cells).collect::<Vec<_>>(),
        &actual.mrch.iter().map(MrchRow::cells).collect::<Vec<_>>(),
    );
    compare(
        &mut report,
        "minority_event_log",
        &expected.melog.iter().map(MelogRow::cells).collect::<Vec<_>>(),
        &actual.melog.iter().map(MelogRow::cells).collect::<Vec<_>>(),
    );
    (!report.is_empty()).then_some(report)
}

fn compare(report: &mut String, log: &str, expected: &[Cells], actual: &[Cells]) {
    if expected.len() != actual.len() {
        report.push_str(&format!(
            "{log}: expected {} rows, found {}\n",
            expected.len(),
            actual.len()
        ));
        for row in expected.iter().filter(|row| !actual.contains(row)).take(2) {
            report.push_str(&format!("  expected, not found: {}\n", line(row)));
        }
        for row in actual.iter().filter(|row| !expected.contains(row)).take(2) {
            report.push_str(&format!("  found, not expected: {}\n", line(row)));
        }
        return;
    }
    let unequal = expected.iter().zip(actual).enumerate().filter(|(_, (a, b))| a != b);
    for (index, (a, b)) in unequal.take(3) {
        report.push_str(&format!("{log}, row {index}: {}\n", line(a)));
        for ((column, expected), (_, actual)) in a.iter().zip(b).filter(|(a, b)| a != b) {
            report.push_str(&format!("  {column}: expected {expected}, found {actual}\n"));
        }
    }
}

fn line(cells: &Cells) -> String {
    let cells: Vec<String> =
        cells.iter().map(|(column, value)| format!("{column}={value}")).collect();
    cells.join(" ")
}
