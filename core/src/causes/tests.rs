//! The rules of SPEC 7 on spans of a few microseconds.

use super::super::claims::Claims;
use super::*;
use crate::Carried;

fn us(us: i64) -> Timestamp {
    Timestamp::from_us(us).unwrap()
}

fn candidate(source: CandidateSource, id: &str, span: (i64, i64)) -> Candidate {
    Candidate {
        source,
        id: id.into(),
        label: format!("cause {id}").into(),
        category: "c".into(),
        store_id: None,
        sku: None,
        starts_at: us(span.0),
        ends_at: us(span.1),
        confidence: 1.0,
    }
}

fn reported(cause: &str, confidence: Option<f64>) -> Carried {
    Carried {
        proposed_cause: Some(cause.into()),
        confidence_score: confidence,
        ..Carried::default()
    }
}

fn best(all: Vec<Candidate>, onset: i64, m: i64) -> Option<(String, f64, String)> {
    let all = Candidates::new(all);
    let found = all.for_line("s", Some("k"), us(onset), us(m));
    best_match(&found, us(onset), us(m))
        .map(|m| (m.candidate.id.to_string(), m.score, m.evidence()))
}

#[test]
fn the_score_is_confidence_times_specificity_times_overlap() {
    let everywhere = candidate(CandidateSource::Context, "w", (0, 60));
    let here = Candidate {
        store_id: Some("s".into()),
        confidence: 0.5,
        ..candidate(CandidateSource::Campaign, "p", (10, 90))
    };
    let (id, score, evidence) = best(vec![everywhere, here.clone()], 0, 60).unwrap();
    assert_eq!((id.as_str(), score), ("w", 0.5));
    assert_eq!(evidence, r#"{"source":"contextual_data","id":"w","overlap":1.0000}"#);
    let (_, score, evidence) = best(vec![here], 0, 60).unwrap();
    assert_eq!(score, 0.5 * 0.8 * (50.0 / 60.0));
    assert_eq!(evidence, r#"{"source":"all_campaign_data","id":"p","overlap":0.8333}"#);
}

#[test]
fn claims_come_with_the_winner_first_and_each_with_its_score() {
    let weak = Candidate { confidence: 0.5, ..candidate(CandidateSource::Campaign, "w", (0, 9)) };
    let all = [
        weak,
        candidate(CandidateSource::Context, "b", (0, 9)),
        candidate(CandidateSource::Context, "a", (0, 9)),
        candidate(CandidateSource::Context, "elsewhere", (90, 99)),
    ];
    let all = Candidates::new(all);
    let claims = all.claims("s", Some("k"), us(0), us(9));
    let claims: Vec<_> = claims.into_iter().map(|(one, score)| (&*one.id, score)).collect();
    assert_eq!(claims, [("a", 0.5), ("b", 0.5), ("w", 0.25)]);
}

#[test]
fn equal_scores_go_to_the_campaign_then_to_the_least_id() {
    let all = vec![
        candidate(CandidateSource::Context, "a", (0, 9)),
        candidate(CandidateSource::Campaign, "c", (0, 9)),
        candidate(CandidateSource::Campaign, "b", (0, 9)),
    ];
    assert_eq!(best(all, 0, 9).unwrap().0, "b");
}

#[test]
fn other_stores_other_skus_zero_scores_and_reversed_spans_do_not_match() {
    let all = vec![
        Candidate {
            store_id: Some("t".into()),
            ..candidate(CandidateSource::Campaign, "a", (0, 9))
        },
        Candidate { sku: Some("l".into()), ..candidate(CandidateSource::Campaign, "b", (0, 9)) },
        Candidate { confidence: 0.0, ..candidate(CandidateSource::Campaign, "c", (0, 9)) },
        candidate(CandidateSource::Campaign, "d", (9, 0)),
        candidate(CandidateSource::Campaign, "e", (10, 12)),
        candidate(CandidateSource::Campaign, "touches in one instant", (9, 12)),
    ];
    assert_eq!(best(all, 0, 9), None);
    assert_eq!(best(vec![candidate(CandidateSource::Campaign, "f", (5, 5))], 5, 5).unwrap().1, 0.5);
}

#[test]
fn overlap_rounds_half_to_even() {
    let evidence =
        best(vec![candidate(CandidateSource::Campaign, "a\"", (0, 1))], 0, 160).unwrap().2;
    assert_eq!(evidence, r#"{"source":"all_campaign_data","id":"a\"","overlap":0.0062}"#);
}

/// The dominant cause of lines in their order.
fn dominant<'a>(lines: impl IntoIterator<Item = Option<Attribution<'a>>>) -> Option<Cause<'a>> {
    let lines: Vec<_> = lines.into_iter().collect();
    let mut claims = Claims::new(lines.len());
    lines.into_iter().enumerate().for_each(|(line, cause)| claims.set(line, cause));
    claims.dominant()
}

#[test]
fn the_dominant_cause_has_the_greatest_sum_then_most_lines_then_least_text() {
    let rows = [
        reported("b", Some(0.25)),
        reported("b", Some(0.25)),
        reported("a", Some(0.5)),
        reported("c", Some(0.5)),
    ];
    let lines: Vec<_> =
        rows.iter().map(|row| Some(Attribution::Reported(row))).chain([None]).collect();
    let cause = dominant(lines.iter().copied()).unwrap();
    assert_eq!(
        (cause.cause, cause.confidence, cause.cohort_confidence, cause.shared),
        ("b", Some(0.25), 0.1, false)
    );
    let cause = dominant(lines[2..].iter().copied()).unwrap();
    assert_eq!(cause.cause, "a");
}

#[test]
fn a_null_confidence_counts_as_zero() {
    let rows = [reported("a", None), reported("a", None)];
    let lines: Vec<_> = rows.iter().map(|row| Some(Attribution::Reported(row))).collect();
    let cause = dominant(lines.iter().copied()).unwrap();
    assert_eq!((cause.confidence, cause.cohort_confidence, cause.shared), (None, 0.0, true));
    assert_eq!(dominant([None, None]), None);
}
