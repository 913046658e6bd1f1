# Set-up, tests and demo. Everything is installed in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := foveal agents tools graphs prompts
EXTRA_SOURCES := $(wildcard tests examples benchmarks)

.PHONY: help install demo test fuzz lint types wheel-test clean
.DELETE_ON_ERROR:

help:
	@echo "make demo        index the example collection and ask about a picture that is not in it"
	@echo "make test        all tests but the slow ones"
	@echo "make fuzz        the property tests on examples that were not tried before"
	@echo "make lint        ruff"
	@echo "make types       mypy"
	@echo "make wheel-test  build the wheel and try it in a fresh environment"
	@echo "make clean       remove what was built (not .venv)"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $@

demo: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow"

fuzz: $(STAMP)
	$(BIN)/python -m pytest -m "hypothesis and not slow" --hypothesis-profile=other

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES) $(EXTRA_SOURCES)
	$(BIN)/ruff format --check $(SOURCES) $(EXTRA_SOURCES)

# mypy does not know the mapping of folders to foveal.*, so it is shown a tree of links that has it.
TREE := build/types
types: $(STAMP)
	@rm -rf $(TREE) && mkdir -p $(TREE)/foveal
	@ln -s $(CURDIR)/foveal/* $(CURDIR)/agents $(CURDIR)/tools $(CURDIR)/graphs $(CURDIR)/prompts $(TREE)/foveal/
	cd $(TREE) && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p foveal

wheel-test: $(STAMP)
	$(BIN)/python -m pytest -m slow tests/test_packaging.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .foveal
	find $(SOURCES) $(EXTRA_SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
