# The menu. Needs Python 3.11 or later with its venv module, and make; installs the rest in .venv.

PYTHON ?= python3
BIN := .venv/bin
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready
N ?= 50
SEED ?= 1
PORTAL ?= sandbox

# Said before pip fails on each dependency in turn.
define PYTHON_IS_FIT
@found=$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null) || found=aucun; \
if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
  echo "Python 3.11 ou plus récent est nécessaire ; trouvé : $$found ($(PYTHON))." \
    "Indiquez-en un autre : make PYTHON=/chemin/python3.12 $(MAKECMDGOALS)" >&2; exit 1; fi; \
if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "Le module venv de $(PYTHON) ($$found) est nécessaire." \
    "Debian, Ubuntu : sudo apt install python3-venv ; ou : make PYTHON=/chemin/python3.12 $(MAKECMDGOALS)" >&2; exit 1; fi
endef

.PHONY: help demo test check conformance pages format bench chaos members lock clean

help: ## this menu
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(RUN_READY) ## a whole January batch on example data, in ./demo
	@$(BIN)/chorus-worker demo

# What is compiled once serves every process of the tests, also where the shell forbids to keep it.
test: $(DEV_READY) ## every test; some nine minutes on two cores
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses 3 --dist worksteal

check: $(DEV_READY) ## ruff (all rules), formatting, mypy strict, import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

conformance: $(DEV_READY) ## veraPDF and Mustang judge the golden documents; needs a JDK and Maven
	$(BIN)/python -m conformance

pages: $(DEV_READY) ## the pages of a dossier in headless Chromium, light, printed and at 360 px
	$(BIN)/python -m conformance.pages

format: $(DEV_READY) ## apply ruff's fixes and formatting
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEV_READY) ## speed and memory, compared with docs/benchmarks.md
	$(BIN)/python -m benchmarks $(BENCH)

chaos: $(DEV_READY) ## the proof of "exactly once": N rounds of kills, drawn from SEED
	@$(BIN)/python -m chaos --rounds $(N) --seed $(SEED) --portal $(PORTAL)

members: $(DEV_READY) ## the amounts of 100 000 random members, rebuilt from what explains them
	$(BIN)/pytest --hypothesis-profile long tests/unit/cli/test_explanation.py -k rebuilt

lock: ## new pinned and hashed requirements; needs uv
	for set in run dev; do uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  requirements/$$set.in --output-file requirements/$$set.txt; done

clean: ## remove the environment and the demonstration
	rm -rf .venv demo out

$(RUN_READY): requirements/run.txt pyproject.toml
	$(PYTHON_IS_FIT)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(DEV_READY): requirements/dev.txt $(RUN_READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@
