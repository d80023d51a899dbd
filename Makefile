# `make help` explains itself. Everything runs from .venv, which the first command that needs it makes.
PYTHON ?= python3
PORT ?= 8080
RESET ?=
ARGS ?=
EMAIL ?=
QUICK ?=
PARTS ?=
SEED ?=
FOR ?=
VENV := .venv
INSTALLED := $(VENV)/.installed
RUN := $(VENV)/bin/python -m

.DEFAULT_GOAL := help
.PHONY: help install dev demo admin test coverage fuzz soak check format lint types imports openapi current bundles clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Make .venv with everything pinned

$(INSTALLED): requirements.txt requirements-cloud-sql.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

dev: $(INSTALLED) ## Start the whole system until Ctrl-C (PORT=9080 for another copy, RESET=1 to start anew)
	@exec $(RUN) infra.local.dev --port $(PORT) $(if $(RESET),--reset)

demo: $(INSTALLED) ## Play a booking from sign-in to completion, against `make dev` or one it starts itself
	@exec $(RUN) infra.local.journey --port $(PORT)

admin: $(INSTALLED) ## Make an admin of EMAIL=somebody@example.com, in the database of DATABASE_URL
	@$(RUN) infra.admin "$(EMAIL)"

test: $(INSTALLED) ## Run every test (ARGS=tests/pure for some)
	$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(INSTALLED) ## Run every test and tell which lines and branches none has reached
	@mkdir -p var/coverage
	$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered $(ARGS)

.PHONY: mutants
mutants: ## Change the pure modules line by line in a copy, and list the changes no test of tests/pure notices
	@test -x var/mutmut/bin/mutmut || { $(PYTHON) -m venv var/mutmut && var/mutmut/bin/pip install --quiet --requirement requirements-dev.txt mutmut==3.8.1; }
	@rm -rf var/mutants && mkdir -p var/mutants
	@git ls-files -z | tar -c --null -T - | tar -x -C var/mutants
	cd var/mutants && ../mutmut/bin/mutmut run --max-children 2 && ../mutmut/bin/mutmut results

PARITY := $(wildcard tests/database/test_connection*.py) $(addprefix tests/database/test_,$(addsuffix .py,address cloud_sql \
	engine errors pgbouncer piggyback prepared_statements protocol request_budgets))

.PHONY: postgres-parity
postgres-parity: ## Test the Postgres connection with the newest pg8000 on the index, in an environment of its own (nightly)
	@test -x var/postgres-parity/bin/pip || $(PYTHON) -m venv var/postgres-parity
	@var/postgres-parity/bin/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@var/postgres-parity/bin/pip install --quiet --disable-pip-version-check --upgrade pg8000
	@echo "pinned: $$(grep -o '^pg8000==[^ ]*' requirements.txt), tested: $$(var/postgres-parity/bin/pip freeze | grep '^pg8000==')"
	var/postgres-parity/bin/python -m pytest $(PARITY)

fuzz: $(INSTALLED) ## Send random requests to every operation, more each (ARGS="--max-examples 1000 --seed 7")
	SCHEMATHESIS="$(or $(ARGS),--max-examples 200)" $(RUN) pytest tests/http/test_schemathesis.py

.PHONY: bench
bench: $(INSTALLED) ## Measure beside two peers, about ten minutes; writes docs/benchmarks (QUICK=1: 90 s; PARTS="cold memory": some)
	@$(RUN) tests.bench $(if $(QUICK),--quick) $(PARTS)

.PHONY: soak
soak: $(INSTALLED) ## Play 20,000 steps of random stories (STEPS=), then let a crowd shop for SECONDS=60 while functions are killed (SEED= as told)
	SOAK=$(or $(STEPS),20000) $(RUN) pytest tests/stateful -k one_likes --hypothesis-seed=$(or $(SEED),$(shell shuf -i 1-2147483647 -n 1))
	SECONDS="$(SECONDS)" SEED="$(SEED)" $(RUN) tests.soak.history

check: format lint types imports current test ## All that must hold before a change lands

format: $(INSTALLED) ## Check the format (fix: make fix)
	$(RUN) ruff format --check --quiet .

lint: $(INSTALLED) ## Check the rules
	$(RUN) ruff check --quiet .

types: $(INSTALLED) ## Check the types
	$(RUN) mypy

imports: $(INSTALLED) ## Check which room may import which
	$(VENV)/bin/lint-imports

openapi: $(INSTALLED) ## Write the API's document from the code
	$(RUN) functions.web.openapi

current: $(INSTALLED) ## Check that the API's document is what the code says (write it: make openapi)
	$(RUN) functions.web.openapi --check

.PHONY: fix
fix: $(INSTALLED) ## Format and mend what can be mended
	$(RUN) ruff format --quiet .
	$(RUN) ruff check --fix --quiet .

.PHONY: terraform checkov
terraform: ## Check the Terraform configuration and its plan (with $TERRAFORM_CHECK where that is set)
	$(if $(TERRAFORM_CHECK),$(TERRAFORM_CHECK) terraform,cd terraform && terraform fmt -check -recursive && terraform init -backend=false && terraform validate && terraform test)

checkov: ## Check the Terraform configuration against known mistakes (an environment of its own: it pins old packages)
	@test -x var/checkov/bin/checkov || { $(PYTHON) -m venv var/checkov && var/checkov/bin/pip install --quiet checkov==3.3.30; }
	var/checkov/bin/checkov --directory terraform --framework terraform --skip-download --compact --quiet

bundles: $(INSTALLED) ## Build the archive of each function, as it is deployed (FOR=production: with its database)
	$(RUN) infra.release.bundles $(FOR)

clean: ## Remove what running has left (not .venv)
	rm -rf var .env .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
