# Each of these does all of its own set-up; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test soak bench lint format audit lock

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/ready ## serve http://127.0.0.1:8000 with a PostgreSQL of its own; Ctrl-C stops it
	@exec $(BIN)/python -m app.dev.local

test: $(VENV)/ready ## run everything, on a PostgreSQL of its own
	@$(BIN)/python -m pytest

soak: $(VENV)/ready ## the slow proofs, long: faults under load
	@SOAK=1 $(BIN)/python -m pytest -q -s -m soak

bench: $(VENV)/ready ## what a request costs beside the bare floor, in two minutes (needs wrk)
	@$(BIN)/python -m bench.run

lint: $(VENV)/ready ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/ready ## put the style right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

audit: $(VENV)/ready ## known holes in what is pinned (asks PyPI; fails where it cannot)
	@$(BIN)/pip-audit --strict -r requirements.txt -r tests/requirements.txt --disable-pip --require-hashes

lock: ## pin the newest versions, with hashes, for every platform (needs uv)
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header .requirements.in -o requirements.txt
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header -c requirements.txt tests/requirements.in -o tests/requirements.txt

$(VENV)/ready: requirements.txt tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed.")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@touch $@
