# Every target sets itself up: a fresh clone needs only Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-load lint fix bench clean

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# torch comes as whatever build pip finds. Where pip's settings (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS)
# offer PyTorch's CPU build, its local version ranks above the plain one, so it is the one taken.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev]'
	@touch $@

demo: $(INSTALLED) ## Train, evaluate and predict with what ships in the package.
	$(BIN)/newsclf demo

test: $(INSTALLED) ## Run the tests.
	$(BIN)/python -m pytest

test-load: $(INSTALLED) ## Run the long simulations and load tests.
	$(BIN)/python -m pytest -m load

lint: $(INSTALLED) ## Check style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(INSTALLED) ## Format, and mend what can be mended by a tool.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure speed, as ratios within one run.
	$(BIN)/python -m benchmarks

clean: ## Remove the virtual environment and caches.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
