-- Spark SQL: the two output logs as tables.
--
-- Spark adds the column `run`, which it takes from the folders' names, behind these. It remembers
-- which files a table has: REFRESH TABLE shows new runs to a session that is already reading.

-- Unique: (report_group_id, report_id, sku, version).
CREATE TABLE minority_reports_cohorted_log (
  report_id STRING NOT NULL,
  report_group_id STRING NOT NULL,
  event_status STRING NOT NULL,
  report_status STRING NOT NULL,
  version INT NOT NULL,
  store_id STRING NOT NULL,
  sku STRING,
  window_start TIMESTAMP NOT NULL,
  window_end TIMESTAMP,
  severity_score DOUBLE,
  impact_estimate DECIMAL(18,4),
  run_id STRING NOT NULL,
  attributed_sales_total DECIMAL(18,4),
  baseline_sales_total DECIMAL(18,4),
  feature_vector ARRAY<DOUBLE>,
  cluster_id STRING,
  cluster_name STRING,
  similarity_score DOUBLE,
  cluster_match_confidence DOUBLE,
  tsne_x DOUBLE,
  tsne_y DOUBLE,
  proposed_cause STRING,
  proposed_cause_category STRING,
  confidence_score DOUBLE,
  supporting_evidence STRING,
  cohort_id STRING NOT NULL,
  cohort_name STRING NOT NULL,
  cohort_confidence DOUBLE,
  cohort_reason STRING NOT NULL,
  cohort_size INT NOT NULL,
  written_at TIMESTAMP NOT NULL
)
USING PARQUET
LOCATION 's3://lake/minority_reports_cohorted_log/';

-- Unique: (event_id, version).
CREATE TABLE minority_event_log (
  event_id STRING NOT NULL,
  store_id STRING NOT NULL,
  window_start TIMESTAMP NOT NULL,
  window_end TIMESTAMP,
  event_status STRING NOT NULL,
  created_at TIMESTAMP NOT NULL,
  finalized_at TIMESTAMP,
  version INT NOT NULL,
  report_count INT NOT NULL,
  sku_count INT NOT NULL,
  severity_score DOUBLE,
  impact_estimate DECIMAL(18,4),
  attributed_sales_total DECIMAL(18,4),
  baseline_sales_total DECIMAL(18,4),
  proposed_cause STRING,
  proposed_cause_category STRING,
  confidence_score DOUBLE,
  cohort_confidence DOUBLE,
  cohort_id STRING NOT NULL,
  cohort_name STRING NOT NULL,
  cohort_reason STRING NOT NULL,
  continues_event_id STRING,
  end_reason STRING,
  run_id STRING NOT NULL,
  written_at TIMESTAMP NOT NULL
)
USING PARQUET
LOCATION 's3://lake/minority_event_log/';
