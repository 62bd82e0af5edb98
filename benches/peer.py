"""The command line that the peers share."""

import argparse
import os
from pathlib import Path

REPORTS = "minority_reports_detected_log"
SCORES = "anomaly_classifier_model_prediction_log"
SALES = "baseline_sales_model_prediction_log"
RUN_ID = "peer"


def arguments(description: str | None) -> argparse.Namespace:
    """DATA holds the input logs; OUT gets mrch.parquet and melog.parquet."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", required=True, help="ISO 8601, with its offset")
    parser.add_argument("--end", required=True, help="ISO 8601, with its offset")
    parser.add_argument("--gap", type=int, default=1800, help="seconds")
    parser.add_argument("--max-event-duration", type=int, default=7 * 86_400, help="seconds")
    parser.add_argument("--lookback", type=int, default=30 * 86_400, help="seconds")
    parser.add_argument("--dirty", action="store_true", help="the prediction logs have duplicates")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args
