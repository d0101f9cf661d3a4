# The two commands of the README are `make run` and `make test`; both set up what they need and can be repeated.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
HOUSEHOLDS ?= 300
ROUNDS ?= 20
# What else `python -m bench` is told: make bench BENCH="--only speed"
BENCH ?=
# What no driver and no executor can change.
ONCE := api/cli attacks bench clients crm executor loyalty store/test_embedded.py

.PHONY: setup run test lint types imports tests schema bench crash clean

setup: $(VENV)/.ready  ## make the virtual environment with everything pinned by hash

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c "from store.embedded import find_mongod; print(\"MongoDB:\", find_mongod())"
	@touch $@

run: setup  ## start everything, with real data on the first start
	$(BIN)/crm demo --port $(PORT) --households $(HOUSEHOLDS)

test: setup lint types imports tests  ## everything CI runs

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

# Both drivers and both executors at once, on two cores: what PyMongo's run says is shown when Motor's is over.
tests:
	@log=$$(mktemp); \
	CRM_TEST_DRIVER=pymongo CRM_TEST_EXECUTOR=graphql-core $(BIN)/python -m pytest -p no:cacheprovider \
	  $(patsubst %,--ignore tests/%,$(ONCE)) > $$log 2>&1 & other=$$!; \
	trap "kill $$other" INT TERM; \
	CRM_TEST_DRIVER=motor $(BIN)/python -m pytest -p no:cacheprovider; motor=$$?; \
	wait $$other; pymongo=$$?; cat $$log; rm $$log; test $$motor$$pymongo = 00

schema: setup  ## write the committed schema file anew
	$(BIN)/crm schema > schema/schema.graphql

bench: setup  ## measure everything, beside other servers too, and print tables; needs Node 20 with npm
	$(BIN)/python -m bench $(BENCH)

crash: setup  ## kill API, server and mongod under load, 20 times; CI does it three times
	$(BIN)/python -m bench.crashes --rounds $(ROUNDS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
