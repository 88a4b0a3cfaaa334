# Everything a contributor runs. `make demo` and `make test` need Python 3.11 or newer, and nothing else.
# Each Python has an environment of its own: `make test PYTHON=python3.13` leaves the one of python3 alone.
PYTHON ?= python3
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# From a lock, never resolved: what was released since the lock was made can change nothing.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL_LOCKED := $(BIN)/python scripts/install_locked.py
STAGE := scripts/stage

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

# pyenv's shims know every Python it has, but start only the chosen one unless they are told which.
RUN_PYTHON = $(if $(shell $(PYTHON) --version 2>/dev/null),,PYENV_VERSION=$$(pyenv whence $(PYTHON) | tail -n 1) )$(PYTHON)

# Three stamps, so that trying the exporter installs no test tools, and testing it none for lint.
$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "installing into $(VENV); the first time takes about a minute"
	$(RUN_PYTHON) -m venv $(VENV)
	$(INSTALL_LOCKED) requirements/build.txt requirements/runtime.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $@

INSTALLED = $(BIN)/python -m pip list --disable-pip-version-check --format=freeze | paste -sd' '

# Compiled on all cores, as hundreds of processes import it; but for what only the set-up needs, and lexers.
$(VENV)/.test: requirements/test.txt $(VENV)/.runtime
	$(INSTALL_LOCKED) requirements/test.txt
	$(BIN)/python -m pip check
	@$(BIN)/python -m compileall -qq -j 0 -x '/(pip|setuptools|pkg_resources|pygments)/' $(VENV)/lib exporter || true
	@echo "installed: $$($(INSTALLED))"
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.test
	$(INSTALL_LOCKED) requirements/dev.txt
	$(BIN)/python -m pip check
	@echo "installed: $$($(INSTALLED))"
	@touch $@

.PHONY: demo
demo: $(VENV)/.runtime ## run the exporter against the built-in simulator
	@$(BIN)/isnotai-exporter demo

.PHONY: run
run: $(VENV)/.runtime ## run the exporter; set ISNOTAI_API_KEY first
	@$(BIN)/isnotai-exporter

# Five at a time on two cores, as most of those wait; given out two by two, as else all whole runs, which come
# first, were one process's. What is compiled is kept, as hundreds of processes import it.
TEST = PYTHONDONTWRITEBYTECODE= $(PYTEST) -n 5 --maxschedchunk 2 -m "not tools and not soak" --ignore=tests/tools
.PHONY: test
test: $(VENV)/.test ## the Python tests (EXAMPLES=all: with all examples of the property tests)
	$(TEST) $(ARGS)

.PHONY: test-fast
test-fast: $(VENV)/.test ## the Python tests without whole runs
	$(TEST) --ignore=tests/e2e --ignore=tests/soak $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.dev ## the Python tests with branch coverage, which takes them half as long again
	$(TEST) --cov --cov-report=term $(ARGS)

# Apart from the tests' packages, which the environment of `make test` is made of.
$(VENV)/.docs: requirements/docs.txt $(VENV)/.dev
	$(INSTALL) --no-deps --require-hashes -r requirements/docs.txt
	@touch $@

# mkdocs-material announces another program at each build; it is the one that is pinned. With --quiet,
# --strict does not fail.
SITE = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
.PHONY: site
site: $(VENV)/.docs ## build the documents as a site, into build/site
	@$(SITE) build --strict

.PHONY: lint
lint: $(VENV)/.dev $(VENV)/.docs ## ruff, mypy --strict, and the documents as a site
	@$(STAGE) "ruff check" $(BIN)/ruff check .
	@$(STAGE) "ruff format" $(BIN)/ruff format --check .
	@$(STAGE) "mypy" $(BIN)/mypy
	@$(STAGE) "mkdocs" $(MAKE) --no-print-directory site

.PHONY: format
format: $(VENV)/.dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: tools
tools: ## build the real tools into .tools/bin, once
	@$(MAKE) --no-print-directory -f tools/build.mk tools

# What Debian has and no registry of modules does. Only what is missing is installed.
.PHONY: debian-tools
debian-tools: ## install buildah, Alertmanager, PostgreSQL, PgBouncer, Chromium, groff and npm from Debian's packages, where they are missing
	@missing=; \
	command -v buildah >/dev/null || missing="$$missing buildah"; \
	command -v amtool >/dev/null || missing="$$missing prometheus-alertmanager"; \
	command -v prometheus-elasticsearch-exporter >/dev/null || \
	  missing="$$missing prometheus-elasticsearch-exporter"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	command -v groff >/dev/null || missing="$$missing groff-base"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	[ -x /usr/sbin/pgbouncer ] || missing="$$missing pgbouncer"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	if [ -n "$$missing" ]; then \
	  as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	  echo "installing$$missing"; \
	  $$as apt-get update -q && \
	  $$as env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	fi

# Grafana's own packages, which the dashboards are held to, and what drives Chromium. The lock names no address.
previews/node_modules/.package-lock.json: previews/package-lock.json | debian-tools
	cd previews && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: grafana-code
grafana-code: previews/node_modules/.package-lock.json ## install the packages from npm: Grafana's own, and what drives Chromium, for tests and previews

.PHONY: test-tools
test-tools: $(VENV)/.dev $(VENV)/.docs debian-tools tools grafana-code ## the tests that need the real tools
	$(PYTEST) -m "tools and not soak" $(ARGS)

.PHONY: test-cluster
test-cluster: $(VENV)/.dev tools ## install and upgrade the chart in a real API server, built here (not part of CI)
	@$(MAKE) --no-print-directory -f tools/build.mk cluster
	$(PYTEST) tests/tools/cluster.py tests/tools/cluster_upgrades.py $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## two hours: trouble and kills, hostile clients and reloads, many more histories
	$(PYTEST) -m soak -s $(ARGS)

# Atheris has no wheel for every Python and platform; hypothesis alone is half as good without it.
$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --require-hashes -r requirements/fuzz.txt
	@touch $@

FUZZ_MINUTES ?= 10
.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## attack what reads answers, requests and files, for FUZZ_MINUTES (10)
	$(BIN)/python -m tests.fuzz --minutes $(FUZZ_MINUTES) $(ARGS)

# The peers have an environment of their own: what they depend on is not ours.
.venv-peers/.done: requirements/peers.txt
	$(RUN_PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

.PHONY: bench
bench: $(VENV)/.dev debian-tools .venv-peers/.done ## measure beside peers and with up to 1,000 integrations; redraws docs/performance.md
	$(BIN)/python -m benchmarks.peers --json benchmarks/peers.json
	$(BIN)/python -m benchmarks.fleet --json benchmarks/fleet.json
	$(BIN)/python -m benchmarks.throughput --json benchmarks/ingest.json
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.draw

.PHONY: guard
guard: $(VENV)/.dev ## renew the figures of what one poll costs, which `make test` holds
	$(BIN)/python -m benchmarks.guard --write

.PHONY: docs
docs: $(VENV)/.dev ## rewrite what is made by code: dashboards, alerts, the docs' tables, the chart's copies
	$(BIN)/python -m dashboards.generate
	$(BIN)/python -m alerts.generate
	$(BIN)/python -m scripts.write_docs
	$(BIN)/python -m scripts.write_man
	$(BIN)/python -m scripts.sync_chart

.PHONY: recordings
recordings: $(VENV)/.dev ## record what commands print, for docs/commands.md
	$(BIN)/python -m scripts.record_terminal

.PHONY: previews
previews: $(VENV)/.dev tools grafana-code ## draw the dashboards from real queries, and the status page
	$(BIN)/python -m scripts.make_previews
	$(BIN)/python -m scripts.picture_status_page

# Without --upgrade what is pinned stays, and only what pyproject.toml asks for anew is chosen.
COMPILE = uv pip compile --quiet --universal $(UPGRADE) --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
.PHONY: lock
lock: ## pin what pyproject.toml allows; the files name no package index (UPGRADE=--upgrade raises everything)
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) --all-extras --group dev pyproject.toml -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) --all-extras --group test pyproject.toml -c requirements/dev.txt -o requirements/test.txt
	$(COMPILE) --extra grpc pyproject.toml -c requirements/dev.txt -o requirements/grpc.txt
	$(COMPILE) --extra postgres pyproject.toml -c requirements/dev.txt -o requirements/postgres.txt
	$(COMPILE) --group docs -c requirements/dev.txt -o requirements/docs.txt
	$(COMPILE) --group fuzz -o requirements/fuzz.txt
	$(COMPILE) requirements/release.in -o requirements/release.txt
	$(COMPILE) requirements/peers.in -o requirements/peers.txt

.PHONY: base-image
base-image: ## print the newest base image with its digest, for PYTHON_IMAGE in release.yaml (needs Docker)
	@image=$$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile); \
	digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$$image") && echo "$$image@$$digest"
