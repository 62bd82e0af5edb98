# Every recipe that CI or a reader calls. `make` alone lists them.

CARGO ?= cargo
PYTHON ?= python3
BENCH_VENV := target/bench-venv
BENCH_PYTHON := $(BENCH_VENV)/bin/python
DEMO := target/demo

.DEFAULT_GOAL := help
.PHONY: help demo test check bench test-peers build

help: ## list the recipes
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the release binary
	$(CARGO) build --release --locked

demo: build ## make a sample of a retail chain, run the job for its last day, show what it found
	@scripts/demo $(DEMO)

test: ## run every test
	$(CARGO) test --release --locked

check: ## format, clippy and documentation, warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --release --locked --no-deps --document-private-items

test-peers: build $(BENCH_VENV)/ready ## hold the job's rows against DuckDB's on ten dirty data sets
	$(BENCH_PYTHON) benches/agree.py $(PEERS_OPTIONS)

bench: build $(BENCH_VENV)/ready ## measure the job beside DuckDB and Polars (BENCH_OPTIONS="--runs 3 ...")
	$(BENCH_PYTHON) benches/bench.py $(BENCH_OPTIONS)

$(BENCH_VENV)/ready: benches/requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
