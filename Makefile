# What a developer types. Everything is installed into .venv; PYTHON chooses another interpreter.

PYTHON ?= python3
PORT ?= 8000
TOPOLOGY ?= one
BIN := .venv/bin

# For `make load`: where, how many, how long.
HOST ?= http://127.0.0.1:$(PORT)
USERS ?= 50
SPAWN_RATE ?= 10
DURATION ?= 30s

PROTOC = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc \
	-Igrpc_services/generated=grpc_services/protos grpc_services/protos/*.proto
COMPILE = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes

NEW_ENOUGH = { $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "$(PYTHON) is missing or older than Python 3.11: install it, or name another: make PYTHON=python3.12 ..." >&2; exit 1; }; }

.PHONY: help run test chaos fuzz services services-stop stack stack-stop stack-restart stack-status stack-logs check audit-deps protos requirements load bench profile
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: .venv/base ## serve everything in one process on embedded parts (PORT=8000)
	@exec $(BIN)/python manage.py serve --port $(PORT)

test: .venv/dev ## start the four servers, run every test, report coverage, stop what was started
	@exec $(BIN)/python -m deploy.test

chaos: DURATION = 600
chaos: .venv/dev ## kill, pause and cut whatever there is under load, and hold it to its word (SEED=1, DURATION=600)
	@exec $(BIN)/python -m pytest --ds settings.test_embedded -q -p no:cacheprovider tests/chaos/test_chaos.py \
		--chaos-seed $(or $(SEED),1) --chaos-seconds $(DURATION)

services: ## start PostgreSQL, Redis, RabbitMQ and Elasticsearch for tests, and leave them running
	@$(NEW_ENOUGH) && exec $(PYTHON) -m deploy.services start

services-stop: ## stop them; their data stays in .services/
	@$(NEW_ENOUGH) && exec $(PYTHON) -m deploy.services stop

stack: .venv/dev ## the whole system as many processes (TOPOLOGY=one, services, databases; PORT=8000)
	@exec $(BIN)/python -m deploy.stack start --topology $(TOPOLOGY) --port $(PORT)

stack-stop: .venv/dev ## stop it; its data stays
	@exec $(BIN)/python -m deploy.stack stop

stack-restart: .venv/dev ## restart its processes one after the other: no request fails
	@exec $(BIN)/python -m deploy.stack restart

stack-status: .venv/dev ## show the state and pid of each of its processes
	@exec $(BIN)/python -m deploy.stack status

stack-logs: .venv/dev ## follow the logs of all its processes
	@exec $(BIN)/python -m deploy.stack logs

fuzz: .venv/dev ## send everything to every call of the API, and hold the answers to its description (EXAMPLES=200, SEED)
	@exec $(BIN)/python -m pytest --ds settings.test_embedded tests/boundaries/test_contract.py -s \
		--examples $(or $(EXAMPLES),200) --fuzz-seed $(or $(SEED),$$(date +%s))

check: .venv/dev ## format, lint, types, import contracts, migrations, secrets, generated protos
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT \
	&& $(PROTOC) --python_out=$$fresh --grpc_python_out=$$fresh --mypy_out=quiet:$$fresh --mypy_grpc_out=quiet:$$fresh \
	&& for file in $$fresh/grpc_services/generated/*; do \
		cmp "$$file" "grpc_services/generated/$${file##*/}" \
		|| { echo "grpc_services/generated is stale: make protos" >&2; exit 1; }; \
	done && echo "grpc_services/generated is up to date"

audit-deps: .venv/dev ## hold all packages against the known advisories (asks pypi.org)
	$(BIN)/python -m uv tool run pip-audit@2.10.1 --strict --no-deps --disable-pip -r requirements/dev.txt

protos: .venv/dev ## generate grpc_services/generated from grpc_services/protos
	$(PROTOC) --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:.

requirements: .venv/dev ## compile requirements/*.in into requirements/*.txt
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt

load: .venv/dev ## a mixed load on a running server (HOST, USERS, SPAWN_RATE, DURATION)
	@exec $(BIN)/python -m locust -f tests/locust-tests/locustfile.py --headless --only-summary \
		--host $(HOST) --users $(USERS) --spawn-rate $(SPAWN_RATE) --run-time $(DURATION)

bench: .venv/dev ## how near each part comes to what the machine can do (ONLY=fanout)
	@exec $(BIN)/python -m benchmarks $(ONLY)

profile: .venv/dev ## a flame graph of where the time goes (TARGET=feed, post, likes, fanout, relay, search)
	@exec $(BIN)/python -m benchmarks --profile $(or $(TARGET),feed)

# A file in .venv for each step, so that the second time takes no time.

.venv/made:
	@$(NEW_ENOUGH)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) can't make a virtual environment; on Debian, run once as root: apt-get install -y python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/base: .venv/made requirements/base.txt
	@echo "installing requirements/base.txt into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

.venv/dev: .venv/base requirements/dev.txt
	@echo "installing requirements/dev.txt into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
