# The workshop's tasks. Kept to what GNU make 3.81 knows, which is what macOS carries.
#
# Each task sets up what it needs in .venv, once: a stamp file remembers which
# requirements are installed, and a change of those files makes the next task install
# again. `make clean` starts from nothing.

PYTHON ?= python3
PORT   ?= 8080
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

RUN_STAMP := $(VENV)/.run-stamp
DEV_STAMP := $(VENV)/.dev-stamp

.DEFAULT_GOAL := help
# A set-up that failed half-way leaves no stamp behind.
.DELETE_ON_ERROR:
TORTURE := .torture

.PHONY: help demo test fuzz torture mutants coverage check bench reference format lock clean

help: ## List every task with a sentence.
	@echo "make TASK, where TASK is one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

# Whoever ends the demo with Ctrl+C (130) is not to read that something failed.
demo: $(RUN_STAMP) ## Start a server with a sample store and real orders, to look around in.
	@echo $(BIN)/nuqta demo --port $(PORT)
	@trap : INT; $(BIN)/nuqta demo --port "$(PORT)" || [ $$? -eq 130 ]

# Two processes: the suite is as long as what one processor does of it.
test: $(DEV_STAMP) ## Run the whole test suite.
	$(BIN)/python -m pytest -n 2 --dist loadfile

fuzz: $(DEV_STAMP) ## Send the whole API odd and hostile calls, at length (NUQTA_FUZZ_EXAMPLES each).
	NUQTA_FUZZ_EXAMPLES=$${NUQTA_FUZZ_EXAMPLES:-500} $(BIN)/python -m pytest -q tests/contract/test_fuzz.py

torture: $(DEV_STAMP) ## Cut the power, kill, flip, race and fuzz at length; write docs/reliability.md.
	rm -rf $(TORTURE)
	NUQTA_TORTURE=$(CURDIR)/$(TORTURE) $(BIN)/python -m pytest -n 2 --dist loadfile tests/torture
	NUQTA_TORTURE=$(CURDIR)/$(TORTURE) $(BIN)/python -m tests.torture.report

mutants: $(DEV_STAMP) ## Judge every mutant of the ledger and the door (or NUQTA_MUTANTS of them).
	$(BIN)/python -m tests.torture.mutation.hunt $(TORTURE) $${NUQTA_MUTANTS:-0} $${NUQTA_SEED:-0}

# Only tests that do the same each time: a branch that chance alone finds is not reached.
LEDGER_AND_DOOR := src/nuqta/ledger/*,src/nuqta/engine/door.py
coverage: $(DEV_STAMP) ## Show that tests reach every branch of the ledger and the door.
	$(BIN)/coverage run --include='$(LEDGER_AND_DOOR)' -m pytest -q -p no:xdist -k 'not control' \
		tests/ledger/edges tests/ledger/test_tales.py tests/ledger/test_order_tales.py \
		tests/ledger/test_cart_tales.py tests/engine/test_door.py tests/engine/test_writer.py \
		tests/engine/test_standing.py
	$(BIN)/coverage report --include='$(LEDGER_AND_DOOR)' --fail-under=100

check: $(DEV_STAMP) ## Check style, types, the direction of imports and the tidiness of the tree.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/test_tidy.py

bench: $(DEV_STAMP) ## Measure requests and the ledger on this machine.
	$(BIN)/python -m bench

reference: $(DEV_STAMP) ## Write docs/reference and the API's examples anew from the code.
	NUQTA_UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/test_reference.py \
		tests/contract/test_examples.py

format: $(DEV_STAMP) ## Format the code and mend what can be mended without thought.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The lock is made without anybody's own pip settings: a private index or a folder of
# wheels would leave its own hashes in a file that must serve everywhere. Build tools are
# locked too, because the project itself is installed without build isolation.
# The first lines of both files are written here, because pip-compile's own header
# repeats its whole command line.
LOCK := env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	--build-deps-for wheel --build-deps-for editable
LOCK_NOTE := \# Made from pyproject.toml by `make lock`; change it there, not here.

lock: $(DEV_STAMP) ## Pin the newest allowed packages anew, with hashes.
	$(LOCK) --upgrade --output-file $(VENV)/run.txt pyproject.toml
	$(LOCK) --upgrade --extra dev --constraint $(VENV)/run.txt --output-file $(VENV)/dev.txt pyproject.toml
	@{ echo '# What a server runs: every package pinned, with the hashes of all its files for all'; \
	   echo '# systems.'; echo '$(LOCK_NOTE)'; cat $(VENV)/run.txt; } > requirements.txt
	@{ echo '# requirements.txt and the tools of the workshop, pinned and hashed in the same way.'; \
	   echo '$(LOCK_NOTE)'; sed 's|-c $(VENV)/run.txt|-c requirements.txt|' $(VENV)/dev.txt; } > requirements-dev.txt

clean: ## Remove .venv and everything that was built, measured or cached.
	rm -rf $(VENV) $(TORTURE) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis .coverage htmlcov
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- set-up -----------------------------------------------------------------------------

# Asked before any environment is made, so that the answer is a sentence and not a
# traceback: is there a Python, is it new enough, can it make environments?
$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
		echo "There is no '$(PYTHON)' here. nuqta needs Python 3.11 or newer: install it," \
		     "or name one with 'make PYTHON=python3.12 ...'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "'$(PYTHON)' is too old ($$("$(PYTHON)" --version 2>&1)). nuqta needs Python 3.11" \
		     "or newer: name one with 'make PYTHON=python3.12 ...'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu:" \
		     "apt install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)

# --no-build-isolation: the build tools come from the locked, hashed list, so that
# installing the project itself fetches nothing more.
$(RUN_STAMP): requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements-dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements-dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
