# Every target sets up the virtual environment it needs; `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE # else every process that starts compiles the service again
.PHONY: help run test soak bench growth lint format messages openapi vendor bundle audit lock

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/run ## serve http://127.0.0.1:8000 with an embedded PostgreSQL; Ctrl-C stops it
	@exec $(BIN)/python -m app.dev.local

test: $(VENV)/test ## run all tests on an embedded PostgreSQL
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

soak: $(VENV)/test ## run the long tests: faults under load
	@SOAK=1 $(BIN)/python -m pytest -q -s -m soak

bench: $(VENV)/test ## compare requests with a minimal server, in two minutes (needs wrk)
	@$(BIN)/python -m bench.run

growth: $(VENV)/test ## compare lists with those of 1,000 times the rows, in ten minutes (2 GB)
	@$(BIN)/python -m bench.growth

lint: $(VENV)/test ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/test ## fix style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

messages: $(VENV)/test ## add the messages of the code to the catalogues in app/locales
	@$(BIN)/python -m tests.support.message_catalogs

openapi: $(VENV)/test ## write docs/openapi.json
	@$(BIN)/python -m tests.support.openapi_file

vendor: $(VENV)/test ## bundle the packages of app/dashboard/vendor for the pages (needs the npm registry)
	@cd app/dashboard/vendor && PATH="$(CURDIR)/$(BIN):$$PATH" sh -c 'npm ci --loglevel=error && node build.mjs && node bundle.mjs'

bundle: $(VENV)/test ## bundle the modules of app/dashboard/static (after make vendor)
	@cd app/dashboard/vendor && PATH="$(CURDIR)/$(BIN):$$PATH" sh -c '[ -d node_modules ] || npm ci --loglevel=error; node bundle.mjs'

audit: $(VENV)/test ## check the pinned packages for known vulnerabilities (needs PyPI)
	@$(BIN)/pip-audit --strict -r requirements.txt -r tests/requirements.txt --disable-pip --require-hashes

LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header
lock: ## pin the newest versions, with hashes, for all platforms (needs uv)
	@$(LOCK) .requirements.in -o requirements.txt
	@$(LOCK) -c requirements.txt app/dev/requirements.in -o app/dev/requirements.txt
	@$(LOCK) -c requirements.txt -c app/dev/requirements.txt tests/requirements.in -o tests/requirements.txt

INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-deps --require-hashes

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed.")'
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# The stamps of what is installed: to run the service, or to test it too.
$(VENV)/run: requirements.txt app/dev/requirements.txt | $(VENV)/bin/python
	@echo "Installing what the service needs"
	@$(INSTALL) -r app/dev/requirements.txt
	@touch $@

$(VENV)/test: tests/requirements.txt $(VENV)/run
	@echo "Installing what the tests need"
	@$(INSTALL) -r tests/requirements.txt
	@touch $@
