"""What the cohorting assets share: pure helpers in `request` and `checks`, Dagster around them."""
