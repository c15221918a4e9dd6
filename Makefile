# `make help` lists what it does.

# the command line of make sets variables, not the shell, which may well have a DATA, TASK or HOST for other programs;
# what is empty has the default of the script that takes it
$(foreach name,JENA SPEECH OTHER SEED RECIPE LIMITS,$(if $(filter environment,$(origin $(name))),\
  $(warning $(name) of the shell is not used: write it behind make, as in: make th_a $(name)=...)))
PYTHON = python3
RECIPE = report
EMPTY = DATA JENA SPEECH OTHER SEED SEEDS JOBS LIMITS TASK TRIALS SEARCH NAME SPLIT HOST MODEL MINUTES ONLY VERSION SET A B \
  SIDE_BY_SIDE
KNOWN = $(EMPTY) PYTHON RECIPE DATA_MIRROR RAY_ADDRESS RAY_AUTH_MODE TESTS
$(foreach name,$(EMPTY),$(eval $(name) =))
unexport PYTHONPATH PYTHONHOME
$(if $(filter 0,$(MAKELEVEL)),$(foreach name,$(.VARIABLES),$(if $(filter command line,$(origin $(name))),\
  $(if $(filter $(KNOWN),$(name)),,$(warning $(name) is not used: make help lists the variables)))))

# an option of a script, if the variable is not empty
quoted = '$(subst ','\'',$(value $1))'
option = $(if $(value $2),--$1 $(call quoted,$2))
SOURCES = $(call option,data,DATA) $(call option,jena,JENA) $(call option,speech,SPEECH) $(call option,other,OTHER)
BUILD = $(call option,recipe,RECIPE) $(call option,set,SET) $(call option,seed,SEED) $(SOURCES)
STUDY = $(call option,jobs,JOBS) $(SOURCES)

RUN := .venv/bin/python
# those that a numbered script builds, in its order
VERSIONS := $(shell grep -l version_main scripts/*.py | sed 's/.*\/[0-9]*_\(.*\)\.py/\1/')
# nproc would count OMP_NUM_THREADS
CORES = $(or $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null),1)
# all of them, set up before, side by side: the last ones first, since they take longest
BESIDE = --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(or $(JOBS),$(CORES))) \
  $(shell printf '%s\n' $(VERSIONS) | sed -n '1!G;h;$$p') SIDE_BY_SIDE=yes
# several models at once need Ray, but for those that make starts itself
RAY = $(if $(RAY_ADDRESS)$(filter-out 1,$(JOBS)),--search)

.DEFAULT_GOAL := help
.DEFAULT:
	@echo "error: there is no make $@: make help lists what there is" >&2; exit 1
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
.PHONY: all setup data $(VERSIONS) improved smallest live words search compare seeds baselines study measure pi emulated results show bundle \
  bench listening publish-models publish-searches publish render published check test test-pi portable fuzz fuzz-readers lock clean help

all improved: RAY =
##@ The report's five versions
all: data ## set up, get the data, build the five versions, time them, print the table (5 minutes on two cores)
	@$(MAKE) $(BESIDE)
	@$(RUN) scripts/08_measure.py --versions $(SOURCES)
	@$(RUN) scripts/09_results.py $(SOURCES)

setup: ## install the pinned packages into .venv (some minutes; 2.6 GB)
	@$(PYTHON) scripts/00_setup.py $(RAY)

data: setup ## get and check the data
	@$(RUN) scripts/01_download.py $(SOURCES)

$(VERSIONS): $(if $(SIDE_BY_SIDE),,setup) ## build one version: train, prune, quantise, compress, evaluate
	@$(if $(SIDE_BY_SIDE),SIDE_BY_SIDE=$@) $(RUN) scripts/[0-9][0-9]_$@.py $(BUILD)

##@ Smaller and more accurate, your own words, your own limits
improved: data ## build all five by our own recipes: smaller and more accurate (half an hour)
	@$(MAKE) $(BESIDE) RECIPE=improved

smallest: setup ## build our most accurate spotter in less than 2,000 bytes (ten minutes)
	@$(MAKE) --no-print-directory kws_a RECIPE=smallest

live: setup ## build two listeners, with an unknown class that is trained on other sounds (OTHER; 25 minutes)
	@$(MAKE) --no-print-directory kws_a kws_c RECIPE=live

words: setup ## build a spotter of your own words: make words SPEECH=folder-or-archive NAME=kitchen
	@$(RUN) scripts/17_words.py $(call option,name,NAME) $(call option,seed,SEED) $(SOURCES)

search: ## find the best model under limits: make search LIMITS="size_kb<8 accuracy_pct>94" TRIALS=60 (resumes)
	@$(PYTHON) scripts/00_setup.py --search
	@$(RUN) scripts/19_search.py $(call option,limits,LIMITS) $(call option,task,TASK) $(call option,trials,TRIALS) \
	  $(call option,name,SEARCH) $(call option,split,SPLIT) $(call option,host,HOST) $(call option,seed,SEED) $(STUDY)

##@ Several seeds, comparisons
compare: setup ## say what a change does, over seeds: make compare A="kws_b" B="kws_b width=0.5" SEEDS=5 (resumes)
	@$(RUN) scripts/25_compare.py $(call quoted,A) $(call quoted,B) $(call option,seeds,SEEDS) $(STUDY)

seeds: setup ## build one recipe with several seeds: make seeds VERSION=kws_b RECIPE=improved SEEDS=5 (resumes)
	@$(RUN) scripts/14_seeds.py $(RECIPE) $(call option,versions,VERSION) $(call option,set,SET) $(call option,seeds,SEEDS) \
	  $(STUDY)

baselines: setup ## train the report's baselines: networks without optimisation, and one technique at a time
	@$(RUN) scripts/02_baselines.py $(STUDY)

study: ## run all experiments behind the claims (takes hours; can be stopped and resumed)
	@$(MAKE) --no-print-directory $(VERSIONS) RECIPE=report
	@$(RUN) scripts/14_seeds.py report --seeds 50 $(STUDY)
	@$(RUN) scripts/02_baselines.py $(STUDY)
	@$(RUN) scripts/21_kernels.py $(SOURCES)
	@for study in improved smallest live report-by-speaker improved-by-speaker smallest-by-speaker; do \
	  $(RUN) scripts/14_seeds.py $$study $(STUDY) || exit 1; done
	@$(MAKE) --no-print-directory measure emulated bench results

##@ Measured
measure: setup ## time all models on this machine
	@$(RUN) scripts/08_measure.py

pi: setup ## time all models on a Raspberry Pi over SSH: make pi HOST=pi@raspberrypi.local
	@test -n "$(HOST)" || { echo "error: say which Pi: make pi HOST=pi@raspberrypi.local" >&2; exit 1; }
	@$(RUN) scripts/08_measure.py $(call option,host,HOST) --verify $(SOURCES)

emulated: setup ## count the models' instructions on an emulated Pi (needs qemu-system-arm, cpio, openssh-client)
	@$(RUN) scripts/08_measure.py --emulated

results: setup ## compare the report, the published run and this machine's run: a table, and a page to open
	@$(RUN) scripts/09_results.py $(SOURCES)

show: setup ## show a model, its layers and its scores: make show MODEL=improved/kws_a
	@$(RUN) scripts/23_show.py $(if $(MODEL),$(call quoted,MODEL))

bundle: setup ## pack a model for a Raspberry Pi, to unpack, install and run there: make bundle MODEL=live/kws_a
	@$(RUN) scripts/24_bundle.py $(if $(MODEL),$(call quoted,MODEL))

bench: setup ## time our front ends and training steps beside those of TensorFlow, Keras and PyTorch
	@$(RUN) scripts/13_bench.py $(SOURCES)

listening: setup ## measure the published spotters on long recordings (OTHER)
	@$(RUN) scripts/18_listening.py $(SOURCES)

##@ For maintainers
publish-models: setup ## copy this machine's models to the published ones, before they are measured
	@$(RUN) scripts/15_publish.py --only models

publish-searches: setup ## copy the results of this machine's searches to the published ones
	@$(RUN) scripts/15_publish.py --only searches

publish: setup ## copy this machine's models and results to the published ones
	@$(RUN) scripts/15_publish.py $(SOURCES)

render: setup ## write the tables of README and docs, the plots and the page from the published results
	@$(RUN) scripts/16_render.py

LOG := results/local/published.log
published: setup ## make everything that is published, in the background (takes hours; resumes)
	@mkdir -p $(dir $(LOG))
	@flock -n $(LOG).lock true || { echo "error: it is running already: tail -f $(LOG)" >&2; exit 1; }
	@setsid nohup flock -n $(LOG).lock $(MAKE) --no-print-directory study publish-models measure emulated listening \
	  publish render DATA=real >> $(LOG) 2>&1 & \
	echo "running in the background. To watch it: tail -f $(LOG)"; \
	echo "To stop it: kill -- -$$!  (make published goes on from there)"

# each file holds what those before it do not; versions stay as they are while they fit
COMPILE = uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock"
pinned = $(foreach lock,$1,-c $(lock)) $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' $1)
lock: ## pin all packages, with the hashes of their files (needs uv)
	@$(COMPILE) requirements.txt -o requirements.lock
	@$(COMPILE) requirements.txt requirements-search.txt $(call pinned,requirements.lock) -o requirements-search.lock
	@$(COMPILE) requirements.txt requirements-search.txt tests/requirements.txt \
	  $(call pinned,requirements.lock requirements-search.lock) -o tests/requirements.lock

##@ Tests
TESTS =
check: TESTS = -m "not slow"
check: test ## check style and types, run the fast tests (some minutes)

test: ## check style and types, run all tests (about 20 minutes on two cores)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(RUN) -m pytest -n 2 --dist worksteal $(TESTS)

test-pi: ## test the whole way to a Pi, on an emulated one (needs qemu-system-arm, cpio, openssh-client)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m pytest tests/pi

portable: ## test that a seed gives the same models on other processors, emulated (needs qemu-user)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m pytest tests/portable

fuzz: ## run the scripts on damaged models, cards, recordings, logs and archives: make fuzz MINUTES=30 SEED=7
	@$(PYTHON) scripts/00_setup.py --tests
	@PYTHONPATH=scripts:tests $(RUN) -m fuzz $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,only,ONLY)

fuzz-readers: ## try each reader on damaged bytes, steered by coverage: make fuzz-readers MINUTES=2 ONLY=wav (x86-64 Linux)
	@$(PYTHON) scripts/00_setup.py --tests
	@$(RUN) -m pip install --quiet --only-binary :all: "atheris>=2.3,<4"
	@PYTHONPATH=scripts:tests $(RUN) -m fuzz.readers $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,only,ONLY)

RECIPES := report improved smallest live
STUDIES := $(RECIPES) report-by-speaker improved-by-speaker smallest-by-speaker \
  forecasters spotters rates features batches steps years last_epoch keras_fit regularisation quantisation kernels
##@ Other
clean: ## remove what runs on this machine made; own words, searches, downloads, .venv and published files stay
	@for store in local synthetic; do \
	  rm -rf models/$$store/*/seed-* $(RECIPES:%=models/$$store/%/*=*); \
	  for model in $(foreach recipe,$(RECIPES),$(VERSIONS:%=$(recipe)/%)); do \
	    rm -f models/$$store/$$model.json models/$$store/$$model.tflite.zlib; done; \
	  (cd results/$$store 2> /dev/null && rm -f latency/*.json $(STUDIES:%=runs/%.jsonl) runs/bench.json runs/naive.json \
	    $(RECIPES:%=runs/%/*=*.jsonl) compare/*.csv compare/*.md runs/listening*.json versions.csv page/index.html page/*.svg \
	    bundles/*.tar.gz published.log*); \
	done; \
	rm -f $(foreach folder,data/real data/synthetic data/own,$(addprefix $(folder)/,weather.npz speech.npz other_sounds.npz augmented-*)); \
	for folder in models/local models/synthetic results/local results/synthetic data/real data/synthetic data/own \
	  models/own results/own; do \
	  test -d $$folder && find $$folder -type d -empty -delete && test -d $$folder && ls -d $$folder/*; done | \
	  sed '1i not removed (own words, searches, your files; remove by hand what you no longer need):'; true

help: ## this list
	@echo "make all builds and measures the five versions; make test checks everything."
	@echo "To begin small: make show MODEL=improved/kws_a, make th_b (half a minute)."
	@sed -n -e 's/^##@ \(.*\)/\n\1/p' -e 's/^$$(VERSIONS):\(.*\)/$(firstword $(VERSIONS)):\1 (also: $(wordlist 2,99,$(VERSIONS)))/' \
	  -e 's/^\([a-z_-]*\):[^#]*## \(..*\)/  make \1\t\2/p' Makefile | expand -t 26
	@echo; echo "variables: DATA=auto|real|synthetic  SEED=7  DATA_MIRROR=folder  JENA=file  SPEECH=folder-or-archive"
	@echo "           OTHER=folder-or-archive (other sounds: none of the words)"
	@echo "           JOBS=2 (trainings at once, of all, improved, search, compare, seeds, baselines, study, published)  RAY_ADDRESS=host:port (a cluster)"
	@echo "           RECIPE=report|improved|smallest|live  SEEDS=5  PYTHON=python3  HOST=pi@raspberrypi.local"
	@echo "           LIMITS=\"size_kb<8 accuracy_pct>94\"  TASK=keyword_spotting|forecasting  TRIALS=60  SEARCH=name  SPLIT=lists|speaker"
	@echo "           SET=\"width=0.4 learning_rate=0.005\" (changes fields of a recipe; of the versions and of seeds)  VERSION=kws_b"
	@echo "           MODEL=improved/kws_a (of make show, bundle)  NAME=words (of make words)  MINUTES=3 (of make fuzz)"
