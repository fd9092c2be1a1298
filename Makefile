# Everything here works on a fresh machine that has make and Python 3.11 or newer with its venv
# module. What is installed goes into .venv and its like; nothing outside this folder changes.

PYTHON ?= python3
ARGS ?=
# A folder with mnist.npz, for the tests and examples that need it: see skdropout.datasets.fetch_mnist
export SKDROPOUT_DATA ?= $(wildcard $(CURDIR)/../shared/data)

VENV := .venv
LOWEST := .venv-lowest
DIST := .venv-dist
WHEEL := .venv-wheel
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
PYTEST := -m pytest -n 2 $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test coverage mutants fuzz soak test-scale test-lowest docs dist benchmark benchmark-scale benchmark-tables benchmark-install lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.package  ## train on the sonar data and draw the result
	$(VENV)/bin/python examples/classics/plot_sonar.py
	@echo 'The picture: $(CURDIR)/sonar.png'

test: $(VENV)/.group-test $(VENV)/.group-interop  ## run all tests; pass options on with ARGS="-k sonar"
	$(VENV)/bin/python $(PYTEST)

coverage: $(VENV)/.group-test $(VENV)/.group-interop  ## run all tests, list the lines that none reaches
	$(VENV)/bin/python $(PYTEST) --cov

mutants: $(VENV)/.group-test $(VENV)/.group-mutants  ## change the core in 300 places, one at a time, and list what no test notices (an hour)
	$(VENV)/bin/python .ci/mutants $(ARGS)

fuzz: $(VENV)/.group-test $(VENV)/.group-interop  ## run random programs against the contract; ARGS="--calls 1000000 --seed 1"
	PYTHONPATH=tests $(VENV)/bin/python -m fuzz.run $(ARGS)

test-scale: $(VENV)/.group-test $(VENV)/.group-scale  ## run the tests on local clusters of Dask and Ray, and on streams
	$(VENV)/bin/python -m pytest $(ARGS) tests/scale

test-lowest: $(LOWEST)/.package  ## run all tests on the oldest versions we allow
	$(LOWEST)/bin/python $(PYTEST)

docs: $(VENV)/.group-docs  ## build the pages in docs/_build/html (three minutes); warnings are errors
	$(VENV)/bin/python -m sphinx --jobs 2 --fail-on-warning --keep-going --quiet docs docs/_build/html $(ARGS)
	$(VENV)/bin/python docs/check_links.py docs/_build/html

# Two environments: one builds, the other has the wheel alone, and anew each time. The tests from the
# archive are those that read files; `pytest` without `python -m` leaves the package there unseen.
dist: $(DIST)/.tools  ## build what a release uploads into dist, try it out (a minute)
	rm -rf build dist $(WHEEL)
	$(DIST)/bin/python -m build
	$(DIST)/bin/python -m twine check --strict dist/*
	$(call create-environment,$(WHEEL))
	$(WHEEL)/bin/python $(PIP_INSTALL) dist/*.whl
	cd / && '$(CURDIR)/$(WHEEL)/bin/python' '$(CURDIR)/.ci/check_wheel.py'
	mkdir -p build/sdist
	tar -xzf dist/*.tar.gz -C build/sdist --strip-components 1
	$(WHEEL)/bin/python $(PIP_INSTALL) --group test
	cd build/sdist && '$(CURDIR)/$(WHEEL)/bin/pytest' tests \
	  -k 'test_api_page or test_arguments or test_documents or test_reports'

benchmark: $(VENV)/.group-benchmark  ## measure speed beside scikit-learn, PyTorch and skorch (20 minutes)
	$(VENV)/bin/python benchmarks/speed.py $(ARGS)

benchmark-scale: $(VENV)/.group-benchmark  ## measure memory, time and accuracy as data grow (20 minutes)
	$(VENV)/bin/python benchmarks/scale.py $(ARGS)

benchmark-tables: $(VENV)/.package  ## measure all estimators on the development tables (half an hour)
	$(VENV)/bin/python benchmarks/tables.py $(ARGS)

benchmark-install: export PIP_EXTRA_INDEX_URL := https://download.pytorch.org/whl/cpu
benchmark-install: $(VENV)/.package  ## measure what pip installs, beside PyTorch and TensorFlow (ten minutes)
	$(VENV)/bin/python benchmarks/install_size.py

soak: $(VENV)/.package  ## fit and predict in one process for an hour: does anything grow or change?
	$(VENV)/bin/python benchmarks/soak.py $(ARGS)

lint: $(VENV)/.group-lint  ## look for mistakes and wrong layout, change nothing
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

format: $(VENV)/.group-lint  ## mend what can be mended, lay out the code
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:  ## remove the environments and whatever the tools left
	rm -rf $(VENV) $(LOWEST) $(DIST) $(WHEEL) build dist
	rm -rf .coverage .hypothesis .mutants .mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/_build docs/api docs/auto_examples docs/sg_execution_times.rst
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One BLAS thread a process: our matrices are small, and threads that wait for a busy core slow
# everything down. The benchmarks set a number of their own.
demo test coverage mutants fuzz soak test-scale test-lowest docs dist: export OMP_NUM_THREADS := 1
demo test coverage mutants fuzz soak test-scale test-lowest docs dist: export OPENBLAS_NUM_THREADS := 1
demo test coverage mutants fuzz soak test-scale test-lowest docs dist: export MKL_NUM_THREADS := 1
demo test coverage mutants fuzz soak test-scale test-lowest docs dist: export VECLIB_MAXIMUM_THREADS := 1

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

$(DIST)/.tools: pyproject.toml
	$(call create-environment,$(DIST))
	$(DIST)/bin/python $(PIP_INSTALL) --group dist
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
