# `make help` lists every target. A fresh clone needs Python 3.11+ and make, nothing else.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait rather than compute (docs/decisions/0027). 0 runs everything in one process, and shows the order.
TEST_PROCESSES ?= 8
STAMP := $(VENV)/.installed
# Without the tools of tests and checks, which take longer to install than all that runs.
RUNS := $(VENV)/.runs
# The library of X Chat is apart from the other locks: not every machine has a wheel of it, and the service runs without it.
XCHAT_LOG := $(VENV)/xchat.log
INSTALL_XCHAT = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
  -r requirements-xchat.lock 2>$(XCHAT_LOG)
INSTALL_OTEL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-otel.lock
COLLECTED := $(VENV)/.collected
XCHAT_MISSING := The library of X Chat could not be installed: there is no wheel for this machine, or no package index was reached \
  ($(XCHAT_LOG)). Everything but encrypted messages works. `make xchat` tries again.

help: ## list every target
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

install: $(STAMP) ## create .venv and install the exact versions of the locks

$(RUNS): requirements.lock requirements-checkout.lock requirements-xchat.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
	  -r requirements.lock -r requirements-checkout.lock
	@# pip would compile the libraries on one core. A library may have files for another Python.
	-@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib
	@# `make lock` leaves it behind. It would name an old version wherever Python starts in this folder.
	@rm -rf twitter_connector.egg-info
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(INSTALL_XCHAT) || echo '$(XCHAT_MISSING)'
	@# Some environments forbid Python to keep compiled modules. Every process would then compile the project again.
	$(BIN)/python -m compileall -q twitter_connector workers sandbox
	@touch $(RUNS)

$(STAMP): $(RUNS) requirements-dev.lock requirements-otel.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@# Apart, for the tests alone: redis-py imports OpenTelemetry wherever it is installed, which delays the start of each process.
	$(INSTALL_OTEL) --upgrade --target $(VENV)/otel
	@touch $(STAMP)

$(COLLECTED): $(STAMP)
	@# Compiles the tests. Otherwise each process of the first run would compile all of them.
	@$(BIN)/python -m pytest --collect-only -qqq >/dev/null || true
	@touch $(COLLECTED)

xchat: $(RUNS) ## install the library of X Chat, where there is a wheel of it
	@$(INSTALL_XCHAT) || { echo '$(XCHAT_MISSING)'; exit 1; }

otel: $(RUNS) ## install OpenTelemetry, so that `make run` sends traces if an OTEL_ variable asks for them
	@$(INSTALL_OTEL)

run: $(RUNS) ## start everything in the foreground (Ctrl-C stops it)
	@exec $(BIN)/twitter-connector up

# Tests may keep their compiled modules too: every process imports all of them, and compiling takes longer than that.
test test-fast: export PYTHONDONTWRITEBYTECODE :=

test: $(COLLECTED) ## run the whole test suite
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-fast: $(COLLECTED) ## run the tests that start neither the whole service nor a browser
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile -q -m "not integration and not browser"

bench: $(STAMP) ## run benchmarks and print tables: PARTS="start media" for some (PARTS=help lists them), PARTS=all for all
	@$(BIN)/python -m benchmarks $(PARTS)

chaos: $(STAMP) ## kill processes and break the other sides for CHAOS_SECONDS (600) with each broker while 200 conversations on both APIs talk, then count
	CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(BIN)/python -m pytest tests/integration/test_chaos.py -s -k chaos_loses

fuzz: $(STAMP) ## try what is let in from outside FUZZ_FACTOR (50) times as long as `make test` does
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m hypothesis -q tests

audit: $(STAMP) ## look every locked package up in the public list of known vulnerabilities (needs the network)
	@test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && \
	  $(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; } || \
	  { echo "audit: pip-audit could not be installed, which needs the network. Nothing was looked up."; exit 1; }
	@$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock --requirement requirements-checkout.lock \
	  --requirement requirements-dev.lock --requirement requirements-otel.lock --requirement requirements-xchat.lock || \
	  { echo "audit: failed. A table above lists vulnerable packages; without one, the public list was not reached."; exit 1; }

# What the image installs, and nothing of the tools: the list is made from an environment of its own.
SBOM := dist/sbom.cdx.json
sbom: $(STAMP) ## write the software bill of materials (CycloneDX) of what runs to dist/sbom.cdx.json (needs the network)
	@mkdir -p dist
	@test -x $(VENV)/sbom/bin/cyclonedx-py || { $(PYTHON) -m venv $(VENV)/sbom && \
	  $(VENV)/sbom/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7,<8'; } || \
	  { echo "sbom: cyclonedx-bom could not be installed, which needs the network. Nothing was written."; exit 1; }
	@$(PYTHON) -m venv --clear --without-pip $(VENV)/sbom-runtime
	@$(BIN)/python -m pip --python $(VENV)/sbom-runtime install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements.lock
	@$(BIN)/python deploy/sbom_project.py > $(VENV)/sbom-project.toml
	@$(VENV)/sbom/bin/cyclonedx-py environment --pyproject $(VENV)/sbom-project.toml --output-reproducible -o $(SBOM) \
	  $(VENV)/sbom-runtime/bin/python
	@echo "$(SBOM) is written."

image-digests: ## pin the base images in deploy/ to their present digests (needs docker and the network)
	@$(PYTHON) deploy/image_digests.py

lint: $(STAMP) ## check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP) ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

UPGRADE ?= --upgrade
COMPILE = $(BIN)/uv pip compile --quiet --universal $(UPGRADE) --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock" --python-version 3.11

WITHOUT = $$(sed -nE 's/^([a-zA-Z0-9._-]+)==.*/--no-emit-package \1/p' $(1))

lock: $(STAMP) ## write the newest allowed versions into requirements.lock (what runs), and into -checkout.lock, -otel.lock, -xchat.lock and -dev.lock (the rest)
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) setup.cfg -o requirements.lock
	$(COMPILE) --extra checkout setup.cfg -c requirements.lock -o requirements-checkout.lock $(call WITHOUT,requirements.lock)
	$(COMPILE) --extra otel setup.cfg -c requirements.lock -o requirements-otel.lock $(call WITHOUT,requirements.lock)
	$(COMPILE) --extra dev setup.cfg -c requirements.lock -c requirements-checkout.lock -c requirements-otel.lock \
	  -o requirements-dev.lock $(call WITHOUT,requirements.lock requirements-checkout.lock requirements-otel.lock)
	$(COMPILE) --extra xchat setup.cfg -c requirements.lock -o requirements-xchat.lock $(call WITHOUT,requirements.lock)

MANIFESTS := deploy/kubernetes
INDENT = sed 's/^\(.\)/    \1/'

manifests: ## write alarms and dashboard into the manifests of deploy/kubernetes
	@{ sed '/^  alerts.yaml: |/q' $(MANIFESTS)/alerts-configmap.yaml; $(INDENT) deploy/prometheus/alerts.yaml; } > $(MANIFESTS)/new.yaml
	@mv $(MANIFESTS)/new.yaml $(MANIFESTS)/alerts-configmap.yaml
	@{ sed '/^  dashboard.json: |/q' $(MANIFESTS)/dashboard-configmap.yaml; $(INDENT) deploy/grafana/dashboard.json; } > $(MANIFESTS)/new.yaml
	@mv $(MANIFESTS)/new.yaml $(MANIFESTS)/dashboard-configmap.yaml
	@{ sed '/^spec:/q' $(MANIFESTS)/prometheusrule.yaml; sed -n '/^groups:/,$$p' deploy/prometheus/alerts.yaml | sed 's/^\(.\)/  \1/'; } > $(MANIFESTS)/new.yaml
	@mv $(MANIFESTS)/new.yaml $(MANIFESTS)/prometheusrule.yaml

clean: ## remove .venv and caches, keep var/
	rm -rf $(VENV) .venv-newest *.egg-info .pytest_cache .mypy_cache .ruff_cache

.PHONY: help install xchat otel run test test-fast bench chaos fuzz audit sbom image-digests lint format lock manifests clean
