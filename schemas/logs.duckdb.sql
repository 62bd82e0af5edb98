-- DuckDB: the two output logs as tables. Running this again loads them anew.
--
-- To read the files in place instead, as they are at each query:
--   CREATE VIEW minority_event_log AS FROM 's3://lake/minority_event_log/*/*.parquet';

-- Unique: (report_group_id, report_id, sku, version).
CREATE OR REPLACE TABLE minority_reports_cohorted_log (
  report_id VARCHAR NOT NULL,
  report_group_id VARCHAR NOT NULL,
  event_status VARCHAR NOT NULL,
  report_status VARCHAR NOT NULL,
  version INTEGER NOT NULL,
  store_id VARCHAR NOT NULL,
  sku VARCHAR,
  window_start TIMESTAMPTZ NOT NULL,
  window_end TIMESTAMPTZ,
  severity_score DOUBLE,
  impact_estimate DECIMAL(18,4),
  run_id VARCHAR NOT NULL,
  attributed_sales_total DECIMAL(18,4),
  baseline_sales_total DECIMAL(18,4),
  feature_vector DOUBLE[],
  cluster_id VARCHAR,
  cluster_name VARCHAR,
  similarity_score DOUBLE,
  cluster_match_confidence DOUBLE,
  tsne_x DOUBLE,
  tsne_y DOUBLE,
  proposed_cause VARCHAR,
  proposed_cause_category VARCHAR,
  confidence_score DOUBLE,
  supporting_evidence VARCHAR,
  cohort_id VARCHAR NOT NULL,
  cohort_name VARCHAR NOT NULL,
  cohort_confidence DOUBLE,
  cohort_reason VARCHAR NOT NULL,
  cohort_size INTEGER NOT NULL,
  written_at TIMESTAMPTZ NOT NULL
);
INSERT INTO minority_reports_cohorted_log BY NAME
FROM read_parquet('s3://lake/minority_reports_cohorted_log/*/*.parquet', hive_partitioning = false);

-- Unique: (event_id, version).
CREATE OR REPLACE TABLE minority_event_log (
  event_id VARCHAR NOT NULL,
  store_id VARCHAR NOT NULL,
  window_start TIMESTAMPTZ NOT NULL,
  window_end TIMESTAMPTZ,
  event_status VARCHAR NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  finalized_at TIMESTAMPTZ,
  version INTEGER NOT NULL,
  report_count INTEGER NOT NULL,
  sku_count INTEGER NOT NULL,
  severity_score DOUBLE,
  impact_estimate DECIMAL(18,4),
  attributed_sales_total DECIMAL(18,4),
  baseline_sales_total DECIMAL(18,4),
  proposed_cause VARCHAR,
  proposed_cause_category VARCHAR,
  confidence_score DOUBLE,
  cohort_confidence DOUBLE,
  cohort_id VARCHAR NOT NULL,
  cohort_name VARCHAR NOT NULL,
  cohort_reason VARCHAR NOT NULL,
  continues_event_id VARCHAR,
  end_reason VARCHAR,
  run_id VARCHAR NOT NULL,
  written_at TIMESTAMPTZ NOT NULL
);
INSERT INTO minority_event_log BY NAME
FROM read_parquet('s3://lake/minority_event_log/*/*.parquet', hive_partitioning = false);
