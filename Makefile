# Every recipe that CI or a reader calls. `make` alone lists them.

CARGO ?= cargo
PYTHON ?= python3
BENCH_VENV := target/bench-venv
BENCH_PYTHON := $(BENCH_VENV)/bin/python
DEMO := target/demo

.DEFAULT_GOAL := help
.PHONY: help build demo demo-s3 test check test-peers test-orchestrators bench bench-s3 image

help: ## list the recipes
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the release binary
	$(CARGO) build --release --locked $(BUILD_OPTIONS)

demo: build ## make a sample of a retail chain, run the job for its last day, show what it found
	@tests/demo/local $(DEMO)

demo-s3: build ## the same on SeaweedFS, an S3 server on loopback that it installs, starts and stops
	@tests/demo/s3 target/demo-s3

test: ## run every test that needs no container
	$(CARGO) test --release --locked

check: ## format, clippy and documentation, warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --release --locked --no-deps --document-private-items

test-peers: build $(BENCH_VENV)/ready ## hold the job's rows against DuckDB's on ten dirty data sets
	$(BENCH_PYTHON) benches/agree.py $(PEERS_OPTIONS)

bench: build $(BENCH_VENV)/ready ## measure the job beside DuckDB and Polars (BENCH_OPTIONS="--runs 3 ...")
	$(BENCH_PYTHON) benches/bench.py $(BENCH_OPTIONS)

bench-s3: build $(BENCH_VENV)/ready ## measure the job on S3 behind a slow link
	@benches/bench-s3 $(BENCH_PYTHON)

image: ## build the container image from a binary compiled here, pulling nothing
	docker/build.sh

test-orchestrators: ## drive the image, a real Airflow and a real Dagster over SeaweedFS
	tests/orchestrators/run.sh

$(BENCH_VENV)/ready: benches/requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
