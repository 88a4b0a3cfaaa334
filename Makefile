# Everything a contributor runs. `make demo` and `make test` need Python 3.11 or newer, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

# Two stamps, so that trying the exporter installs no test tools.
$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "installing into $(VENV); the first time takes about a minute"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: demo
demo: $(VENV)/.runtime ## run the exporter against the built-in simulator
	@$(BIN)/isnotai-exporter demo

.PHONY: run
run: $(VENV)/.runtime ## run the exporter; set ISNOTAI_API_KEY first
	@$(BIN)/isnotai-exporter

.PHONY: test
test: $(VENV)/.dev ## the Python tests
	$(PYTEST) -n 2 -m "not tools and not soak" $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.dev ## the Python tests with branch coverage, which takes them half as long again
	$(PYTEST) -n 2 -m "not tools and not soak" --cov --cov-report=term $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/.dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: tools
tools: ## build the real tools into .tools/bin, once
	$(PYTHON) scripts/build_tools.py

# What Debian has and no registry of modules does. Only what is missing is installed.
.PHONY: debian-tools
debian-tools: ## install buildah and Alertmanager from Debian's packages, where they are missing
	@missing=; \
	command -v buildah >/dev/null || missing="$$missing buildah"; \
	command -v amtool >/dev/null || missing="$$missing prometheus-alertmanager"; \
	if [ -n "$$missing" ]; then \
	  as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	  echo "installing$$missing"; \
	  $$as apt-get update -q && \
	  $$as env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	fi

.PHONY: test-tools
test-tools: $(VENV)/.dev debian-tools tools ## the tests that need the real tools
	$(PYTEST) -m "tools and not soak" $(ARGS)

.PHONY: test-cluster
test-cluster: $(VENV)/.dev tools ## install the chart into a real API server, built here (not part of CI)
	$(PYTHON) scripts/build_tools.py cluster
	$(PYTEST) tests/tools/cluster.py $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## about an hour of trouble, kills at every point, many more histories
	$(PYTEST) -m soak -s $(ARGS)

# Atheris has no wheel for every Python and platform; hypothesis alone is half as good without it.
$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --require-hashes -r requirements/fuzz.txt
	@touch $@

FUZZ_MINUTES ?= 10
.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## attack what reads answers, requests and files, for FUZZ_MINUTES (10)
	$(BIN)/python -m tests.fuzz --minutes $(FUZZ_MINUTES) $(ARGS)

.PHONY: docs
docs: $(VENV)/.dev ## rewrite what is made by code: dashboards, alerts, the docs' tables, the chart's copies
	$(BIN)/python -m dashboards.generate
	$(BIN)/python -m alerts.generate
	$(BIN)/python -m scripts.write_docs
	$(BIN)/python -m scripts.sync_chart

.PHONY: previews
previews: $(VENV)/.dev tools ## draw the dashboards from real queries (needs npm, and Debian's chromium)
	cd previews && npm ci --no-audit --no-fund
	$(BIN)/python scripts/make_previews.py

.PHONY: lock
lock: ## pin what pyproject.toml allows; the files name no package index
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header requirements/build.in -o requirements/build.txt
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --all-extras --group dev pyproject.toml -c requirements/runtime.txt -o requirements/dev.txt
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group fuzz -o requirements/fuzz.txt
