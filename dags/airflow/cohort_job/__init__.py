"""What the cohorting DAGs share: pure helpers in `request` and `outcome`, Airflow around them."""
