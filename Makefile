# Build, run and test evbagent. `make help` lists the targets.
#
# PYTHON       the interpreter that .venv is built with (3.11 or later)
# PYTEST_ARGS  more arguments for pytest in `make test` and `make check`
# MINUTES, SEED how long `make soak` runs, and with which faults
# FUZZ_SECONDS how long `make fuzz` searches each of its targets

PYTHON ?= python3
PYTEST_ARGS ?=
FUZZ_SECONDS ?= 60
MINUTES ?= 30
SEED ?= 1
VENV := .venv
BIN := $(VENV)/bin

# One stamp for each step; that of the environment names its interpreter, so that another PYTHON builds it anew.
CREATED := $(VENV)/.created-$(subst /,_,$(PYTHON))
RUN_ENV := $(VENV)/.run
TEST_ENV := $(VENV)/.test
FUZZ_ENV := $(VENV)/.fuzz
PEERS := .peers/stamp

export DEBIAN_FRONTEND := noninteractive
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test check gate format bench fuzz soak peers clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_ENV)  ## Build the environment and run the scripted lab
	$(BIN)/evbagent lab --script

test: $(TEST_ENV) $(PEERS) gate  ## Bring what the tests need, then the gate and all tests with coverage
	$(BIN)/python -m pytest --cov $(PYTEST_ARGS)

check: $(TEST_ENV) gate  ## The quick check: the gate and the tests that need no namespace and no peer
	$(BIN)/python -m pytest -m "not netns and not peer and not slow" $(PYTEST_ARGS)

gate: $(TEST_ENV)  ## Format, lint and types, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(TEST_ENV)  ## Format the code and apply the linter's safe fixes
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TEST_ENV)  ## Run the benchmarks
	$(BIN)/python -m tests.benchmarks

soak: $(TEST_ENV)  ## Leave the daemon alone with faults of all kinds (MINUTES=30 SEED=1)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

fuzz: $(FUZZ_ENV)  ## Search for octets that break the decoder or a port (FUZZ_SECONDS=60 each)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

peers: $(PEERS)  ## Unpack the peer programs of the tests into .peers (root, Debian)

clean:  ## Remove all that make has built
	rm -rf $(VENV) .peers .fuzz build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find evbagent tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian splits venv's ensurepip off into python3-venv: as root it is installed, else the command is said.
$(CREATED):
	@set -eu; \
	fail() { echo "$$1" >&2; exit 1; }; \
	provide() { \
	    if [ "$$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then \
	        fail "$$1: run \`sudo apt-get install $$2\`, or name another interpreter with \`make PYTHON=...\`"; \
	    fi; \
	    echo "$$1: installing $$2"; \
	    apt-get -qq install -y --no-install-recommends $$2 >/dev/null 2>&1 || { \
	        apt-get -qq update && apt-get -qq install -y --no-install-recommends $$2 >/dev/null; }; \
	}; \
	if ! command -v "$(PYTHON)" >/dev/null; then \
	    [ "$(PYTHON)" = python3 ] || fail "$(PYTHON) is not there: name another interpreter with \`make PYTHON=...\`"; \
	    provide "python3 is missing" "python3 python3-venv"; \
	fi; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    fail "evbagent needs Python 3.11 or later, and $(PYTHON) is $$("$(PYTHON)" -V 2>&1): name another interpreter with \`make PYTHON=...\`"; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || provide "$(PYTHON) lacks ensurepip" \
	    "python3-venv $$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(RUN_ENV): pyproject.toml $(CREATED)
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(TEST_ENV): pyproject.toml $(CREATED)
	$(BIN)/python -m pip install -q -e '.[test]'
	@touch $(RUN_ENV) $@

# A wheel or nothing: atheris from source would have to build libFuzzer first.
$(FUZZ_ENV): pyproject.toml $(CREATED)
	$(BIN)/python -m pip install -q --only-binary=atheris -e '.[fuzz]'
	@touch $(RUN_ENV) $@

# The script makes the stamp itself, and only when every program is there: otherwise it is tried again next time.
$(PEERS): tests/support/peers.sh | $(TEST_ENV)
	@PYTHON=$(BIN)/python sh tests/support/peers.sh
