# Every target sets up .venv first when it is missing or out of date. `make reproduce` is the one command.
#
#   make reproduce [SCALE=smoke|quick|paper] [PROFILE=default|gpu|slurm] [CORES=n] [GPUS=n] [CONFIG=file] [SOURCE=...] [DIRECTORY=...]
#   make plan      the same options: what is left to be made and what it will cost; with CHECK=1 forecasts against records

CONFIG ?= config/config.yaml
# How it runs; each profile says on how many cores unless CORES is given.
PROFILE ?= default
# The scale and the folder of results are those of the configuration file unless SCALE is given.
SCALE ?= $(or $(shell sed -n 's/^scale: *\([a-z]*\).*/\1/p' $(CONFIG)),quick)
RESULTS := $(or $(shell sed -n 's/^results: *\([^ #]*\).*/\1/p' $(CONFIG)),results)/$(SCALE)

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/up-to-date
BENCH_STAMP := .venv/peers-up-to-date
export PATH := $(abspath $(BIN)):$(PATH)

OPTIONS := scale=$(SCALE) $(if $(SOURCE),'source=$(SOURCE)') $(if $(DIRECTORY),'directory=$(DIRECTORY)')
RUN := --workflow-profile workflow/profiles/$(PROFILE) $(if $(CORES),--cores $(CORES)) $(if $(GPUS),--resources gpu=$(GPUS))
SNAKEMAKE := $(BIN)/snakemake $(RUN) --configfile $(CONFIG) --config $(OPTIONS)

.PHONY: reproduce plan paper test report bench lint audit format clean

# The summary is shown also when a job failed: what was computed is there, and the exit status tells.
reproduce report: $(STAMP)
	$(SNAKEMAKE) --report $(RESULTS)/report/report.html --report-after-run; status=$$?; \
	$(BIN)/python -m dropscape.report.summary $(RESULTS); exit $$status

plan: $(STAMP)
	@$(SNAKEMAKE) --dry-run $(if $(CHECK),--forceall) 2>&1 | $(BIN)/python -m dropscape.cost_model \
		--configfile $(CONFIG) --config $(OPTIONS) $(if $(CORES),--cores $(CORES)) $(if $(CHECK),--check)

# The papers' own settings need more digits than the embedded ones.
paper:
	$(MAKE) reproduce SCALE=paper SOURCE=$(or $(SOURCE),official)

# Three also on two cores: the tests of the cluster mostly wait.
test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

bench: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow
	$(BIN)/lint-imports
	$(BIN)/snakemake --lint
	$(BIN)/python envs/audit.py

audit: $(STAMP)
	$(BIN)/python envs/audit.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt workflow

clean:
	rm -rf $(RESULTS) .snakemake

# Modules are compiled on all cores, for which pip takes one; packages' tests and what is meant for another Python are left out.
$(STAMP): envs/requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r envs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib || true
	touch $@

$(BENCH_STAMP): $(STAMP) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	touch $@
