# The front door. `make help` lists what it does.

PYTHON ?= python3
DATA ?= auto
SEED ?= 22
RECIPE ?= report
SEEDS ?= 5
export DATA SEED RECIPE DATA_MIRROR JENA SPEECH

RUN := .venv/bin/python
VERSIONS := th_a th_b kws_a kws_b kws_c

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: all setup data $(VERSIONS) improved baselines seeds study measure pi emulated report publish readme test test-pi bench lock clean help

all: data $(VERSIONS) measure report ## set up, get the data, make the five versions, time them, print the table

setup: ## install the pinned packages into .venv
	@$(PYTHON) scripts/00_setup.py

data: setup ## get and check the data
	@$(RUN) scripts/01_download.py

th_a: setup ## one version: train, prune, quantise, compress, evaluate
	@$(RUN) scripts/03_th_a.py
th_b: setup ##
	@$(RUN) scripts/04_th_b.py
kws_a: setup ##
	@$(RUN) scripts/05_kws_a.py
kws_b: setup ##
	@$(RUN) scripts/06_kws_b.py
kws_c: setup ##
	@$(RUN) scripts/07_kws_c.py

improved: setup ## our own recipes: the same budgets, smaller and better
	@$(MAKE) --no-print-directory $(VERSIONS) RECIPE=improved

seeds: setup ## a recipe with several seeds: make seeds RECIPE=improved SEEDS=5
	@$(RUN) scripts/14_seeds.py $(RECIPE) --seeds $(SEEDS)

baselines: setup ## what the report compares its versions with: unoptimised networks, its study of techniques
	@$(RUN) scripts/02_baselines.py

study: $(VERSIONS) ## does the report hold? ten seeds, baselines, unknown speakers, all claims: hours; goes on where it stopped
	@$(RUN) scripts/14_seeds.py report --seeds 10
	@$(RUN) scripts/02_baselines.py
	@$(RUN) scripts/14_seeds.py report-by-speaker
	@$(RUN) scripts/08_measure.py
	@$(RUN) scripts/09_report.py

measure: setup ## time all models on this machine
	@$(RUN) scripts/08_measure.py

pi: setup ## time all models on a Raspberry Pi over SSH: make pi HOST=pi@raspberrypi.local
	@test -n "$(HOST)" || { echo "error: say which Pi: make pi HOST=pi@raspberrypi.local" >&2; exit 1; }
	@$(RUN) scripts/08_measure.py --host "$(HOST)" --verify

emulated: setup ## count the models' instructions on an emulated Pi (wants qemu-system-arm and openssh-client)
	@$(RUN) scripts/08_measure.py --emulated

report: setup ## report, published run, this machine's run, constraints: a table, and a page to open
	@$(RUN) scripts/09_report.py

publish: setup ## maintainers: make this machine's run the published one
	@$(RUN) scripts/09_report.py --publish

readme: setup ## maintainers: write the README's tables, the plots and the page from the published results
	@$(RUN) scripts/09_report.py --readme

test: ## set up, check style and types, run the tests
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(RUN) -m pytest

test-pi: ## the whole way to a Pi, on an emulated one (wants qemu-system-arm and openssh-client)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m pytest tests/pi

bench: setup ## our training and front ends timed beside the usual ones
	@$(RUN) scripts/13_bench.py

lock: ## maintainers: pin all that requirements.txt needs in turn (wants uv)
	@: > requirements.lock
	@uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" requirements.txt tests/requirements.txt -o requirements.lock

clean: ## remove what runs on this machine made; keeps downloads, .venv and all that is published
	rm -rf models/local models/standin results/local results/standin data/real data/standin

help: ## this list
	@echo "make all    does everything; make test checks everything. One thing at a time:"; echo
	@sed -n 's/^\([a-z_-]*\):[^#]*## \(..*\)/  make \1\t\2/p' Makefile | expand -t 16
	@echo; echo "  kws_a, kws_b, kws_c, th_b: as th_a"; echo
	@echo "variables: DATA=auto|real|standin  SEED=22  DATA_MIRROR=folder  JENA=file  SPEECH=folder-or-archive"
	@echo "           RECIPE=report|improved  SEEDS=5  PYTHON=python3"
