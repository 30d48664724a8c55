# Two commands do all the set-up: `make compare` runs the main job, `make test` the whole test suite.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: compare test lint types site wheel-test check clean

$(READY): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# Alone: its pygame would take the place of pygame-ce, and much else is for replays.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps pysc2
	touch $(READY)

compare: $(READY) ## train both encoders, play evaluation games, write runs/compare
	$(BIN)/perceiver-rl compare configs/compare.yaml

test: $(READY) ## the whole test suite, slow learning tests included
	$(BIN)/python -m pytest -n auto

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy -p perceiver_rl
	$(BIN)/mypy tests scripts examples

site: $(READY) ## the documentation as a site in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

wheel-test: $(READY) ## build the wheel, install it in a clean environment, run from elsewhere
	$(BIN)/python -m pytest -m wheel tests/test_wheel.py

check: lint types test site wheel-test

clean:
	rm -rf $(VENV) build dist *.egg-info
