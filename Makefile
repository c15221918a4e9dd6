# `make help` lists what it does.

PYTHON ?= python3
DATA ?= auto
RECIPE ?= report
SEEDS ?= 5
MINUTES ?= 3
export DATA SEED RECIPE DATA_MIRROR JENA SPEECH OTHER JOBS LIMITS TASK TRIALS SEARCH SPLIT

RUN := .venv/bin/python
VERSIONS := th_a th_b kws_a kws_b kws_c

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: all setup data $(VERSIONS) improved smallest live words search seeds baselines study measure pi emulated results \
  bench engine listening publish-models publish-searches publish render published test test-pi portable fuzz lock clean help

all: data $(VERSIONS) ## set up, get the data, build the five versions, time them, print the table
	@$(RUN) scripts/08_measure.py --versions
	@$(RUN) scripts/09_results.py

setup: ## install the pinned packages into .venv
	@$(PYTHON) scripts/00_setup.py $(if $(RAY_ADDRESS)$(filter-out 1,$(JOBS)),--search)

data: setup ## get and check the data
	@$(RUN) scripts/01_download.py

th_a: setup ## build one version: train, prune, quantise, compress, evaluate
	@$(RUN) scripts/03_th_a.py
th_b: setup ## likewise
	@$(RUN) scripts/04_th_b.py
kws_a: setup ## likewise
	@$(RUN) scripts/05_kws_a.py
kws_b: setup ## likewise
	@$(RUN) scripts/06_kws_b.py
kws_c: setup ## likewise
	@$(RUN) scripts/07_kws_c.py

improved: setup ## our own recipes: smaller and better models under the same limits
	@$(MAKE) --no-print-directory $(VERSIONS) RECIPE=improved

smallest: setup ## our most accurate spotter in less than 2,000 bytes
	@$(MAKE) --no-print-directory kws_a RECIPE=smallest

live: setup ## a spotter that also knows "none of them", trained on other sounds (OTHER)
	@$(MAKE) --no-print-directory kws_a RECIPE=live

words: setup ## a spotter of your own words: make words SPEECH=folder-or-archive
	@$(RUN) scripts/17_words.py

search: ## the best recipe under limits: make search LIMITS="size_kb<8 accuracy_pct>94" TRIALS=60; resumes
	@$(PYTHON) scripts/00_setup.py --search
	@$(RUN) scripts/19_search.py $(if $(HOST),--host "$(HOST)")

seeds: setup ## one recipe with several seeds: make seeds RECIPE=improved SEEDS=5
	@$(RUN) scripts/14_seeds.py $(RECIPE) --seeds $(SEEDS)

baselines: setup ## what the report compares its versions with: unoptimised networks, its study of techniques
	@$(RUN) scripts/02_baselines.py

study: ## every input of every claim: ten seeds, baselines, our recipes, unknown speakers, counts, bench: hours; resumes
	@$(MAKE) --no-print-directory $(VERSIONS) RECIPE=report
	@$(RUN) scripts/14_seeds.py report --seeds 10
	@$(RUN) scripts/02_baselines.py
	@for study in improved smallest live report-by-speaker improved-by-speaker smallest-by-speaker; do \
	  $(RUN) scripts/14_seeds.py $$study || exit 1; done
	@$(MAKE) --no-print-directory measure emulated bench results

measure: setup ## time all models on this machine
	@$(RUN) scripts/08_measure.py

pi: setup ## time all models on a Raspberry Pi over SSH: make pi HOST=pi@raspberrypi.local
	@test -n "$(HOST)" || { echo "error: say which Pi: make pi HOST=pi@raspberrypi.local" >&2; exit 1; }
	@$(RUN) scripts/08_measure.py --host "$(HOST)" --verify

emulated: setup ## count the models' instructions on an emulated Pi (needs qemu-system-arm and openssh-client)
	@$(RUN) scripts/08_measure.py --emulated

results: setup ## the report, the published run and this machine's run in one table, and a page to open
	@$(RUN) scripts/09_results.py

bench: setup ## time our training, front ends and models beside what others use
	@$(RUN) scripts/13_bench.py

engine: ## measure what many models at once cost and give
	@$(PYTHON) scripts/00_setup.py --search
	@$(RUN) scripts/20_engine.py

listening: setup ## measure the published spotters on long recordings (OTHER: sounds that are no words)
	@$(RUN) scripts/18_listening.py

publish-models: setup ## for maintainers: copy this machine's models to the published ones, to be measured
	@$(RUN) scripts/15_publish.py --only models

publish-searches: setup ## for maintainers: copy what this machine's searches found to the published results
	@$(RUN) scripts/15_publish.py --only searches

publish: setup ## for maintainers: copy this machine's models and results to the published ones
	@$(RUN) scripts/15_publish.py

render: setup ## for maintainers: write the README, docs, plots and page from the published results
	@$(RUN) scripts/16_render.py

LOG := results/local/published.log
published: setup ## for maintainers: make all that is published, in the background: hours; resumes
	@mkdir -p $(dir $(LOG))
	@flock -n $(LOG).lock true || { echo "error: it is running already: tail -f $(LOG)" >&2; exit 1; }
	@setsid nohup flock -n $(LOG).lock $(MAKE) --no-print-directory study publish-models measure emulated listening \
	  engine publish render DATA=real >> $(LOG) 2>&1 & \
	echo "running in the background. To watch it: tail -f $(LOG)"; \
	echo "To stop it: kill -- -$$!  (make published goes on from there)"

test: ## set up, check style and types, run the tests
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(RUN) -m pytest -n 2 --dist loadfile

test-pi: ## test the whole way to a Pi, on an emulated one (needs qemu-system-arm and openssh-client)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m pytest tests/pi

portable: ## test that a seed gives the same models on other processors, emulated (needs qemu-user)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m pytest tests/portable

fuzz: ## try the scripts on damaged models, cards, recordings, logs and archives: make fuzz MINUTES=30 SEED=7
	@$(PYTHON) scripts/00_setup.py --tests
	@PYTHONPATH=scripts:tests $(RUN) -m fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

lock: ## for maintainers: pin all that requirements.txt needs in turn (needs uv)
	@: > requirements.lock
	@uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" requirements.txt requirements-search.txt tests/requirements.txt -o requirements.lock

clean: ## remove what runs on this machine made; keeps downloads, .venv and all that is published
	rm -rf models/local models/synthetic results/local results/synthetic data/real data/synthetic

help: ## this list
	@echo "make all    does everything; make test checks everything. All targets:"; echo
	@sed -n 's/^\([a-z_-]*\):[^#]*## \(..*\)/  make \1\t\2/p' Makefile | expand -t 19
	@echo; echo "variables: DATA=auto|real|synthetic  SEED=7  DATA_MIRROR=folder  JENA=file  SPEECH=folder-or-archive"
	@echo "           OTHER=folder-or-archive (sounds that are no words)"
	@echo "           JOBS=2 (models at once, of search, seeds, baselines, study, published)  RAY_ADDRESS=host:port (a cluster)"
	@echo "           RECIPE=report|improved|smallest|live  SEEDS=5  PYTHON=python3  HOST=pi@raspberrypi.local"
	@echo "           LIMITS=\"size_kb<8 accuracy_pct>94\"  TASK=keyword_spotting|forecasting  TRIALS=60  SEARCH=name  SPLIT=lists|speaker"
	@echo "           MINUTES=3 (of make fuzz)"
