# `make demo` and `make test` need Python 3.11, git and make; everything else they set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := flows,ui,server,stack,report,s3,gcs,azure,dask,ray,polars,sklearn,lightgbm,xgboost,torch,onnx,figures,git,lakefs,provenance
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
# Tests start hundreds of processes; each would compile this library anew.
export PYTHONDONTWRITEBYTECODE :=

# LightGBM's wheel needs the OpenMP library of the system, which a bare Debian lacks.
OPENMP := $(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null \
  || { apt-get update -qq && apt-get install -y -qq libgomp1; } \
  || { echo "LightGBM needs libgomp.so.1: apt-get install libgomp1, then try again"; exit 1; }

# Debian's packages start servers of their own where an init runs; the stack needs the programs only.
SERVERS := { test -n "$$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" && command -v redis-server setpriv; } >/dev/null \
  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql redis-server util-linux >/dev/null; }

.PHONY: help demo ui stack stack-load test test-fast coverage explore check format bench bench-scale peers clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/demo ## retrain a model on the real flights data, again and again
	@$(BIN)/python -m flows.demo

PORT ?= 4200
MLFLOW_PORT ?= 5000
ui: $(VENV)/ui ## Prefect, MLflow, schedules and a worker on this machine; PORT=4300 for another port
	@$(BIN)/python -m infra.local --port $(PORT) --mlflow-port $(MLFLOW_PORT)

FOLDER ?= .stack
stack: $(VENV)/stack ## PostgreSQL, Redis, S3, two Prefect servers, MLflow and two workers, as plain processes
	@$(BIN)/python -m infra.stack --port $(PORT) --folder $(FOLDER)

RUNS ?= 50
stack-load: $(VENV)/all ## as many flow runs of 20 steps at once on such a stack
	@$(BIN)/python -m tests.stack.load $(RUNS)

test: $(VENV)/all ## every test
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

# Half as long again: CPython 3.11 traces every line for it.
coverage: $(VENV)/all ## every test, and which branches none of them takes
	@$(BIN)/coverage erase
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder --cov --cov-report=term $(ARGS)

test-fast: $(VENV)/all ## the minute-long subset
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not slow" $(ARGS)

explore: $(VENV)/all ## fifty times as many examples of every property, and others each time
	EXAMPLES=50 $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder --timeout 0 $$(grep -rlE 'hypothesis|tests.examples' tests --include='test_*.py') $(ARGS)

check: $(VENV)/all ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/all ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/all ## this library beside Prefect's own caching and plain tasks, as ratios
	@$(BIN)/python -m tests.bench

bench-scale: $(VENV)/all ## retention of many versions; PART=local, s3 or peers, VERSIONS=1000000 (20 GB, a while), REPEATS=3, FOLDER
	@$(BIN)/python -m tests.bench.scale $(PART) $(VERSIONS) --repeats $(or $(REPEATS),1) $(if $(FOLDER),--folder $(FOLDER))

peers: $(VENV)/all ## other systems on the cases of ours; ONLY=joblib tries one of them
	@$(BIN)/python -m tests.peers $(ONLY)

clean: ## remove the environment and what the demo made
	rm -rf $(VENV) .demo .ui .stack build dist

$(VENV)/pip: ## (the environment itself)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null \
	  || { rm -rf $(VENV); echo "installing python3-venv, which Debian keeps apart from Python"; \
	       apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); } \
	  || { echo "python3 -m venv does not work: apt-get install python3-venv, then try again"; exit 1; }
	@PIP_CONSTRAINT= $(BIN)/pip install --quiet 'pip>=25.1'
	@touch $@

$(VENV)/demo: $(VENV)/pip pyproject.toml constraints.txt
	@echo "installing into $(VENV) (about a minute) ..."
	@$(BIN)/pip install --quiet --editable '.[flows]'
	@$(OPENMP)
	@touch $@

$(VENV)/ui: $(VENV)/demo
	@$(BIN)/pip install --quiet --editable '.[flows,ui]'
	@touch $@

$(VENV)/stack: $(VENV)/ui
	@$(BIN)/pip install --quiet --editable '.[flows,ui,s3,server,stack]'
	@$(SERVERS) || { echo "the stack needs PostgreSQL and Redis: apt-get install postgresql redis-server, then try again"; exit 1; }
	@touch $@

$(VENV)/all: $(VENV)/pip pyproject.toml constraints.txt
	@echo "installing everything the tests need into $(VENV) (a few minutes) ..."
	@$(BIN)/pip install --quiet --editable '.[$(EXTRAS)]' --group test --group check
	@$(OPENMP)
	@if command -v npm >/dev/null; \
	  then npm install --silent --no-audit --no-fund --no-package-lock --prefix $(VENV) azurite@3; \
	  else echo "npm is not here, so the tests against Azure's emulator are skipped"; fi
	@{ command -v spin && command -v cc; } >/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq --no-install-recommends spin gcc libc6-dev; } \
	  || echo "spin and a C compiler are not here, so the model of deletion is not checked"
	@command -v chromium >/dev/null \
	  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "chromium is not here, so the tests of what people see in Prefect's pages are skipped"
	@$(SERVERS) || echo "PostgreSQL and Redis are not here, so the tests of the stack are skipped"
	@touch $@ $(VENV)/demo
