# Everything here works on a fresh machine that has make and Python 3.11 or newer with its venv
# module. What is installed goes into .venv and .venv-lowest; nothing outside this folder changes.

PYTHON ?= python3
ARGS ?=
# A folder with mnist.npz, for the tests and examples that need it: see skdropout.datasets.fetch_mnist
export SKDROPOUT_DATA ?= $(wildcard $(CURDIR)/../shared/data)

VENV := .venv
LOWEST := .venv-lowest
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
PYTEST := -m pytest -n 2 $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-lowest docs benchmark benchmark-tables lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.package  ## train on the sonar data and draw the result
	$(VENV)/bin/python examples/classics/plot_sonar.py
	@echo 'The picture: $(CURDIR)/sonar.png'

test: $(VENV)/.group-test $(VENV)/.group-interop  ## run all tests; pass options on with ARGS="-k sonar"
	$(VENV)/bin/python $(PYTEST)

test-lowest: $(LOWEST)/.package  ## run all tests on the oldest versions we allow
	$(LOWEST)/bin/python $(PYTEST)

docs: $(VENV)/.group-docs  ## build the pages in docs/_build/html (two minutes); warnings are errors
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html $(ARGS)
	$(VENV)/bin/python docs/check_links.py docs/_build/html

benchmark: $(VENV)/.group-benchmark  ## measure speed beside scikit-learn, PyTorch and skorch (20 minutes)
	$(VENV)/bin/python benchmarks/speed.py $(ARGS)

benchmark-tables: $(VENV)/.package  ## measure accuracy and log-loss on twenty tables (a minute)
	$(VENV)/bin/python benchmarks/tables.py $(ARGS)

lint: $(VENV)/.group-lint  ## look for mistakes and wrong layout, change nothing
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

format: $(VENV)/.group-lint  ## mend what can be mended, lay out the code
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:  ## remove the environments and whatever the tools left
	rm -rf $(VENV) $(LOWEST) build dist .hypothesis .pytest_cache .ruff_cache
	rm -rf docs/_build docs/api docs/auto_examples docs/sg_execution_times.rst
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two test processes, one BLAS thread each: more threads than cores slow everything down.
test test-lowest: export OMP_NUM_THREADS := 1
test test-lowest: export OPENBLAS_NUM_THREADS := 1

# The environments. A stamp file says that a step is done; it is done again when pyproject.toml
# changes. Dependency groups need pip 25.1.

define create-environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo 'skdropout needs Python 3.11 or newer, and "$(PYTHON)" is not that: name one, as in make test PYTHON=python3.12' >&2; \
  exit 1; }
$(PYTHON) -m venv $(1)
$(1)/bin/python $(PIP_INSTALL) --upgrade 'pip>=25.1'
endef

$(VENV)/.package: pyproject.toml
	$(call create-environment,$(VENV))
	$(VENV)/bin/python $(PIP_INSTALL) --editable '.[plot]'
	@touch $@

$(VENV)/.group-%: $(VENV)/.package
	$(VENV)/bin/python $(PIP_INSTALL) --group $*
	@touch $@

# The bounds stand in pyproject.toml alone: "numpy>=2.0" becomes the constraint "numpy==2.0".
LOWEST_PINS := import tomllib; \
	project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*(bound.replace(">=", "==") for bound in project["dependencies"]), sep="\n")

# Wheels only: to build versions this old takes compilers that a fresh machine lacks.
$(LOWEST)/.package: pyproject.toml
	$(call create-environment,$(LOWEST))
	$(LOWEST)/bin/python -c '$(LOWEST_PINS)' > $(LOWEST)/pins.txt
	$(LOWEST)/bin/python $(PIP_INSTALL) --constraint $(LOWEST)/pins.txt \
	  --only-binary numpy,scipy,scikit-learn --editable '.[plot]' --group test || { \
	  echo 'The oldest versions we allow have wheels for Python 3.11 and 3.12: try make test-lowest PYTHON=python3.12' >&2; \
	  exit 1; }
	@touch $@
