-- Spark 3.5 and later: the registry (section 8 of SPEC.md) as a view, without merges:
-- one row per event, with people's edits applied, open events with the figures of their last
-- tick. Edits of `merged_into` are left out. What runs disagree about is null here as there;
-- `cohort registry` also says why, and shows the trail of edits.
--
-- Null here, and not there, are totals of an open event two of whose windows of one SKU meet, and
-- the name of one at whose cut several clusters begin. `cohort registry` finds them in the inputs.
--
-- The view sees the rows of the logs and not what the runs cover. If runs are missing between two
-- others, or disagree about an event that is open, ask `cohort registry`.
--
-- The two logs are those of logs.spark.sql. Give the edits log's folder below.

CREATE OR REPLACE TEMPORARY VIEW user_minority_events_edits_log
USING parquet OPTIONS (path 's3://lake/user_minority_events_edits_log/');

CREATE OR REPLACE TEMPORARY VIEW registry AS
WITH stated AS (
  -- One row per event and version, and whether runs say different things in a column.
  SELECT event_id, version, min(store_id) AS store_id, min(created_at) AS created_at,
    min(cohort_id) AS cohort_id, min(run_id) AS run_id,
    min(window_start) AS window_start,
    count(DISTINCT window_start)
      + CASE WHEN count(window_start) < count(*) THEN 1 ELSE 0 END > 1
      AS window_start_differs,
    min(window_end) AS window_end,
    count(DISTINCT window_end)
      + CASE WHEN count(window_end) < count(*) THEN 1 ELSE 0 END > 1
      AS window_end_differs,
    min(event_status) AS event_status,
    count(DISTINCT event_status)
      + CASE WHEN count(event_status) < count(*) THEN 1 ELSE 0 END > 1
      AS event_status_differs,
    min(finalized_at) AS finalized_at,
    count(DISTINCT finalized_at)
      + CASE WHEN count(finalized_at) < count(*) THEN 1 ELSE 0 END > 1
      AS finalized_at_differs,
    min(report_count) AS report_count,
    count(DISTINCT report_count)
      + CASE WHEN count(report_count) < count(*) THEN 1 ELSE 0 END > 1
      AS report_count_differs,
    min(sku_count) AS sku_count,
    count(DISTINCT sku_count)
      + CASE WHEN count(sku_count) < count(*) THEN 1 ELSE 0 END > 1
      AS sku_count_differs,
    min(severity_score) AS severity_score,
    count(DISTINCT severity_score)
      + CASE WHEN count(severity_score) < count(*) THEN 1 ELSE 0 END > 1
      AS severity_score_differs,
    min(impact_estimate) AS impact_estimate,
    count(DISTINCT impact_estimate)
      + CASE WHEN count(impact_estimate) < count(*) THEN 1 ELSE 0 END > 1
      AS impact_estimate_differs,
    min(attributed_sales_total) AS attributed_sales_total,
    count(DISTINCT attributed_sales_total)
      + CASE WHEN count(attributed_sales_total) < count(*) THEN 1 ELSE 0 END > 1
      AS attributed_sales_total_differs,
    min(baseline_sales_total) AS baseline_sales_total,
    count(DISTINCT baseline_sales_total)
      + CASE WHEN count(baseline_sales_total) < count(*) THEN 1 ELSE 0 END > 1
      AS baseline_sales_total_differs,
    min(proposed_cause) AS proposed_cause,
    count(DISTINCT proposed_cause)
      + CASE WHEN count(proposed_cause) < count(*) THEN 1 ELSE 0 END > 1
      AS proposed_cause_differs,
    min(proposed_cause_category) AS proposed_cause_category,
    count(DISTINCT proposed_cause_category)
      + CASE WHEN count(proposed_cause_category) < count(*) THEN 1 ELSE 0 END > 1
      AS proposed_cause_category_differs,
    min(confidence_score) AS confidence_score,
    count(DISTINCT confidence_score)
      + CASE WHEN count(confidence_score) < count(*) THEN 1 ELSE 0 END > 1
      AS confidence_score_differs,
    min(cohort_confidence) AS cohort_confidence,
    count(DISTINCT cohort_confidence)
      + CASE WHEN count(cohort_confidence) < count(*) THEN 1 ELSE 0 END > 1
      AS cohort_confidence_differs,
    min(cohort_name) AS cohort_name,
    count(DISTINCT cohort_name)
      + CASE WHEN count(cohort_name) < count(*) THEN 1 ELSE 0 END > 1
      AS cohort_name_differs,
    min(cohort_reason) AS cohort_reason,
    count(DISTINCT cohort_reason)
      + CASE WHEN count(cohort_reason) < count(*) THEN 1 ELSE 0 END > 1
      AS cohort_reason_differs,
    min(continues_event_id) AS continues_event_id,
    count(DISTINCT continues_event_id)
      + CASE WHEN count(continues_event_id) < count(*) THEN 1 ELSE 0 END > 1
      AS continues_event_id_differs,
    min(end_reason) AS end_reason,
    count(DISTINCT end_reason)
      + CASE WHEN count(end_reason) < count(*) THEN 1 ELSE 0 END > 1
      AS end_reason_differs,
    min(written_at) AS written_at,
    count(DISTINCT written_at)
      + CASE WHEN count(written_at) < count(*) THEN 1 ELSE 0 END > 1
      AS written_at_differs
  FROM minority_event_log GROUP BY event_id, version
), newest AS (
  SELECT * FROM (
    SELECT event_id, version, store_id, created_at, cohort_id, run_id,
      window_start,
      max(CASE WHEN window_start_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS window_start_differs,
      window_end,
      max(CASE WHEN window_end_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS window_end_differs,
      event_status,
      max(CASE WHEN event_status_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS event_status_differs,
      finalized_at,
      max(CASE WHEN finalized_at_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS finalized_at_differs,
      report_count,
      max(CASE WHEN report_count_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS report_count_differs,
      sku_count,
      max(CASE WHEN sku_count_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS sku_count_differs,
      severity_score,
      max(CASE WHEN severity_score_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS severity_score_differs,
      impact_estimate,
      max(CASE WHEN impact_estimate_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS impact_estimate_differs,
      attributed_sales_total,
      max(CASE WHEN attributed_sales_total_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS attributed_sales_total_differs,
      baseline_sales_total,
      max(CASE WHEN baseline_sales_total_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS baseline_sales_total_differs,
      proposed_cause,
      max(CASE WHEN proposed_cause_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS proposed_cause_differs,
      proposed_cause_category,
      max(CASE WHEN proposed_cause_category_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS proposed_cause_category_differs,
      confidence_score,
      max(CASE WHEN confidence_score_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS confidence_score_differs,
      cohort_confidence,
      max(CASE WHEN cohort_confidence_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS cohort_confidence_differs,
      cohort_name,
      max(CASE WHEN cohort_name_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS cohort_name_differs,
      cohort_reason,
      max(CASE WHEN cohort_reason_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS cohort_reason_differs,
      continues_event_id,
      max(CASE WHEN continues_event_id_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS continues_event_id_differs,
      end_reason,
      max(CASE WHEN end_reason_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS end_reason_differs,
      written_at,
      max(CASE WHEN written_at_differs THEN 1 ELSE 0 END)
        OVER (PARTITION BY event_id) = 1 AS written_at_differs,
      row_number() OVER (PARTITION BY event_id ORDER BY version DESC) AS place
    FROM stated) AS placed
  WHERE place = 1
), line AS (
  -- The last row of each line of an open event.
  SELECT * FROM (
    SELECT line.*, row_number() OVER (
      PARTITION BY line.report_group_id, line.report_id, line.sku
      ORDER BY line.version DESC, line.run_id) AS place
    FROM minority_reports_cohorted_log AS line
    JOIN newest ON newest.event_id = line.report_group_id
    WHERE newest.event_status = 'active' AND line.event_status = 'active') AS placed
  WHERE place = 1
), windowed AS (
  SELECT line.*, window_start <= max(written_at) OVER (
    PARTITION BY report_group_id, sku ORDER BY window_start, written_at, report_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS meets
  FROM line
), of_sku AS (
  SELECT report_group_id, sku, max(CASE WHEN meets THEN 1 ELSE 0 END) AS meets,
    max(severity_score) AS severity_score, min(window_start) AS window_start,
    max(written_at) AS written_at, sum(attributed_sales_total) AS attributed,
    sum(baseline_sales_total) AS baseline
  FROM windowed GROUP BY report_group_id, sku
), of_event AS (
  -- Where windows of one SKU meet, the logs do not show what counts once.
  SELECT report_group_id, count(*) AS skus, max(severity_score) AS severity_score,
    min(window_start) AS window_start, max(written_at) AS written_at,
    CASE WHEN max(CASE WHEN meets = 1 AND attributed IS NOT NULL THEN 1 ELSE 0 END) = 0
      THEN CAST(sum(attributed) AS DECIMAL(18,4)) END AS attributed,
    CASE WHEN max(CASE WHEN meets = 1 AND baseline IS NOT NULL THEN 1 ELSE 0 END) = 0
      THEN CAST(sum(baseline) AS DECIMAL(18,4)) END AS baseline
  FROM of_sku GROUP BY report_group_id
), shared AS (
  -- What all rows of an event at its last tick say alike.
  SELECT line.report_group_id, min(line.run_id) AS run_id,
    min(line.proposed_cause) AS proposed_cause,
    min(line.proposed_cause_category) AS proposed_cause_category,
    min(line.confidence_score) AS confidence_score,
    min(line.cohort_confidence) AS cohort_confidence,
    min(line.cohort_reason) AS cohort_reason, min(line.cohort_size) AS cohort_size
  FROM minority_reports_cohorted_log AS line JOIN of_event
    ON of_event.report_group_id = line.report_group_id
    AND of_event.written_at = line.written_at
  WHERE line.event_status = 'active' GROUP BY line.report_group_id
), named AS (
  SELECT report_group_id, report_id, window_start, cluster_name, row_number() OVER (
    PARTITION BY report_group_id ORDER BY window_start, sku NULLS FIRST, report_id) AS place
  FROM line WHERE cluster_name IS NOT NULL
), cluster AS (
  -- Null if several lines may be the first.
  SELECT one.report_group_id, CASE WHEN max(CASE WHEN other.report_id <> one.report_id
      AND other.cluster_name <> one.cluster_name THEN 1 ELSE 0 END) = 0
    THEN min(one.cluster_name) END AS cluster_name
  FROM named AS one JOIN named AS other
    ON other.report_group_id = one.report_group_id
    AND other.window_start = one.window_start
  WHERE one.place = 1 GROUP BY one.report_group_id
), today AS (
  SELECT newest.event_id, newest.store_id, newest.version, newest.created_at, newest.cohort_id,
    coalesce(shared.run_id, newest.run_id) AS run_id,
    CASE WHEN newest.window_start_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.window_start
      ELSE of_event.window_start END AS window_start,
    CASE WHEN NOT newest.window_end_differs
      THEN newest.window_end END AS window_end,
    CASE WHEN NOT newest.event_status_differs
      THEN newest.event_status END AS event_status,
    CASE WHEN NOT newest.finalized_at_differs
      THEN newest.finalized_at END AS finalized_at,
    CASE WHEN newest.report_count_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.report_count
      ELSE shared.cohort_size END AS report_count,
    CASE WHEN newest.sku_count_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.sku_count
      ELSE CAST(of_event.skus AS INTEGER) END AS sku_count,
    CASE WHEN newest.severity_score_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.severity_score
      ELSE of_event.severity_score END AS severity_score,
    CASE WHEN newest.impact_estimate_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.impact_estimate
      ELSE CAST(of_event.attributed - of_event.baseline AS DECIMAL(18,4)) END AS impact_estimate,
    CASE WHEN newest.attributed_sales_total_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.attributed_sales_total
      ELSE of_event.attributed END AS attributed_sales_total,
    CASE WHEN newest.baseline_sales_total_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.baseline_sales_total
      ELSE of_event.baseline END AS baseline_sales_total,
    CASE WHEN newest.proposed_cause_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.proposed_cause
      ELSE shared.proposed_cause END AS proposed_cause,
    CASE WHEN newest.proposed_cause_category_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.proposed_cause_category
      ELSE shared.proposed_cause_category END AS proposed_cause_category,
    CASE WHEN newest.confidence_score_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.confidence_score
      ELSE shared.confidence_score END AS confidence_score,
    CASE WHEN newest.cohort_confidence_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.cohort_confidence
      ELSE shared.cohort_confidence END AS cohort_confidence,
    CASE WHEN newest.cohort_name_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.cohort_name
      ELSE CASE
        WHEN shared.proposed_cause IS NULL AND cluster.report_group_id IS NOT NULL
          AND cluster.cluster_name IS NULL THEN NULL
        ELSE concat(
          substring(newest.cohort_name, 1, length(newest.store_id) + 28),
          coalesce(
            concat(', ', coalesce(shared.proposed_cause, cluster.cluster_name)), ''))
        END
      END AS cohort_name,
    CASE WHEN newest.cohort_reason_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.cohort_reason
      ELSE shared.cohort_reason END AS cohort_reason,
    CASE WHEN NOT newest.continues_event_id_differs
      THEN newest.continues_event_id END AS continues_event_id,
    CASE WHEN NOT newest.end_reason_differs
      THEN newest.end_reason END AS end_reason,
    CASE WHEN newest.written_at_differs THEN NULL
      WHEN of_event.report_group_id IS NULL THEN newest.written_at
      ELSE of_event.written_at END AS written_at
  FROM newest
  LEFT JOIN of_event ON of_event.report_group_id = newest.event_id
  LEFT JOIN shared ON shared.report_group_id = newest.event_id
  LEFT JOIN cluster ON cluster.report_group_id = newest.event_id
), edit AS (
  SELECT *, row_number() OVER (PARTITION BY edit_id ORDER BY edited_at NULLS FIRST,
    event_id NULLS FIRST, field NULLS FIRST, new_value NULLS FIRST, edited_by NULLS FIRST,
    reason NULLS FIRST) AS place
  FROM (SELECT DISTINCT edit_id, event_id, field, new_value, edited_by, edited_at, reason
    FROM user_minority_events_edits_log) AS once
), sound AS (
  -- Edits that are well formed. Whether a revert applies is judged below, in order.
  SELECT edit_id, event_id, field, new_value, edited_at FROM edit
  WHERE place = 1 AND edit_id IS NOT NULL AND field IS NOT NULL AND edited_by IS NOT NULL
    AND edited_at IS NOT NULL AND event_id IN (SELECT event_id FROM newest)
    AND CASE
      WHEN field IN ('cohort_name', 'proposed_cause', 'proposed_cause_category',
        'cohort_reason', 'note', 'assignee', 'close_reason') THEN true
      WHEN field = 'revert' THEN new_value IS NOT NULL
      WHEN new_value IS NULL THEN field IN ('verdict', 'review_status', 'suppressed_until')
      WHEN field = 'verdict' THEN new_value IN
        ('confirmed', 'false_positive', 'planned_activity', 'duplicate')
      WHEN field = 'review_status' THEN new_value IN ('open', 'acknowledged', 'resolved')
      WHEN field = 'suppressed_until' THEN
        new_value RLIKE (
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?'
          || '([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$')
        AND try_to_timestamp(upper(new_value)) BETWEEN
          TIMESTAMP '0001-01-01 00:00:00Z' AND TIMESTAMP '9999-12-31 23:59:59.999999Z'
      ELSE false END
), folded AS (
  -- Each edit in its turn. A revert applies if the edit that it names has applied and holds.
  SELECT event_id,
    aggregate(
      array_sort(collect_list(struct(edited_at, edit_id, field, new_value))),
      CAST(array() AS ARRAY<STRUCT<edit_id: STRING, field: STRING, new_value: STRING>>),
      (applied, edit) -> CASE
        WHEN edit.field <> 'revert' OR (
          exists(applied, other -> other.edit_id = edit.new_value)
          AND NOT array_contains(
            aggregate(
              reverse(applied),
              CAST(array() AS ARRAY<STRING>),
              (dead, other) -> CASE
                WHEN other.field = 'revert' AND NOT array_contains(dead, other.edit_id)
                THEN concat(dead, array(other.new_value)) ELSE dead END),
            edit.new_value))
        THEN concat(applied, array(named_struct(
          'edit_id', edit.edit_id, 'field', edit.field, 'new_value', edit.new_value)))
        ELSE applied END) AS applied
  FROM sound GROUP BY event_id
), judged AS (
  -- The edits that a revert takes back that holds itself, from the last to the first.
  SELECT event_id, applied,
    aggregate(
      reverse(applied),
      CAST(array() AS ARRAY<STRING>),
      (dead, other) -> CASE
        WHEN other.field = 'revert' AND NOT array_contains(dead, other.edit_id)
        THEN concat(dead, array(other.new_value)) ELSE dead END) AS dead
  FROM folded
), person AS (
  SELECT event_id,
    filter(applied, edit -> NOT array_contains(dead, edit.edit_id)) AS holding
  FROM judged
)
SELECT today.event_id, store_id, window_start, window_end, event_status, created_at, finalized_at,
  version, report_count, sku_count, severity_score, impact_estimate, attributed_sales_total,
  baseline_sales_total,
  CASE WHEN exists(holding, edit -> edit.field = 'proposed_cause')
    THEN element_at(
      filter(holding, edit -> edit.field = 'proposed_cause'), -1).new_value
    ELSE today.proposed_cause END AS proposed_cause,
  CASE WHEN exists(holding, edit -> edit.field = 'proposed_cause_category')
    THEN element_at(
      filter(holding, edit -> edit.field = 'proposed_cause_category'), -1).new_value
    ELSE today.proposed_cause_category END AS proposed_cause_category,
  confidence_score, cohort_confidence, cohort_id,
  CASE WHEN exists(holding, edit -> edit.field = 'cohort_name')
    THEN element_at(
      filter(holding, edit -> edit.field = 'cohort_name'), -1).new_value
    ELSE today.cohort_name END AS cohort_name,
  CASE WHEN exists(holding, edit -> edit.field = 'cohort_reason')
    THEN element_at(
      filter(holding, edit -> edit.field = 'cohort_reason'), -1).new_value
    ELSE today.cohort_reason END AS cohort_reason,
  continues_event_id, end_reason, run_id, written_at,
  today.proposed_cause AS machine_proposed_cause,
  today.proposed_cause_category AS machine_proposed_cause_category,
  today.cohort_name AS machine_cohort_name,
  today.cohort_reason AS machine_cohort_reason,
  CASE WHEN exists(holding, edit -> edit.field = 'note')
    THEN element_at(
      filter(holding, edit -> edit.field = 'note'), -1).new_value END AS note,
  CASE WHEN exists(holding, edit -> edit.field = 'verdict')
    THEN element_at(
      filter(holding, edit -> edit.field = 'verdict'), -1).new_value END AS verdict,
  CASE WHEN exists(holding, edit -> edit.field = 'review_status')
    THEN element_at(
      filter(holding, edit -> edit.field = 'review_status'), -1).new_value END AS review_status,
  CASE WHEN exists(holding, edit -> edit.field = 'assignee')
    THEN element_at(
      filter(holding, edit -> edit.field = 'assignee'), -1).new_value END AS assignee,
  CASE WHEN exists(holding, edit -> edit.field = 'close_reason')
    THEN element_at(
      filter(holding, edit -> edit.field = 'close_reason'), -1).new_value END AS close_reason,
  CASE WHEN exists(holding, edit -> edit.field = 'suppressed_until')
    THEN CAST(upper(element_at(
      filter(holding, edit -> edit.field = 'suppressed_until'), -1).new_value) AS TIMESTAMP)
    END AS suppressed_until
FROM today LEFT JOIN person ON person.event_id = today.event_id;
