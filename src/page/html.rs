//! The page itself: everything that is not drawn by a script, and the places for what is.
//!
//! Texts of the data come in as [`Text`] and leave through the one function that escapes for HTML.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use super::packed::{STYLE, library, policy, script};
use crate::escape;

/// A text that others wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub String);

impl Render for Text {
    fn render_to(&self, page: &mut String) {
        page.push_str(&escape::html(&self.0));
    }
}

/// What the page says without a script.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Where it is from: the lineage's prefix.
    pub source: String,
    /// From when to when, and over how many runs.
    pub covered: String,
    /// What a check of the runs said, if there was one.
    pub check: Option<Check>,
    /// What runs disagree about: one sentence for each event, and how many more there are.
    pub conflicts: Listed,
    /// Edits that do not apply, with the reason.
    pub unapplied: Listed,
    /// One sentence on the quality of the data, then its tables.
    pub quality: String,
    /// Titles, then rows.
    pub rejects: (Vec<&'static str>, Vec<Vec<PageCell>>),
    /// Titles, then rows.
    pub runs: (Vec<&'static str>, Vec<Vec<PageCell>>),
}

/// A few of many.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub texts: Vec<String>,
    pub left: usize,
}

/// What a check of the runs said.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub is_sound: bool,
    pub said: String,
    pub findings: Listed,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PageCell {
    Text(String),
    Number(String),
}

/// The data that the scripts read, packed.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    pub table: String,
    pub details: Vec<String>,
}

/// The whole page.
pub(super) fn page(view: &View, data: &Packed) -> String {
    let script = script();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(&script));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { "Events of the stores" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#events" { "Skip to the table of events" }
                (header(view))
                (bar())
                div.frame.columns {
                    main { (content(view)) }
                    (drawer())
                }
                footer.frame {
                    p {
                        "Made by cohort " (env!("CARGO_PKG_VERSION"))
                        ". All times are UTC; amounts are in the currency of the logs. Charts by \
                         Apache ECharts, Apache-2.0."
                    }
                }
                div #tip.tip hidden role="status" {}
                (carried("table", &data.table))
                (carried("library", &library()))
                script { (PreEscaped(script.as_str())) }
                // What is needed last comes last: the table is drawn before it has been read.
                @for (at, details) in data.details.iter().enumerate() {
                    (carried(&format!("details-{at}"), details))
                }
            }
        }
    };
    markup.into_string()
}

/// Something packed. No browser takes it for a script.
fn carried(id: &str, packed: &str) -> Markup {
    html! { script type="application/gzip" id=(id) { (PreEscaped(packed)) } }
}

fn header(view: &View) -> Markup {
    html! {
        header.frame {
            h1 { "Events of the stores" }
            p.quiet { bdi { (Text(view.covered.clone())) } }
            button #theme type="button" { "Theme" }
        }
    }
}

fn bar() -> Markup {
    html! {
        div.bar role="search" aria-label="Filters" {
            div.frame {
                input #by-store type="text" list="store-names" placeholder="Add a store"
                    aria-label="Add a store to those shown" autocomplete="off";
                datalist #store-names {}
                select #by-cause aria-label="Cause" {}
                select #by-status aria-label="Status" {}
                select #by-verdict aria-label="Verdict" {}
                select #by-review aria-label="Review" {}
                input #find type="search" placeholder="Find" autocomplete="off"
                    aria-label="Find in the keys, causes and categories of events";
                span #chips.chips {}
                button #clear type="button" hidden { "Clear filters" }
                span #no-store.quiet role="status" hidden { "no store of that name" }
            }
        }
    }
}

fn content(view: &View) -> Markup {
    html! {
        p #failed.notice role="alert" hidden {}
        noscript { p.notice { "Charts and table need JavaScript, which is switched off." } }
        (notices(view))
        dl.figures aria-label="Figures of the events that the filters let through" {
            (figure("events", "Events"))
            (figure("open", "Open"))
            (figure("loss", "Loss"))
            (figure("stores", "Stores affected"))
            (figure("severest", "Most severe"))
            (figure("reviewed", "Confirmed"))
        }
        div.pair {
            section.panel aria-labelledby="trend-title" {
                div.head { h2 #trend-title { "Trend" } }
                div #trend.chart role="img" aria-label="The trend is being drawn" {}
            }
            section.panel aria-labelledby="causes-title" {
                div.head {
                    h2 #causes-title { "Loss by cause" }
                    span #causes-left.quiet {}
                }
                div #causes.chart role="img" aria-label="The causes are being drawn" {}
            }
        }
        (stores())
        (timeline())
        (events())
        (quality(view))
    }
}

fn figure(name: &str, title: &str) -> Markup {
    html! {
        div class=(format!("figure {name}")) {
            dt { (title) }
            dd.value id=(format!("figure-{name}")) { "–" }
            dd.note id=(format!("note-{name}")) {}
        }
    }
}

fn stores() -> Markup {
    html! {
        section.panel aria-labelledby="heat-title" {
            div.head {
                h2 #heat-title { "Stores by day" }
                span.legend {
                    span #heat-least {}
                    span #heat-ramp.ramp aria-hidden="true" {}
                    span #heat-most {}
                }
                span.push.group {
                    select #measure aria-label="What the heat map shows" {
                        option value="loss" { "loss" }
                        option value="events" { "number of events" }
                        option value="severity" { "greatest severity" }
                    }
                }
                span.pages {
                    span #stores-shown.quiet role="status" {}
                    button #stores-before type="button" aria-label="Stores before these" { "‹" }
                    button #stores-after type="button" aria-label="Stores after these" { "›" }
                }
            }
            div #heat.chart role="img" aria-label="The heat map is being drawn" {}
        }
    }
}

fn timeline() -> Markup {
    html! {
        section.panel aria-labelledby="timeline-title" {
            div.head {
                h2 #timeline-title { "Timeline" }
                span #timeline-of.quiet {}
                span.legend {
                    "severity" span #time-least {}
                    span #time-ramp.ramp aria-hidden="true" {} span #time-most {}
                }
                span.push.group role="group" aria-label="Zoom of the timeline" {
                    button #zoom-out type="button" aria-label="Zoom out" { "−" }
                    button #zoom-in type="button" aria-label="Zoom in" { "+" }
                    button #zoom-all type="button" { "Whole range" }
                }
            }
            div #timeline.chart role="img" aria-label="The timeline is being drawn" {}
        }
    }
}

fn events() -> Markup {
    html! {
        section #events.panel.long aria-labelledby="events-title" tabindex="-1" {
            div.head {
                h2 #events-title { "Events" }
                span #shown.quiet role="status" {}
                span.push.pages {
                    button #before type="button" aria-label="Page before" { "‹" }
                    button #after type="button" aria-label="Next page" { "›" }
                }
                button #export type="button" { "Export CSV" }
            }
            div.scroll role="region" aria-label="Table of events" tabindex="0" {
                table.events {
                    thead { tr #head {} }
                    tbody #rows {}
                }
                p #none.empty hidden { "No event fits these filters." }
            }
        }
    }
}

fn drawer() -> Markup {
    html! {
        aside #drawer.drawer hidden aria-labelledby="drawer-title" {
            div.head {
                h2 #drawer-title {}
                button #close type="button" aria-label="Close the event" { "✕" }
            }
            p #drawer-tags {}
            div #metrics-all {
                div.shape role="radiogroup" aria-label="How the curves count" {
                    h3 { "Sales against baseline" }
                    label { input #shape-total type="radio" name="shape" checked; "so far" }
                    label { input #shape-step type="radio" name="shape"; "per tick" }
                }
                div #metrics.chart role="img" aria-label="The metrics are being drawn" {}
                p #read-out {}
                p #ticks-note.quiet {}
            }
            h3 { "Judgement" }
            div #judgement {}
            h3 { "Facts" }
            dl #facts.facts {}
            div #lines {}
        }
    }
}

fn notices(view: &View) -> Markup {
    html! {
        @if let Some(check) = &view.check {
            div class=(if check.is_sound { "notice good" } else { "notice" }) {
                strong { (Text(check.said.clone())) }
                (listed(&check.findings))
            }
        }
        @if !view.conflicts.texts.is_empty() {
            div.notice {
                strong { "Runs disagree about events. What they disagree about is left empty." }
                (listed(&view.conflicts))
            }
        }
        @if !view.unapplied.texts.is_empty() {
            div.notice {
                strong { "Edits that do not apply" }
                (listed(&view.unapplied))
            }
        }
    }
}

fn listed(listed: &Listed) -> Markup {
    html! {
        @if !listed.texts.is_empty() {
            ul {
                @for text in &listed.texts { li { bdi { (Text(text.clone())) } } }
                @if listed.left > 0 { li { "and " (listed.left) " more" } }
            }
        }
    }
}

fn quality(view: &View) -> Markup {
    html! {
        section.panel.long aria-labelledby="quality-title" {
            div.head { h2 #quality-title { "Data quality" } span.quiet { (view.quality) } }
            (table("What was read, over all runs", &view.rejects))
        }
        section.panel.long {
            details {
                summary {
                    "Runs behind this page "
                    span.quiet { (view.runs.1.len()) " from " bdi { (Text(view.source.clone())) } }
                }
                (table("Runs in the order of their intervals", &view.runs))
            }
        }
    }
}

fn table(caption: &str, (titles, rows): &(Vec<&'static str>, Vec<Vec<PageCell>>)) -> Markup {
    let numbers = rows
        .first()
        .map(|row| row.iter().map(|cell| matches!(cell, PageCell::Number(_))).collect::<Vec<_>>());
    let is_number = |at: usize| numbers.as_ref().is_some_and(|numbers| numbers[at]);
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table.plain {
                caption { (caption) }
                thead {
                    tr {
                        @for (at, title) in titles.iter().enumerate() {
                            th.number[is_number(at)] scope="col" { (title) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for cell in row {
                                @match cell {
                                    PageCell::Text(text) => td { bdi { (Text(text.clone())) } },
                                    PageCell::Number(number) => td.number { (number) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
