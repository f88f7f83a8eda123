.DEFAULT_GOAL := help
.PHONY: help learn check test test-full build clean

# The lesson to open: any prefix of its name.
LESSON ?= 00
# The steps to run, separated by commas or spaces; empty runs all of them.
ONLY ?=
# PyTorch's CPU build, taken on Linux where there is no GPU; empty takes the ordinary one, and so does CI.
ifeq ($(origin TORCH_INDEX),undefined)
TORCH_INDEX := $(if $(CI),,https://download.pytorch.org/whl/cpu)
endif
export TORCH_INDEX PYTHON
# nbgrader calls programs of its environment by name.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:
	@echo "make learn [LESSON=01]   open a lesson in JupyterLab (the first time, install what it needs)"
	@echo "make check               lint, types, and the unit tests nearest to your change; two minutes"
	@echo "make test [ONLY=unit]    every test, or only some steps; about 25 minutes on two cores"
	@echo "make test-full [ONLY=..] the same at full scale; up to an hour"
	@echo "make build               rebuild the notebooks from solutions/*.py"
	@echo "make clean               remove .venv and caches; work/ and gradebook/ are kept"

learn:
	@scripts/environment.sh learn
	@.venv/bin/grokedu learn $(LESSON)

check:
	@scripts/environment.sh dev
	@.venv/bin/python -m tests.run --changed

test:
	@scripts/environment.sh dev
	@.venv/bin/python -m tests.run --only "$(ONLY)"

test-full:
	@scripts/environment.sh dev
	@.venv/bin/python -m tests.run --full --only "$(ONLY)"

build:
	@scripts/environment.sh dev
	@.venv/bin/grokedu build

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find grokedu tests -name __pycache__ -type d -prune -exec rm -rf {} +
