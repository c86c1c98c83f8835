# make demo       JupyterLab on the first notebook
# make test       every check and every test: Python, TypeScript, real browser
# make lint       formatters, linters and type checkers alone; `make format` mends what it can
# make bench      times of the flow engine beside other solvers
# make bench-ui   the widget beside other attention viewers, in one browser
# make bench-corpus   map_corpus beside a plain loop: throughput, memory, a killed worker
# make bench-capture  peak memory of capture, heads fused on the way beside the stack
# make pictures   the pictures of the README, from a real JupyterLab
# make build      wheel and sdist in dist/
# make clean      remove all that make made, .venv included
#
# A machine needs Python >= 3.11, Node >= 20.19 and git. PYTHON=/path/to/python picks the Python,
# CHROME=/path/to/chrome the browser, make demo ARGS="--ip 0.0.0.0 --port 8888" the address.
# Written for make 3.81, which is what macOS has.

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help node bundle demo test lint format bench bench-ui bench-corpus bench-capture pictures build clean

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
NPM := npm --prefix js --loglevel=error
MODULES := js/node_modules/.complete
NEW_ENOUGH := const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)
export PIP_ROOT_USER_ACTION := ignore

help:
	@sed -n 's/^# make/make/p' Makefile

# The first Python that is new enough, by the names it usually has.
$(VENV)/made:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setup: $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv $(VENV) && touch $@; exit; \
	  fi; \
	done; \
	echo "make: Python 3.11 or newer, with venv, is needed: install it, or name one with PYTHON=/path/to/python." >&2; \
	exit 1

node:
	@if ! command -v npm >/dev/null || ! node -e '$(NEW_ENOUGH)' 2>/dev/null; then \
	  echo "make: Node 20.19 or newer, with npm, is needed to build the front end: install it and put it on PATH." >&2; \
	  exit 1; \
	fi

$(MODULES): js/package-lock.json js/package.json | node
	@echo "setup: the front end's tools"
	@$(NPM) ci >/dev/null
	@touch $@

# What the demo needs is a part of what the tests need.
$(VENV)/demo: pyproject.toml $(VENV)/made | node
	@if [ ! $(VENV)/dev -nt pyproject.toml ]; then \
	  echo "setup: attn-widget and JupyterLab"; \
	  $(INSTALL) --editable '.[demo]'; \
	fi
	@touch $@

$(VENV)/dev: pyproject.toml $(VENV)/made $(MODULES)
	@echo "setup: attn-widget and all that its tests use"
	@$(INSTALL) --editable '.[dev]'
	@touch $@

# Compares the sources with the bundle's stamp; builds only when they differ.
bundle: | node
	@$(BIN)/python -m attn_widget.bundle

demo: $(VENV)/demo bundle
	@$(BIN)/python notebooks/serve.py $(ARGS)

# Each part runs even when one before it failed, and the status tells of any failure. A file of tests
# stays with one process: its tests share a server and a browser.
test: $(VENV)/dev bundle
	@CHROME="$$($(BIN)/python tests/browser/find_browser.py)" || exit 1; export CHROME; \
	echo "browser: $$CHROME"; \
	failed=; \
	$(MAKE) lint || failed="$$failed lint"; \
	$(NPM) run --silent test || failed="$$failed front-end"; \
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS) || failed="$$failed python"; \
	if [ -n "$$failed" ]; then echo "make test: failed:$$failed" >&2; exit 1; fi

lint: $(VENV)/dev
	@failed=; \
	$(BIN)/ruff format --quiet --diff . || failed=yes; \
	$(BIN)/ruff check --quiet . || failed=yes; \
	$(BIN)/mypy || failed=yes; \
	$(NPM) run --silent lint || failed=yes; \
	$(NPM) run --silent types || failed=yes; \
	[ -z "$$failed" ]

format: $(VENV)/dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .
	@$(NPM) run --silent fix

$(VENV)/bench: pyproject.toml $(VENV)/made | node
	@echo "setup: attn-widget and the solvers it is timed against"
	@$(INSTALL) --editable '.[bench]'
	@touch $@

bench: $(VENV)/bench
	@$(BIN)/python tests/bench/run.py $(ARGS)

bench-ui: $(VENV)/bench $(VENV)/dev bundle
	@CHROME="$$($(BIN)/python tests/browser/find_browser.py)" || exit 1; export CHROME; \
	$(BIN)/python tests/bench/ui.py $(ARGS)

bench-corpus: $(VENV)/bench $(VENV)/dev
	@$(BIN)/python tests/bench/corpus.py $(ARGS)

bench-capture: $(VENV)/dev
	@$(BIN)/python tests/bench/capture.py $(ARGS)

pictures: $(VENV)/dev bundle
	@CHROME="$$($(BIN)/python tests/browser/find_browser.py)" || exit 1; export CHROME; \
	$(BIN)/python tests/browser/pictures.py $(ARGS)

build: $(VENV)/dev
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . | tail -n 1
	@ls -l dist

clean:
	@rm -rf $(VENV) dist build js/node_modules attn_widget/static
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find attn_widget js tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
