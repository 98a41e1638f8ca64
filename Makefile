# One command each. The first one sets the environment up by itself; nothing else is needed than Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.toml
# Many tests wait for a daemon, a PACS or a browser: three at once keep two cores busy.
SPREAD ?= --numprocesses 3 --dist worksteal

.PHONY: run test test-slow check torture bench bench-quick docs format lock example clean

run: $(VENV)/.run-ready  ## the worker on SQLite, watching work/inbox
	$(BIN)/koa-worker run --config $(CONFIG)

test: $(VENV)/.dev-ready  ## every test that a fresh machine can run
	$(BIN)/pytest $(SPREAD) -m "not slow"

test-slow: $(VENV)/.dev-ready  ## those that train a net
	$(BIN)/pytest -m slow

check: $(VENV)/.dev-ready  ## format, lint, types, layers, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(SPREAD) -m "not slow" --cov --cov-report=term:skip-covered

torture: $(VENV)/.dev-ready  ## the fault campaign and the fuzzing in their long form
	$(BIN)/python -m tests.acceptance.torture
	$(BIN)/python -m tests.acceptance.fuzz
	$(BIN)/python -m tests.acceptance.kills
	$(BIN)/python -m tests.acceptance.cluster

bench: $(VENV)/.bench-ready  ## stages, files a second, runtimes, growth, into docs/benchmarks.md: ten quiet minutes
	$(BIN)/python -m bench --out docs

bench-quick: $(VENV)/.bench-ready  ## less of each, on the terminal
	$(BIN)/python -m bench --quick

docs: $(VENV)/.run-ready  ## docs/errors.md, from the catalogue of errors
	$(BIN)/python -m bench.error_page --out docs/errors.md

example: $(VENV)/.run-ready  ## reports/example.pdf from a synthetic radiograph
	rm -rf build/example
	$(BIN)/koa-worker demo --into build/example --seed 2
	$(BIN)/koa-worker process build/example/*-bilateral.dcm --out build/example
	cp build/example/*/*.pdf reports/example.pdf
	chmod 644 reports/example.pdf

format: $(VENV)/.dev-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The locks name packages, versions and hashes; where they come from is the business of each machine's pip.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header \
	  pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header \
	  pyproject.toml --extra train --extra cluster --extra s3 --group dev --output-file requirements-dev.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header \
	  --constraint requirements-dev.lock pyproject.toml --group bench --output-file requirements-bench.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header \
	  --constraint requirements.lock pyproject.toml --extra postgres --extra s3 --output-file deploy/requirements.lock
	printf 'hatchling>=1.27\npip\n' | uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --no-strip-extras --no-annotate --no-header --python-version 3.11 - --output-file deploy/build-tools.lock

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.dev-ready: requirements-dev.lock $(VENV)/.run-ready
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	touch $@

$(VENV)/.bench-ready: requirements-bench.lock $(VENV)/.dev-ready
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-bench.lock
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
