# Every target sets up .venv first when it is missing or out of date. `make reproduce` is the one command.
#
#   make reproduce [SCALE=smoke|quick|paper] [PROFILE=default|gpu|slurm] [CORES=n] [CONFIG=file] [SOURCE=...] [DIRECTORY=...]

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
RUN := --workflow-profile workflow/profiles/$(PROFILE) $(if $(CORES),--cores $(CORES))
SNAKEMAKE := $(BIN)/snakemake $(RUN) --configfile $(CONFIG) --config $(OPTIONS)

.PHONY: reproduce paper test report bench lint format clean

# The summary is shown also when a job failed: what was computed is there, and the exit status tells.
reproduce report: $(STAMP)
	$(SNAKEMAKE) --report $(RESULTS)/report/report.html --report-after-run; status=$$?; \
	$(BIN)/python -m dropscape.report.summary $(RESULTS); exit $$status

# The papers' own settings need more digits than the embedded ones.
paper:
	$(MAKE) reproduce SCALE=paper SOURCE=$(or $(SOURCE),official)

test: $(STAMP)
	$(BIN)/python -m pytest

bench: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow
	$(BIN)/lint-imports
	$(BIN)/snakemake --lint

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt workflow

clean:
	rm -rf $(RESULTS) .snakemake

$(STAMP): envs/requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(BENCH_STAMP): $(STAMP) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	touch $@
