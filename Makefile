# make search   installs into .venv and searches scikit-learn's digits
# make test     installs the test tools too and runs every test that needs no GPU and no cluster

PYTHON ?= python3
BIN := .venv/bin
LOCK := docker/requirements.lock
STUDY ?= digits

.PHONY: install search test cluster-test lint lock bench faults clean

install: .venv/.installed

search: .venv/.installed
	$(BIN)/archfront search $(STUDY)

test: .venv/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not integration" -n 2 --dist loadfile --durations=10
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "integration and not alone and not cluster" -n 2 --dist loadfile --durations=20
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "integration and alone and not cluster" --durations=20

# Three nodes on this machine; it takes root, iproute2 and PostgreSQL.
cluster-test: .venv/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m cluster tests/cluster

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/deptry .

# Hours: searches take most of them. Each can be run by itself.
bench: .venv/.installed-dev
	$(BIN)/python -m tests.benchmarks.orchestration
	$(BIN)/python -m tests.benchmarks.memory
	$(BIN)/python -m tests.benchmarks.suggestion
	$(BIN)/python -m tests.benchmarks.pending
	$(BIN)/python -m tests.benchmarks.decision
	$(BIN)/python -m tests.benchmarks.step
	$(BIN)/python -m tests.benchmarks.input
	$(BIN)/python -m tests.benchmarks.precision
	$(BIN)/python -m tests.benchmarks.latency
	$(BIN)/python -m tests.benchmarks.scale
	$(BIN)/python -m tests.benchmarks.tracking_away
	$(BIN)/python -m tests.benchmarks.durability
	$(BIN)/python -m tests.benchmarks.search --seeds 50

# An hour or more; kills of real studies go on where they were cut off at the same commit.
faults: .venv/.installed-dev
	$(BIN)/python -m tests.faults failpoints --count 1000
	$(BIN)/python -m tests.faults mutations --count 10000
	$(BIN)/python -m tests.faults processes --count 200

lock: .venv/bin/uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  --all-extras --group dev pyproject.toml -o $(LOCK)

clean:
	rm -rf .venv runs

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "archfront needs Python 3.11 or later: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q uv

.venv/.installed: .venv/bin/uv pyproject.toml $(LOCK)
	$(BIN)/uv pip install -q --python $(BIN)/python -c $(LOCK) -e ".[onnx,object-store]"
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/uv pip install -q --python $(BIN)/python -c $(LOCK) --group dev
	@touch $@
