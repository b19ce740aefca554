# Signalbox. `make help` lists what there is.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
BENCH ?= engine

.DEFAULT_GOAL := help
.PHONY: help run test demo bench check clean

help: ## List what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Start Signalbox with the Patient Portal example (settings: .env.example)
	@$(BIN)/python -m config.preflight
	@exec $(BIN)/python manage.py run $(ARGS)

test: $(VENV)/.installed-dev ## Run the tests on what this machine has (ARGS="-k words" is handed to pytest)
	@exec $(BIN)/python -m tests.run $(ARGS)

demo: $(VENV)/.installed ## Play the whole release train through, from a push to PROD, and check every claim
	@exec $(BIN)/python -m examples.patient_portal.demo $(ARGS)

bench: $(VENV)/.installed-dev ## Measure against a plain shell loop; takes minutes (BENCH=registry: pushes; ARGS="--only trivial": less)
	@exec $(BIN)/python -m bench.$(BENCH) $(ARGS)

check: export DJANGO_SETTINGS_MODULE = tests.settings
check: $(VENV)/.installed-dev ## Style, types, import contracts, migrations, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/djlint --lint --quiet templates

clean: ## Remove what tools leave behind; the data directory and .venv stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Signalbox needs Python 3.11 or newer as $(PYTHON); name another one with PYTHON=/path/to/python3." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing; install it (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 2; }
	@echo "Creating $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@echo "Installing what Signalbox runs on …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.installed
