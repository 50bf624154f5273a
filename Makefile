# `make run` and `make test` are all that a newcomer needs; `make check` is the quick look before a commit.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-postgres check lint types docs setup system release-data image campaign lock clean

$(VENV)/.runtime: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Pillarbox needs Python 3.11: make run PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	touch $@

# Set up what is needed and serve in dev mode.
run: $(VENV)/.runtime
	$(BIN)/pillarbox serve --dev --data pillarbox-data

setup: $(VENV)/.dev system

# The servers and browsers that tests start, from the system's package manager.
system:
	sh tests/support/install-system.sh

test: setup lint types
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder tests

check: $(VENV)/.dev lint types
	$(BIN)/python -m pytest -q -n 2 tests/unit tests/meta

lint: $(VENV)/.dev
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench

types: $(VENV)/.dev
	$(BIN)/mypy

# Write the pages that are printed from the code.
docs: $(VENV)/.dev
	$(BIN)/python -m pillarbox.api.coverage > docs/coverage.md
	$(BIN)/python -m pillarbox.store.schema > docs/schema.sql
	$(BIN)/python -m pillarbox.app.metrics_page > docs/metrics.md
	$(BIN)/python -m pillarbox.commands.page > docs/commands.md

# When a release is made: keep its source for the test of the next one's rollout.
release-data:
	git archive --format=tar HEAD src/pillarbox | xz -9e > tests/data/releases/before.tar.xz

# Contracts and scenarios with every server over PostgreSQL; units and faults name the engines that they are about.
test-postgres: setup
	TEST_ENGINE=postgres $(BIN)/python -m pytest -q -n 4 --dist loadfile tests/contract tests/scenarios

# Build the container image without an engine and play a first mail against it; as root, in some minutes.
image: setup
	timeout 900 sh packaging/container/try.sh

# Long kills, fuzz and fills, all that over PostgreSQL, and the image.
campaign: setup test-postgres image
	TEST_CAMPAIGN=1 $(BIN)/python -m pytest -q tests/faults tests/fuzz tests/unit/pubsub tests/meta/test_mutants.py
	TEST_CAMPAIGN=1 $(BIN)/python -m bench.scale

bench-%: setup
	$(BIN)/python -m bench.$*

clean:
	rm -rf $(VENV) .node pillarbox-data

# Pin what the ranges in pyproject.toml allow today.
lock: $(VENV)/.dev
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile -q --upgrade --strip-extras --no-emit-index-url \
	    --no-emit-trusted-host --no-emit-find-links -o requirements.lock pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile -q --upgrade --strip-extras --no-emit-index-url \
	    --no-emit-trusted-host --no-emit-find-links --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
