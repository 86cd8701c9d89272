# The playground's commands.  `make` alone lists them.

PYTHON ?= python3
PORT ?= 8501
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint slow bench docker-lint chromium clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.installed ## Install what is missing and start the playground on PORT (8501)
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: lint chromium ## Lint, then every test that is not slow: JOBS (2) at a time, those with a browser one by one, and once more if one fails
	$(BIN)/python -m pytest -m "not slow and not browser" -n $(JOBS) --dist loadfile -q
	$(call browser,browser and not slow)

slow: .venv/.installed-dev chromium ## The slow tests, one at a time: what lessons claim; in a browser every lesson, and every page on a phone and in a hall
	$(BIN)/python -m pytest -m "slow and not browser" -q
	$(call browser,browser and slow)

# A busy machine can make one look at a page too late: what failed is tried once more.
browser = $(BIN)/python -m pytest -m "$(1)" -q || \
	$(BIN)/python -m pytest -m "$(1)" --last-failed --last-failed-no-failures none -q

lint: .venv/.installed-dev ## Ruff on everything, mypy on the engine
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict engine

docker-lint: .venv/.installed-dev ## Hadolint on the Dockerfile
	$(BIN)/hadolint Dockerfile

bench: .venv/.installed-dev chromium ## Run the benchmarks and print their tables
	$(BIN)/python -m benchmarks

clean: ## Remove the virtual environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The dot files are time stamps: pip runs again only when a list of requirements has changed.
.venv/.installed: requirements.txt constraints.txt | $(BIN)/python
	$(PIP) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(PIP) -r requirements-dev.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "The playground needs Python 3.11 or newer: make PYTHON=/path/to/python3 ..."; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The tests look for the same names in tests/conftest.py.
chromium:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v "$$name" >/dev/null && exit 0; \
	done; \
	if ! command -v apt-get >/dev/null; then \
		echo "The browser tests need Chromium or Chrome: install one, or set CHROMIUM to its path."; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null; then as_root=sudo; \
	else echo "The browser tests need Chromium: ask an administrator for the package chromium."; exit 1; \
	fi; \
	echo "Installing Chromium for the browser tests"; \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-liberation >/dev/null
