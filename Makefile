# make bench: a comparison in a quarter of an hour.  make test: the tests.  make test-long: those that take longest.
# make test-cluster: those on a Ray cluster and a SLURM of this machine.
# All work on a fresh machine.
PYTHON ?= python3
VENV   ?= .venv
STUDY  ?= quick
OUT    ?= outputs
RUN    := $(VENV)/bin/
TUNED  := $(if $(wildcard results/$(STUDY)/tuning.csv),tune=yes)
BESIDE := $(if $(wildcard results/$(STUDY)/table.csv),--beside results)

.PHONY: bench test test-long test-cluster lint clean

# Trained from nothing, its table shown beside the committed one, if any, which stays as it is. Tuned values are those that were committed.
bench: $(VENV)/.installed
	mkdir -p $(OUT)/$(STUDY)
	if test -f results/$(STUDY)/tuning.csv; then cp results/$(STUDY)/tuning.csv $(OUT)/$(STUDY)/; fi
	$(RUN)bench run study=$(STUDY) $(TUNED) workers=2 results_dir=$(OUT); status=$$?; \
	$(RUN)bench report $(STUDY) --results-dir $(OUT) $(BESIDE) && exit $$status

test: $(VENV)/.installed-dev
	$(RUN)python -m pytest -n 2 -m 'not long and not cluster' $(ARGS)

test-long: $(VENV)/.installed-dev
	$(RUN)python -m pytest -n 2 -m 'long and not cluster' $(ARGS)

# One after the other: both clusters take all of the machine.
test-cluster: $(VENV)/.installed-cluster
	$(RUN)python -m pytest -m cluster $(ARGS)

lint: $(VENV)/.installed-dev
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(RUN)pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(RUN)pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(RUN)pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.installed-cluster: $(VENV)/.installed-dev
	$(RUN)pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray,slurm]'
	touch $@

clean:
	rm -rf $(VENV) dist build
