# The commands for developers. They install what they need into .venv; PYTHON names the interpreter.

PYTHON ?= python3
PORT ?= 8000
TOPOLOGY ?= one
BIN := .venv/bin

# For `make load`.
HOST ?= http://127.0.0.1:$(PORT)
USERS ?= 50
SPAWN_RATE ?= 10
DURATION ?= 30s

PROTOC = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc \
	-Igrpc_services/generated=grpc_services/protos grpc_services/protos/*.proto
COMPILE = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes --no-strip-extras

NEW_ENOUGH = { $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "$(PYTHON) is missing or older than Python 3.11: install it or name another: make PYTHON=python3.12 ..." >&2; exit 1; }; }

CHECKS = check-format check-lint check-types check-imports check-migrations check-secrets check-protos

.PHONY: help run test chaos fuzz services services-stop stack stack-stop stack-restart stack-status stack-logs \
	check $(CHECKS) audit-deps protos requirements load bench profile
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: .venv/base ## serve everything in one process without servers (PORT=8000)
	@exec $(BIN)/python manage.py serve --port $(PORT)

test: .venv/dev ## start the four servers, run all tests, report coverage, stop the servers
	@exec $(BIN)/python -m deploy.test

chaos: DURATION = 600
chaos: .venv/dev ## kill, pause and cut off processes under load, and check that nothing is lost (SEED=1, DURATION=600)
	@exec $(BIN)/python -m pytest --ds settings.test_embedded -q -p no:cacheprovider tests/chaos/test_chaos.py \
		--chaos-seed $(or $(SEED),1) --chaos-seconds $(DURATION)

services: ## start PostgreSQL, Redis, RabbitMQ and Elasticsearch for the tests
	@$(NEW_ENOUGH) && exec $(PYTHON) -m deploy.services start

services-stop: ## stop these servers; keeps their data in .services/
	@$(NEW_ENOUGH) && exec $(PYTHON) -m deploy.services stop

stack: .venv/dev ## run the whole system as many processes (TOPOLOGY=one, services or databases; PORT=8000)
	@exec $(BIN)/python -m deploy.stack start --topology $(TOPOLOGY) --port $(PORT)

stack-stop: .venv/dev ## stop the stack; keeps its data
	@exec $(BIN)/python -m deploy.stack stop

stack-restart: .venv/dev ## restart the processes of the stack in turn: no request fails
	@exec $(BIN)/python -m deploy.stack restart

stack-status: .venv/dev ## show the state and pid of each process of the stack
	@exec $(BIN)/python -m deploy.stack status

stack-logs: .venv/dev ## follow the logs of all processes of the stack
	@exec $(BIN)/python -m deploy.stack logs

fuzz: .venv/dev ## send generated requests to every call and check the answers against the schema (EXAMPLES=200, SEED)
	@exec $(BIN)/python -m pytest --ds settings.test_embedded tests/boundaries/test_contract.py -s \
		--examples $(or $(EXAMPLES),200) --fuzz-seed $(or $(SEED),$$(date +%s))

check: $(CHECKS) ## everything but the tests: format, lint, types, imports, migrations, secrets, protos

check-format: .venv/dev
	$(BIN)/python -m ruff format --check .

check-lint: .venv/dev
	$(BIN)/python -m ruff check .

check-types: .venv/dev
	$(BIN)/python -m mypy .

check-imports: .venv/dev
	$(BIN)/lint-imports

check-migrations: .venv/dev
	$(BIN)/python manage.py makemigrations --check --dry-run

check-secrets: .venv/dev
	@git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline

check-protos: .venv/dev
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT \
	&& $(PROTOC) --python_out=$$fresh --grpc_python_out=$$fresh --mypy_out=quiet:$$fresh --mypy_grpc_out=quiet:$$fresh \
	&& for file in $$fresh/grpc_services/generated/*; do \
		cmp "$$file" "grpc_services/generated/$${file##*/}" \
		|| { echo "grpc_services/generated is stale: run make protos" >&2; exit 1; }; \
	done && echo "grpc_services/generated is up to date"

audit-deps: .venv/dev ## look for known vulnerabilities in all packages (asks pypi.org)
	$(BIN)/python -m uv tool run pip-audit@2.10.1 --strict --no-deps --disable-pip -r requirements/dev.txt

protos: .venv/dev ## generate grpc_services/generated from grpc_services/protos
	$(PROTOC) --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:.

requirements: .venv/dev ## compile requirements/*.in into requirements/*.txt, with hashes
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt

load: .venv/dev ## put a mixed load on a running server (HOST, USERS, SPAWN_RATE, DURATION)
	@exec $(BIN)/python -m locust -f tests/locust-tests/locustfile.py --headless --only-summary \
		--host $(HOST) --users $(USERS) --spawn-rate $(SPAWN_RATE) --run-time $(DURATION)

bench: .venv/dev ## measure each part against the limit of the machine (ONLY=fanout)
	@exec $(BIN)/python -m benchmarks $(ONLY)

profile: .venv/dev ## draw a flame graph (TARGET=feed, post, likes, fanout, relay or search)
	@exec $(BIN)/python -m benchmarks --profile $(or $(TARGET),feed)

# Each step leaves a file in .venv, so make skips it the next time.

.venv/made:
	@$(NEW_ENOUGH)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot create a virtual environment; on Debian, run as root: apt-get install -y python3-venv" >&2; exit 1; }
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
