# clients-gateway: `make run` to see it, `make test` to prove it. `make help` lists the rest.
#
# Each slow step leaves a stamp beside what it made, and runs again only when what it was made
# from has changed. Everything lands in .venv and in the two npm projects; nothing is global.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# The first of these that is Python 3.11 or newer, one that can make environments before others.
# A distribution's is built with profiles, as the image's is; what pyenv builds takes more CPU.
PYTHONS := /usr/bin/python3.11 python3.11 python3 python3.13 python3.12
comma := ,
fitting = $(firstword $(foreach name,$(PYTHONS),$(shell $(name) -c \
	'import $(1); sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
PYTHON ?= $(or $(call fitting,sys$(comma) ensurepip),$(call fitting,sys))

# The newest Python here that the locks have wheels for, pyenv's among them, if it is newer.
VERSION := 'import sys, ensurepip; print("%d.%d:%s" % (*sys.version_info[:2], sys.executable))'
EVERY_PYTHON = python3.12 python3.13 python3.14 $(HOME)/.pyenv/versions/3.1[2-4]*/bin/python
versions = $(shell for each in $(1); do "$$each" -c $(VERSION); done 2>/dev/null | sort | tail -1)
minor = $(firstword $(subst :, ,$(1)))
path = $(lastword $(subst :, ,$(1)))
newer = $(if $(filter-out $(call minor,$(call versions,$(PYTHON))),$(call minor,$(1))),$(call path,$(1)))
NEWEST = $(eval NEWEST := $(call newer,$(call versions,$(EVERY_PYTHON))))$(NEWEST)
ON_NEWEST = --no-print-directory VENV=.venv-newest PYTHON=$(NEWEST)
# What runs there, with `few` examples of each property: what holds connections, databases, tasks,
# generators and memory in its hands. By one of two ways only: by our executor, which has graphql-core's
# answers on the other interpreter, by the fast path, by our own transport. Without the longest, which
# count calls, compare with a model, or walk through every mistake. NEWEST_TESTS=tests runs everything.
NEWEST_TESTS = tests/cache tests/gateway tests/schema tests/sockets tests/state tests/upstream tests/web \
	tests/test_startup.py -k 'not (graphql-core or plain and ASGI or httpx or wherever or ten_thousand or \
	test_answers or test_fair_share or test_fences_bite or test_flood or test_list_prices or \
	test_messages or test_model or test_newcomers or test_odd_lists or test_outages or test_prices or \
	test_restart or test_scrolling or test_spending or test_two_writers or test_worst_documents)'

# What `make test` takes a sample of, and how much `make prove` takes of each.
SAMPLED = tests/adversary tests/attacks tests/cache/test_many_callers.py \
	tests/cache/test_scrolling.py tests/search/test_model.py \
	tests/differential/test_compiled.py tests/differential/test_rules.py tests/e2e/test_unseen_documents.py \
	tests/gateway/test_two_writers.py tests/outcomes/test_every_byte.py tests/proxies \
	tests/subscriptions/test_crowd.py tests/subscriptions/test_idle.py \
	tests/telemetry/test_metrics.py tests/telemetry/test_office.py \
	tests/valkey/test_exactness.py tests/valkey/test_history.py tests/valkey/test_many_reads.py \
	tests/valkey/test_office.py tests/valkey/test_shared_cache.py \
	tests/webhooks/test_freshness.py
FULL_SIZE = ADVERSARY_STEPS=50000 CACHED_CALLERS=10000 CALLER_MIX_ROUNDS=1000 CUT_PERCENT=100 \
	DIFFERENTIAL_CASES=200000 EXACT_SECONDS=10 GATEWAY_ATTACK_SECONDS=10 IDLE_CONNECTIONS=5000 METRICS_CALLERS=100000 \
	HISTORY_ROUNDS=3 HISTORY_STEPS=1000 OFFICE_CALLERS=100 PROXY_REQUESTS=10000 \
	REVOCATION_STEPS=2000 RULED_DOCUMENTS=2000 SCROLLS=400 SEARCH_CASES=1000 SHARED_OFFICE_CALLERS=50 SHARED_OFFICE_SECONDS=60 SHARED_READS=1000000 \
	SUBSCRIBED_CHANGES=100 SUBSCRIBERS=1000 TWO_WRITERS=1000 UNSEEN_DOCUMENTS=400 \
	WEBHOOK_STEPS=1000 WRITE_READ_PAIRS=10000

# Two processes more than there are cores, as tests wait for servers; but one at a time what is marked
# `alone`, and beside nothing else what is `quiet`. ARGS=-n0 makes it one process.
CORES := $(shell nproc 2>/dev/null || echo 2)
PARALLEL := -n $(shell expr $(CORES) + 2) --maxprocesses 4 --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
# uv installs in two seconds what takes pip half a minute, and pip installs uv. Copies: a changed file in
# an environment would change the cache.
UV := UV_LINK_MODE=copy $(BIN)/uv pip install --quiet --python
LOCKED := $(UV) $(BIN)/python --require-hashes -r
# Another environment, by the uv of the first.
environment = @PYTHONWARNINGS= $(PYTHON) -m venv --without-pip $(1) && \
	$(UV) $(1)/bin/python --require-hashes -r $(2)
GRAPHIQL := gateway/web/graphiql
CONSUMERS := tests/clients
GQL3 := $(CONSUMERS)/.venv-gql3
SCAN := .venv-scan
SBOM := .venv-sbom
DEPLOY := .venv-deploy

# Where an environment forbids Python to keep what it compiles, each process that a test starts would
# compile everything again: two seconds of CPU instead of one.
unexport PYTHONDONTWRITEBYTECODE

# npm's programs look for `node` on the path, and so do the tests.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# What the GraphiQL build needs: Node 20.19, or 22.12 and newer. Checked only where it matters.
NODE_FITS = const [major, minor] = process.versions.node.split(".").map(Number); \
	process.exit(major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19) ? 0 : 1)
SYSTEM_NODE := $(shell command -v npm >/dev/null && node -e '$(NODE_FITS)' 2>/dev/null && echo yes)
NODE := $(if $(SYSTEM_NODE),,$(VENV)/.stamp-node)
NPM_CI := npm ci --no-audit --no-fund
NPM_BUILD := npm run build

say = @printf '· %s\n' $(1)
# Talkative programs are heard only when they fail.
quietly = @output=$$({ $(1); } 2>&1) || { printf '%s\n' "$$output" >&2; exit 1; }

.PHONY: help run install ready ready-newest test test-newest test-parts test-image prove check check-deploy graphiql attack audit scan bench bench-rivals sbom image lock clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 21

run: install $(GRAPHIQL)/dist/.stamp ## run the demo on this machine only: sandbox and gateway; PORT=9000 for another port
	@$(if $(PORT),GATEWAY_PORT="$(PORT)") exec $(BIN)/clients-gateway run

install: $(VENV)/.stamp-run $(VENV)/.stamp-project ## install the gateway: .venv/bin/clients-gateway

test: install $(VENV)/.stamp-dev $(GRAPHIQL)/dist/.stamp $(CONSUMERS)/node_modules/.stamp $(GQL3)/.stamp ## run the whole test suite; skipped tests are listed at the end
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-newest: $(GRAPHIQL)/dist/.stamp ready-newest ## run the tests that depend on the interpreter on the newest Python of this machine
	$(call say,'$(if $(NEWEST),testing on $(NEWEST),no newer Python than $(PYTHON) is here)')
	$(if $(NEWEST),@$(MAKE) $(ON_NEWEST) test-parts CORES=1 ARGS="$(NEWEST_TESTS) $(ARGS)" HYPOTHESIS_PROFILE=few)

ready: install $(VENV)/.stamp-dev $(GRAPHIQL)/dist/.stamp $(CONSUMERS)/node_modules/.stamp $(GQL3)/.stamp $(SCAN)/.stamp $(DEPLOY)/.stamp ready-newest ## install everything that the tests need; --jobs=4 in parallel

ready-newest: $(VENV)/.stamp-project # two builds of one tree would meet
	$(if $(NEWEST),@$(MAKE) $(ON_NEWEST) .venv-newest/.stamp-dev)

test-parts: install $(VENV)/.stamp-dev
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

prove: install $(VENV)/.stamp-dev ## run the property tests at full size
	@$(FULL_SIZE) $(BIN)/python -m pytest $(PARALLEL) $(SAMPLED) $(ARGS)

check: install $(VENV)/.stamp-dev $(CONSUMERS)/node_modules/.stamp ## check format, lint, types, layers, security, SDL and docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	$(call quietly,$(BIN)/bandit --configfile pyproject.toml --recursive gateway schema)
	$(call quietly,$(BIN)/clients-gateway schema | node $(CONSUMERS)/diff.mjs schema/schema.graphql)
	@$(BIN)/clients-gateway schema --check schema/schema.graphql
	@$(BIN)/python -m tests.house --counts
	@$(BIN)/python -m pytest -q tests/test_docs.py tests/test_house.py

attack: install $(VENV)/.stamp-dev ## run tests/attacks for ten minutes and print their figures; SECONDS=15 for each test that can run longer
	@$(FULL_SIZE) GATEWAY_ATTACK_SECONDS="$(or $(SECONDS),15)" $(BIN)/python -m pytest -s tests/attacks $(ARGS)

graphiql: $(GRAPHIQL)/dist/.stamp ## build the GraphiQL page

bench: install $(VENV)/.stamp-bench ## measure against the rivals that are installed: docs/performance; ARGS=--help
	@$(BIN)/python -m bench $(ARGS)

bench-rivals: $(VENV)/.stamp-bench $(NODE) ## install the rivals under bench/rivals
	@bench/rivals/install.sh

KUBERNETES := $(wildcard deploy/kubernetes/*.yaml)

check-deploy: $(DEPLOY)/.stamp ## check deploy/ against the schemas of compose files and of Kubernetes
	@$(DEPLOY)/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose*.yaml
	$(call quietly,$(DEPLOY)/bin/kubernetes-validate --strict $(filter-out %/kustomization.yaml,$(KUBERNETES)))

SEMGREP = SEMGREP_ENABLE_VERSION_CHECK=0 $(SCAN)/bin/semgrep scan --metrics off --quiet --config tests/semgrep/promises.yaml

scan: $(SCAN)/.stamp ## check the code by this project's own semgrep rules
	@$(SEMGREP) --test tests/semgrep/promises.py
	@$(SEMGREP) --error gateway schema

audit: $(VENV)/.stamp-audit ## look up known vulnerabilities of all locked packages; status 3 if that is impossible
	@$(BIN)/python -m tests.packaging.audit requirements/*.txt

sbom: $(SBOM)/.stamp $(NODE) ## write build/sbom/*.json (CycloneDX): the packages of the gateway and of its page
	@rm -rf build/sbom && mkdir -p build/sbom
	@PYTHONWARNINGS= $(PYTHON) -m venv --without-pip build/sbom/environment
	@$(UV) build/sbom/environment --require-hashes -r requirements/run.txt
	@$(SBOM)/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-file build/sbom/gateway.json build/sbom/environment
	@rm -r build/sbom/environment
	@cd $(GRAPHIQL) && npm sbom --sbom-format cyclonedx --package-lock-only --omit dev > $(CURDIR)/build/sbom/graphiql.json
	$(call say,'build/sbom/gateway.json and build/sbom/graphiql.json')

ENGINE ?= $(firstword $(foreach each,docker podman buildah,$(shell command -v $(each))) docker)

image: ## build the container image clients-gateway:latest with docker, podman or buildah
	$(ENGINE) build --tag clients-gateway --build-arg REVISION=$(shell git rev-parse HEAD) $(ARGS) .

test-image: $(VENV)/.stamp-dev install $(NODE) ## build the image on bases of Debian's packages and test it; needs root, buildah, mmdebstrap
	@$(BIN)/python -m pytest -s tests/image $(ARGS)

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

lock: $(VENV)/.stamp-venv ## lock the packages of pyproject.toml in requirements/; UPGRADE=1 for newer versions
	$(LOCK) pyproject.toml --extra valkey --extra otel -o requirements/run.txt
	$(LOCK) pyproject.toml --extra valkey --extra otel --group dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) pyproject.toml --extra valkey --extra otel --group bench -c requirements/run.txt -o requirements/bench.txt
	$(LOCK) --group build -o requirements/build.txt
	$(LOCK) --group node -o requirements/node.txt
	$(LOCK) --group uv -o requirements/uv.txt
	$(LOCK) --group audit -c requirements/dev.txt -o requirements/audit.txt
	$(LOCK) --group sbom -o requirements/sbom.txt
	$(LOCK) --group deploy -o requirements/deploy.txt
	$(LOCK) --group scan -o requirements/scan.txt
	$(LOCK) --group gql3 -o requirements/gql3.txt

clean: ## remove everything that a fresh clone does not have
	rm -rf bench/.rig bench/rivals/*/node_modules bench/rivals/tailcall/trixie
	rm -rf $(VENV) .venv-newest $(SCAN) $(SBOM) $(DEPLOY) $(GQL3) build clients_gateway.egg-info $(GRAPHIQL)/dist $(GRAPHIQL)/node_modules $(CONSUMERS)/node_modules $(CONSUMERS)/*/build

$(VENV)/.stamp-venv: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed, and none was found. PYTHON=/path/to/python names one.' >&2; exit 1; }
	$(call say,'creating $(VENV) with $(PYTHON)')
	@PYTHONWARNINGS= $(PYTHON) -m venv $(VENV) || { echo 'This Python cannot make environments; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip -qq install --no-compile --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.stamp-run: requirements/run.txt | $(VENV)/.stamp-venv
	$(call say,'installing what the gateway needs (locked; a few seconds)')
	@$(LOCKED) requirements/run.txt
	@touch $@

# After the project, also where make runs jobs in parallel: no two installations write there at once.
$(VENV)/.stamp-dev: requirements/dev.txt $(VENV)/.stamp-run | $(VENV)/.stamp-project
	$(call say,'installing what tests and checks need (locked; a few seconds)')
	@$(LOCKED) requirements/dev.txt
	@touch $@

# Tools of the time before graphql-core 3.3, which ours cannot share an environment with.
$(GQL3)/.stamp: requirements/gql3.txt | $(VENV)/.stamp-venv
	$(call say,'installing gql 3.5 (locked; a few seconds)')
	$(call environment,$(GQL3),requirements/gql3.txt)
	@touch $@

$(VENV)/.stamp-bench: requirements/bench.txt $(VENV)/.stamp-run
	$(call say,'installing what measuring needs (locked; a few seconds)')
	@$(LOCKED) requirements/bench.txt
	@touch $@

$(VENV)/.stamp-node: requirements/node.txt | $(VENV)/.stamp-project
	$(call say,'no fitting Node on this machine: installing one into $(VENV) (60 MB)')
	@$(LOCKED) requirements/node.txt
	@touch $@

$(SCAN)/.stamp: requirements/scan.txt | $(VENV)/.stamp-venv
	$(call say,'installing semgrep (locked; a few seconds)')
	$(call environment,$(SCAN),requirements/scan.txt)
	@touch $@

$(VENV)/.stamp-audit: requirements/audit.txt | $(VENV)/.stamp-venv
	@$(LOCKED) requirements/audit.txt
	@touch $@

$(DEPLOY)/.stamp: requirements/deploy.txt | $(VENV)/.stamp-venv
	$(call say,'installing the schemas of deploy/ (locked; a few seconds)')
	$(call environment,$(DEPLOY),requirements/deploy.txt)
	@touch $@

$(SBOM)/.stamp: requirements/sbom.txt | $(VENV)/.stamp-venv
	$(call say,'installing the writer of the SBOM (locked; a few seconds)')
	$(call environment,$(SBOM),requirements/sbom.txt)
	@touch $@

$(VENV)/.stamp-project: pyproject.toml setup.py requirements/build.txt | $(VENV)/.stamp-run
	$(call say,'installing the gateway itself')
	@$(LOCKED) requirements/build.txt
	@$(UV) $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

%/node_modules/.stamp: %/package.json %/package-lock.json $(NODE)
	$(call say,'fetching the npm packages of $* (locked; a minute or two)')
	$(call quietly,cd $* && $(NPM_CI))
	@touch $@

$(GRAPHIQL)/dist/.stamp: $(GRAPHIQL)/node_modules/.stamp $(shell find $(GRAPHIQL) \
		\( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)
	$(call say,'building GraphiQL (about 10 seconds)')
	$(call quietly,cd $(GRAPHIQL) && $(NPM_BUILD))
	@touch $@
