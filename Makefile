# Every target sets up .venv first when it is missing, out of date or moved. `make reproduce` is the one command.
#
#   make reproduce [SCALE=smoke|quick|desktop|paper] [PROFILE=default|gpu|slurm] [CORES=n] [GPUS=n] [CONFIG=file] [VERBOSE=1] [KEY=value ...]
#   make plan      the same options: what is left to be made and what it will cost; with CHECK=1 forecasts against records
#   make gpu-check  whether this machine's GPU computes what the processor does, and how fast, in 9 minutes (docs/gpu.md)
#
# KEY is any key of config/config.yaml in capitals, such as SOURCE, DIRECTORY, SEEDS='[0, 1]' or RESULTS.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/up-to-date
BENCH_STAMP := .venv/peers-up-to-date

# Make and Snakemake take a path apart at spaces.
ifneq ($(words $(CURDIR)),1)
$(error dropscape: the folder '$(CURDIR)' has a space in its path: move it to one without)
endif
# The environment knows the folder that it was made for.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

# Names of the variables that were given on the command line; their values are in the environment.
GIVEN = $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))

.PHONY: reproduce plan paper test report bench gpu-check lint site lock audit format clean

reproduce report plan clean: $(STAMP)
	@exec $(BIN)/python -m dropscape.commands.from_make $@ $(GIVEN)

# The papers' own settings need more digits than the embedded ones.
paper:
	$(MAKE) reproduce SCALE=paper SOURCE=$(or $(SOURCE),official)

# Three also on two cores: the tests of the cluster mostly wait.
test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

bench: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks $(if $(ALL),--all)

gpu-check: $(STAMP)
	$(BIN)/python -m benchmarks.gpu_check

lint: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m snakefmt --check workflow
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/yamllint --strict .
	$(BIN)/python -m snakemake --lint
	$(BIN)/python envs/audit.py

# The documentation as pages that need no network: open site/index.html.
site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

lock: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python envs/lock.py $(if $(UPGRADE),--upgrade)

audit: $(STAMP)
	$(BIN)/python envs/audit.py

format: $(STAMP)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .
	$(BIN)/python -m snakefmt workflow

$(STAMP): $(wildcard envs/*.lock) pyproject.toml
	@$(PYTHON) envs/prepare.py $(filter PYTHON,$(GIVEN))

$(BENCH_STAMP): $(STAMP) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	touch $@
