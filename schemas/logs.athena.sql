-- Athena (engine version 3): the two output logs as tables.
--
-- Athena reads every folder below LOCATION, so a new run shows at once. The tables have no
-- partition column: with one, each run would have to be added with MSCK REPAIR TABLE.
--
-- Athena shows instants in UTC without a zone, and in milliseconds.

-- Unique: (report_group_id, report_id, sku, version).
CREATE EXTERNAL TABLE minority_reports_cohorted_log (
  report_id string,
  report_group_id string,
  event_status string,
  report_status string,
  version int,
  store_id string,
  sku string,
  window_start timestamp,
  window_end timestamp,
  severity_score double,
  impact_estimate decimal(18,4),
  run_id string,
  attributed_sales_total decimal(18,4),
  baseline_sales_total decimal(18,4),
  feature_vector array<double>,
  cluster_id string,
  cluster_name string,
  similarity_score double,
  cluster_match_confidence double,
  tsne_x double,
  tsne_y double,
  proposed_cause string,
  proposed_cause_category string,
  confidence_score double,
  supporting_evidence string,
  cohort_id string,
  cohort_name string,
  cohort_confidence double,
  cohort_reason string,
  cohort_size int,
  written_at timestamp
)
STORED AS PARQUET
LOCATION 's3://lake/minority_reports_cohorted_log/';

-- Unique: (event_id, version).
CREATE EXTERNAL TABLE minority_event_log (
  event_id string,
  store_id string,
  window_start timestamp,
  window_end timestamp,
  event_status string,
  created_at timestamp,
  finalized_at timestamp,
  version int,
  report_count int,
  sku_count int,
  severity_score double,
  impact_estimate decimal(18,4),
  attributed_sales_total decimal(18,4),
  baseline_sales_total decimal(18,4),
  proposed_cause string,
  proposed_cause_category string,
  confidence_score double,
  cohort_confidence double,
  cohort_id string,
  cohort_name string,
  cohort_reason string,
  continues_event_id string,
  end_reason string,
  run_id string,
  written_at timestamp
)
STORED AS PARQUET
LOCATION 's3://lake/minority_event_log/';
