# Every target sets itself up: Python packages in .venv, test programs in the user's cache.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
TOOLS := $(BIN)/python tests/tools/build.py
# What failed beside other tests, by itself: see tests/conftest.py for what may have that, and what not.
again = { [ $$? -eq 1 ] && $(BIN)/pytest --no-skips --verbose --again $(1); }
PURE := tests/architecture tests/unit tests/properties
# The tests start hundreds of processes: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.stamp ## Show Navicert admit and refuse sample images, without a cluster
	$(BIN)/navicert demo

.PHONY: test
test: .venv/.stamp tools ## Run every test; builds the test programs first (minutes the first time); a skipped test fails
	$(BIN)/pytest --cache-clear --no-skips -n 3 --dist loadfile --no-loadscope-reorder || $(call again)

.PHONY: check
check: .venv/.stamp ## Format, lint, types, import contracts and the tests without processes; under a minute
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 -m 'not slow' --hypothesis-profile quick $(PURE)

.PHONY: e2e
e2e: .venv/.stamp ## Run pods: the chart on a real node, root on Linux with containerd, or E2E_KUBECONFIG=; minutes
	$(TOOLS) $(if $(E2E_KUBECONFIG),,--e2e)
	$(BIN)/pytest --cache-clear --e2e --no-skips -s tests/e2e || $(call again,--e2e -s tests/e2e)

.PHONY: image
image: ## Build the image from the Containerfile, with podman or docker; make image IMAGE=name:tag names it
	$(or $(ENGINE),$(shell command -v podman || command -v docker)) build -f Containerfile -t $(or $(IMAGE),navicert:dev) .

.PHONY: bench
bench: .venv/.stamp tools ## Measure latency and throughput against a real control plane and registry
	$(TOOLS) --only kube-scheduler --only kwok
	$(BIN)/python -m tests.bench.run

.PHONY: fuzz
fuzz: .venv/.stamp ## Fuzz every parser of foreign bytes, each for SECONDS (600); TARGET=name for one
	tests/tools/bootstrap.sh --group fuzz
	$(BIN)/python -m tests.fuzz.run $(or $(SECONDS),600) $(TARGET)

.PHONY: tools
tools: .venv/.stamp ## Build etcd, kube-apiserver, kubectl, registries, cosign and helm, and fetch Debian's programs, into the user's cache, once
	$(TOOLS)
	$(BIN)/python -m tests.tools.packages

.PHONY: crds
crds: .venv/.stamp ## Generate the chart's CustomResourceDefinitions, and docs/fields.md, from the models
	$(BIN)/python -m controller.wire.crd charts/navicert/crds
	$(BIN)/python -m controller.wire.fieldreference docs/fields.md

.PHONY: manifests
manifests: crds ## Render the chart into manifests/install.yaml, with the real helm, and the cookbook's policies into manifests/samples
	$(TOOLS) --only helm
	$(BIN)/python -m tests.tools.render manifests/install.yaml
	$(BIN)/python -m tests.tools.samples manifests/samples

.PHONY: lock
lock: .venv/.stamp ## Resolve pyproject.toml into uv.lock again; make lock UPGRADE=1 takes newer versions
	$(BIN)/python tests/tools/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove .venv and caches in this folder; the test programs in the user's cache stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: uv.lock pyproject.toml tests/tools/bootstrap.sh tests/tools/bootstrap-requirements.txt
	tests/tools/bootstrap.sh
	@touch $@
