# Everything a person runs. Each target sets up what it needs and may be run again at any time.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
ENV ?= local
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_update_notifier := false
# CDK's own validator costs seconds per synth: off in the inner loop, on in `make check`.
export CDK_VALIDATION ?= false

PIP_INSTALL := $(BIN)/python -m pip install --quiet --progress-bar off --require-hashes
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
PROJECT := $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .

.PHONY: help setup setup-dev demo down test fuzz check fix synth plan diff deploy lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "Python 3.11 or later is needed; this is %d.%d. Try: make PYTHON=python3.12" % v)'
	@echo "· creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "· installing what the product needs (pinned, with hashes; about a minute the first time)"
	@$(PIP_INSTALL) -r requirements/run.txt
	@$(PROJECT)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "· installing what checks and tests need (pinned, with hashes; about a minute the first time)"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

.venv-checkov/.installed: requirements/checkov.txt | $(BIN)/python
	@echo "· installing checkov into an environment of its own"
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --progress-bar off --require-hashes -r $<
	@touch $@

node_modules/.installed: package.json package-lock.json | $(VENV)/.run
	@echo "· installing the pinned CDK CLI"
	@npm ci --silent --no-audit --no-fund
	@touch $@

.build/.prepared: $(wildcard lambdas/*/requirements.txt) endpoints/catalogue/environments.yaml infra/lambda_bundle.py infra/bytecode.py | $(VENV)/.run
	@mkdir -p .build
	@$(BIN)/python -m infra.prepare_bundles
	@touch $@

setup: $(VENV)/.run node_modules/.installed .build/.prepared ## what `make demo` and `cdk` need
setup-dev: setup $(VENV)/.dev ## what checks and tests need besides

demo: setup ## the whole system on this machine: one real answer per use case
	@adept local up
	@adept deploy --env local --yes
	@adept demo

# No prerequisite: stopping must work offline, and after a pull that wants other packages.
down: ## stop the embedded AWS; no process and no port stays behind
	@if [ -x $(BIN)/adept ]; then adept local down; else echo "Nothing is installed here, so nothing runs."; fi

test: setup-dev ## every test
	@$(BIN)/python -m pytest

fuzz: setup-dev ## the router's fuzzer with INPUTS=100000 new inputs
	@$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),100000)

check: setup-dev .venv-checkov/.installed ## everything that can be checked without running; never edits
	@$(BIN)/python -m tools.check

fix: setup-dev ## format and mend what can be mended by a machine
	@ruff format .
	@ruff check --fix .

synth: setup ## synthesise ENV=local|sandbox|staging|production into cdk.out
	@cdk synth --quiet -c environment=$(ENV)
	@echo "templates of $(ENV) are in cdk.out"

plan: setup ## what a deploy of ENV would do, in how many phases; changes nothing
	@adept deploy --env $(ENV) --plan

diff: setup ## what a deploy of ENV would change, resource by resource
	@$(if $(filter local,$(ENV)),adept local exec --,) cdk diff -c environment=$(ENV)

deploy: setup ## deploy ENV and prove it (local: the embedded AWS, everything else: your AWS account; YES=1 does not ask)
	@$(if $(filter local,$(ENV)),adept local up)
	@adept deploy --env $(ENV) $(if $(filter local,$(ENV))$(YES),--yes)

lock: setup-dev ## resolve the Python requirements again: dev first, so that run and the Lambdas agree with it
	@$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt
	@$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/run.txt
	@$(LOCK) lambdas/router/requirements.in -c requirements/run.txt -o lambdas/router/requirements.txt
	@$(LOCK) lambdas/weights/requirements.in -c requirements/run.txt -o lambdas/weights/requirements.txt
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements/checkov.in -o requirements/checkov.txt

clean: ## remove what was built; the embedded AWS is stopped first
	@if [ -x $(BIN)/adept ]; then $(BIN)/adept local down; fi
	@rm -rf $(VENV) .venv-checkov node_modules cdk.out .build .adept
