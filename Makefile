# The one list of verbs, used by people and by CI alike.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## Show the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml py-client/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	RPY2_CFFI_MODE=ABI $(BIN)/pip install --quiet --disable-pip-version-check -e py-client -e '.[test,check]'
	touch $@

engine: ## Install what is missing on Debian (Docker, R) and start the Docker engine
	containers/engine.sh --r

test-tools: ## Install what only the tests need (Chromium)
	containers/engine.sh --r --tests

python: $(VENV)/.ready ## Put the Python parts into .venv

r-client: engine ## Install the R client into R's library
	@Rscript --vanilla containers/install_r_client.R r-client

setup: engine python r-client ## Everything that the other verbs need

images: engine python ## Build the images of the usual runtimes
	$(BIN)/landbridge images build

check: engine python ## Lint, format and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	Rscript --vanilla containers/lint_r.R r-client examples containers/environments

WORKERS ?= 2
test: test-tools setup images ## Run every test, on two processors at once (WORKERS=)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

KILLS ?= 5000
SEED ?=
faults: test-tools setup ## Kill it 5,000 times (KILLS=) at named steps and at random (SEED=), and print a table
	$(BIN)/python -m tests.faults.matrix $(KILLS) $(SEED)

docs-types: images ## Measure what becomes of each kind of column, and write docs/types.md
	$(BIN)/python -m tests.types.document

docs-hostile: python ## Write docs/hostile.md: what each kind of hostile input is answered, and which tests prove it
	$(BIN)/python -m tests.hostile.document

demo: setup images ## Run the example pipeline from R and from Python, in containers, on real data
	PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

bench-peers: setup ## Install the tools that the figures are measured beside, into .cache/bench
	$(BIN)/python -m bench.peers

bench: setup images bench-peers ## Measure the figures of this machine, and write docs/bench.md
	$(BIN)/python -m bench
	$(BIN)/python -m bench.document

bench-quick: setup images bench-peers ## The same in minutes: fewer samples, no heavy peers
	$(BIN)/python -m bench --quick
	$(BIN)/python -m bench.document

clean: ## Remove what the verbs made here; images, figures and the gateway's home stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .cache/bench

.PHONY: help engine test-tools python r-client setup images check test faults docs-types docs-hostile demo bench-peers bench bench-quick clean
