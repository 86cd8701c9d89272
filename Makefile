# The playground's commands.  `make` alone lists them.

PYTHON ?= python3
PORT ?= 8501
JOBS ?= $(if $(LAB),2,3)
BROWSERS ?= 2
MINUTES ?= 10
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test slow ci truths soak lint bench pictures docker-lint chromium nginx clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.installed ## Install what is missing and start the playground on PORT (8501)
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: $(if $(LAB),.venv/.installed-dev,lint chromium nginx) ## Lint, then every test that is not slow, JOBS (3) at a time, BROWSERS (2) in browsers; LAB=gan: only what concerns that lab, without a browser
	$(call several,not slow and not truths)
	$(if $(LAB),,$(call browser,not slow and not truths))

slow: .venv/.installed-dev chromium nginx ## The slow tests: what lessons claim; in a browser a lesson of each lab, and two pages as in a lecture hall, a minute of the soak
	$(call several,slow and not truths)
	$(if $(LAB),,$(call browser,slow and not truths))

# Both in one go: each start of the tests imports every lab.
ci: lint chromium nginx ## What continuous integration runs: all but the long claims
	$(call several,not truths)
	$(call browser,not truths)

truths: .venv/.installed-dev chromium ## The long claims, before a release: more seeds, more examples, every lesson in a browser; the result belongs in docs/truths.md
	HYPOTHESIS_PROFILE=truths $(call several,truths or hypothesis)
	$(if $(LAB),,$(call browser,truths))

# On two cores three processes, since one of them mostly waits (for a cluster, a lease, a process that ends); two with a
# browser, each of which has a server and a worker beside it.  What tests/conftest.py puts first is begun first.
# Python keeps what it has compiled, whatever the environment says: each process else compiles all tests anew.
pytest = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --dist loadgroup --no-loadscope-reorder
several = $(pytest) -m "($(1)) and not browser" -n $(JOBS) $(LAB:%=--lab %)
browser = $(pytest) -m "($(1)) and browser" -n $(BROWSERS)

soak: .venv/.installed-dev ## Guests come and go for MINUTES (10), a worker is killed every minute, and nothing may be left; the result belongs in docs/soak.md
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

lint: .venv/.installed-dev ## Ruff on everything, mypy on the engine
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict engine

docker-lint: .venv/.installed-dev ## Hadolint on the Dockerfile
	$(BIN)/hadolint Dockerfile

bench: .venv/.installed-dev chromium nginx ## Run the benchmarks and print their tables
	$(BIN)/python -m benchmarks

pictures: .venv/.installed-dev chromium ## Draw the pictures of the home page and the README anew; LAB=gan: of one lab
	$(BIN)/python -m pictures $(LAB)

clean: ## Remove the virtual environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The dot files are time stamps: pip runs again only when a list of requirements has changed.
.venv/.installed: requirements.txt constraints.txt | $(BIN)/python
	$(PIP) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt requirements-ray.txt .venv/.installed
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
	fi; \
	$(call debian,Chromium,the browser tests,chromium fonts-liberation)

# Where Debian starts services its package brings a server on port 80, which the tests do not use.
nginx:
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null && command -v openssl >/dev/null && exit 0; \
	if ! command -v apt-get >/dev/null; then \
		echo "The tests of deploy/ need nginx and openssl: install both."; exit 1; \
	fi; \
	$(call debian,nginx,the tests of deploy/,nginx openssl)

# Debian's own packages, for which one must be root: what, for what, their names.
debian = if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null; then as_root=sudo; \
	else echo "$(1) is needed for $(2): ask an administrator for the packages $(3)."; exit 1; \
	fi; \
	echo "Installing $(1) for $(2)"; \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(3) >/dev/null
