# Every target sets itself up: a fresh clone needs only Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The stock container's packages, for its Python; needs root and java, and 6 GB with a CUDA torch.
# pyenv's shim of a version that is not selected is there and fails, so each is tried.
DLC_PYTHON ?= $(shell for each in python3.12 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12*/bin/python3.12 \
	"$$(uv python find 3.12 2>/dev/null)"; do "$$each" -c '' 2>/dev/null && break; done; echo "$${each:-python3.12}")
DLC_VENV := .venv-dlc
DLC_INSTALLED := $(DLC_VENV)/.installed
# The pages need nothing of newsclf, so their tools stay out of its environment.
DOCS_VENV := .venv-docs
WHEEL_VENV := .venv-wheel
LOWEST_VENV := .venv-lowest
DOCS_INSTALLED := $(DOCS_VENV)/.installed
PIP_QUIETLY := --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo docs test test-fast test-aws test-postgres test-wheel test-lowest test-load test-browser test-terminal test-dlc lint fix bench bench-accuracy bench-label bench-entities bench-events bench-study bench-engines bench-dlc bench-frontier clean

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# torch comes as whatever build pip finds. Where pip's settings (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS)
# offer PyTorch's CPU build, its local version ranks above the plain one, so it is the one taken.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_QUIETLY) 'pip>=25.1'
	$(BIN)/python -m pip install $(PIP_QUIETLY) -c constraints.txt --group dev -e '.[demo,sagemaker]'
	@touch $@

$(DLC_INSTALLED): tests/e2e/dlc/requirements.txt
	$(DLC_PYTHON) -m venv --clear $(DLC_VENV)
	$(DLC_VENV)/bin/python -m pip install $(PIP_QUIETLY) -r tests/e2e/dlc/requirements.txt
	@touch $@

$(DOCS_INSTALLED): constraints.txt
	$(PYTHON) -m venv --clear $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install $(PIP_QUIETLY) -c constraints.txt mkdocs-material
	@touch $@

demo: $(INSTALLED) ## Run the full workflow, from training to a watch, with what ships in the package.
	$(BIN)/newsclf demo

test-fast: $(INSTALLED) ## Run the unit and architecture tests: what to run while writing.
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/unit tests/architecture

test: $(INSTALLED) ## Run all tests but the long ones.
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not (serial or aws or load or postgres)"
	$(BIN)/python -m pytest -m "serial and not (load or postgres)" tests/integration

test-aws: $(INSTALLED) ## Kill and disturb the real command line at each of its calls to AWS.
	$(BIN)/python -m pytest -m aws -n 2 --dist worksteal

test-postgres: $(INSTALLED) ## Share records in PostgreSQL, whose server must be installed; it starts one of its own.
	$(BIN)/python -m pytest -m postgres tests/integration/watch tests/e2e/commands/test_watch_postgres.py

test-wheel: ## Run the unit tests and the demo with the wheel, as users install it.
	rm -rf dist
	$(PYTHON) -m venv --clear $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/python -m pip install $(PIP_QUIETLY) 'pip>=25.1'
	$(WHEEL_VENV)/bin/python -m pip install $(PIP_QUIETLY) -c constraints.txt build
	$(WHEEL_VENV)/bin/python -m build
	$(WHEEL_VENV)/bin/python -m pip install $(PIP_QUIETLY) -c constraints.txt --group dev \
		"$$(echo dist/newsclf-*.whl)[demo,sagemaker]"
	cp -r tests benchmarks configs docs container constraints.txt pyproject.toml README.md $(WHEEL_VENV)
	cd $(WHEEL_VENV) && bin/python -m pytest -n 2 tests/unit
	mkdir $(WHEEL_VENV)/elsewhere
	cd $(WHEEL_VENV)/elsewhere && ../bin/newsclf demo
	cd $(WHEEL_VENV)/elsewhere && ../bin/newsclf predict --model .newsclf/demo/model \
		"Brewer Tarnholt cuts its profit forecast as costs rise"

# Warnings that an old version gives about a still older one are no news.
test-lowest: ## Run the unit tests with the oldest versions that pyproject.toml allows; needs uv.
	uv venv --quiet --clear --seed --python $(PYTHON) $(LOWEST_VENV)
	uv pip install --quiet --python $(LOWEST_VENV) --resolution lowest-direct -e '.[demo]'
	uv pip install --quiet --python $(LOWEST_VENV) --group dev
	$(LOWEST_VENV)/bin/python -m pytest -n 2 -W ignore::DeprecationWarning tests/unit

test-load: $(INSTALLED) ## Run the long simulations and load tests.
	$(BIN)/python -m pytest -m load

test-browser: $(INSTALLED) ## Open the reports and the page of watch in Chromium, which must be installed.
	$(BIN)/python -m pytest tests/e2e/browser

test-terminal: $(INSTALLED) ## Drive reviews in tmux, which must be installed.
	$(BIN)/python -m pytest tests/e2e/terminal

test-dlc: $(INSTALLED) $(DLC_INSTALLED) ## Test the archive under SageMaker's own toolkit and Java; ARGS="--model DIR".
	$(BIN)/python -m pytest tests/e2e/dlc $(ARGS)

docs: $(INSTALLED) $(DOCS_INSTALLED) ## Write the command reference, and build the pages into site/.
	$(BIN)/python docs/command_reference.py
	$(BIN)/python docs/postman_collection.py
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet

lint: $(INSTALLED) ## Check style, spelling, types, the direction of imports, and the Dockerfile.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z | xargs -0 $(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint container/Dockerfile

fix: $(INSTALLED) ## Format, and mend what can be mended by a tool.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure speed, as ratios within one run.
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.watch page

bench-accuracy: $(INSTALLED) ## Train teachers and students (hours), and measure them; ARGS="--sets DIR …".
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

bench-label: $(INSTALLED) ## Train with and without an LLM's labels (an hour), and compare; ARGS="--sets DIR …".
	$(BIN)/python -m benchmarks.label $(ARGS)

bench-frontier: $(INSTALLED) ## Measure accuracy against cost of the models that are there; ARGS="--models DIR …".
	$(BIN)/python -m benchmarks.frontier $(ARGS)

bench-entities: $(INSTALLED) ## Measure which companies are found in texts; ARGS="--sets DIR".
	$(BIN)/python -m benchmarks.entities $(ARGS)

bench-events: $(INSTALLED) ## Measure which headlines are told to be of the same event; ARGS=--errors.
	$(BIN)/python -m benchmarks.events $(ARGS)

bench-study: $(INSTALLED) ## Study simulated markets: how often is the verdict right (minutes)?
	$(BIN)/python -m benchmarks.study $(ARGS)

bench-engines: $(INSTALLED) ## Measure inference engines beside each other; ARGS=MODEL.
	$(BIN)/python -m benchmarks.engines $(ARGS)

bench-dlc: $(INSTALLED) $(DLC_INSTALLED) ## Measure the archive under SageMaker's own toolkit.
	$(BIN)/python -m benchmarks.container

clean: ## Remove the virtual environment and caches.
	rm -rf $(VENV) $(DLC_VENV) $(DOCS_VENV) $(WHEEL_VENV) $(LOWEST_VENV) dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
