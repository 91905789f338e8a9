# Every target sets up the virtual environment it needs; `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test soak bench lint format openapi audit lock

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/ready ## serve http://127.0.0.1:8000 with an embedded PostgreSQL; Ctrl-C stops it
	@exec $(BIN)/python -m app.dev.local

test: $(VENV)/ready ## run all tests on an embedded PostgreSQL
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

soak: $(VENV)/ready ## run the long tests: faults under load
	@SOAK=1 $(BIN)/python -m pytest -q -s -m soak

bench: $(VENV)/ready ## compare requests with a minimal server, in two minutes (needs wrk)
	@$(BIN)/python -m bench.run

lint: $(VENV)/ready ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/ready ## fix style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(VENV)/ready ## write docs/openapi.json
	@$(BIN)/python -m tests.support.openapi_file

audit: $(VENV)/ready ## check the pinned packages for known vulnerabilities (needs PyPI)
	@$(BIN)/pip-audit --strict -r requirements.txt -r tests/requirements.txt --disable-pip --require-hashes

lock: ## pin the newest versions, with hashes, for all platforms (needs uv)
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header .requirements.in -o requirements.txt
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header -c requirements.txt tests/requirements.in -o tests/requirements.txt

$(VENV)/ready: requirements.txt tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed.")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@touch $@
