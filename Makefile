# Each target does its own set-up: Python 3.11 or newer, pip and make are all it needs.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BUDGET ?= 300
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench preview docs long tidy clean

help:  ## print this
	@echo "make demo     run dunning end to end: embedded PostgreSQL, pretended payers, a simulated clock"
	@echo "make test     run every test (ARGS='tests/core -x' for some)"
	@echo "make check    format, lint, types, import contracts and tidy rules"
	@echo "make bench    measure, and compare with the floors (ARGS='--only recompute')"
	@echo "make preview  write every mail to .recoup/previews, and open the page that shows them"
	@echo "make docs     build the documentation into site/"

demo: $(READY)
	$(BIN)/recoup demo $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(TIDY)

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

preview: $(READY)
	$(BIN)/recoup mail preview --open $(ARGS)

docs: $(READY)
	$(BIN)/python tools/reference.py
	$(BIN)/zensical build --clean --strict

# Not in the help, because no contributor needs them every day.

TIDY := tests/test_tidy.py tests/test_tidy_code.py tests/test_catalogues.py tests/test_public_api.py

# The longer campaigns: random histories for BUDGET seconds, and a thousand of the ledger.
long: $(READY)
	RECOUP_TEST_BUDGET=$(BUDGET) $(BIN)/python -m pytest --long -m long tests $(ARGS)

tidy: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv site .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# The stamp is made last, so an interrupted set-up is done again.
$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded,cli,celery]' --group dev
	@touch $@
