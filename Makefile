# setup: virtual environment in .venv    demo: the main job    test: checks and tests    bench: figures
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo check test bench
setup: $(VENV)/ready
$(VENV)/ready: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --prefer-binary "torch==2.13.0" $(TORCH_FROM)
	$(BIN)/pip install -q --prefer-binary -c .ci/constraints.txt -e ".[dev]"
	touch $@
demo: setup
	$(BIN)/qiao demo
check: setup
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/python -m tests.translations && $(BIN)/python -m tests.assets
test: check
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/pytest -q --database postgresql tests/contract/test_permissions.py
bench: setup
	$(BIN)/pip install -q -c .ci/constraints.txt -e ".[bench]" && $(BIN)/python -m tests.load
