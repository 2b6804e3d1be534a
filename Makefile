# The course's commands; `make` alone lists them. Everything runs in .venv, which is made when missing or stale.
PYTHON  ?= python3
PORT    ?= 8888
BROWSER ?= yes
CHAPTER ?= 02

# Asked of the interpreter, so that a .venv whose Python has gone or changed counts as missing.
VERSION := $(shell .venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
RUNTIME := .venv/.ready-$(VERSION)
DEV     := .venv/.ready-dev-$(VERSION)
CHECKED := .venv/.checked-$(VERSION)
PINS    := pyproject.toml constraints.txt tools/setup_environment.py

# Children find jupyter, nbgrader and alembic by name; setup itself must not, it may have to remake .venv.
# On Linux, memory that a layer has freed stays for the next one: to fetch it from the system takes a quarter of the time.
IN_VENV := export PATH="$(CURDIR)/.venv/bin:$$PATH" MALLOC_MMAP_THRESHOLD_=268435456 MALLOC_TRIM_THRESHOLD_=536870912;

LIBRARY   := $(wildcard lecture_lib/*.py lecture_lib/*/*.py lecture_lib/*/*/*.py \
                        lecture_lib/birds/weights/* lecture_lib/*.mplstyle lecture_lib/widgets/*.js lecture_lib/widgets/*.css) \
             tools/build.py
LECTURES  := $(patsubst course/lectures/%.py,notebooks/%.ipynb,$(wildcard course/lectures/*.py))
EXERCISES := $(foreach name,$(basename $(notdir $(wildcard course/exercises/*.py))),solutions/$(name)/$(name).ipynb)
# One thread a process: with more jobs than cores, waiting threads would take the time of others.
JOBS  ?= 3
PYTEST := OMP_NUM_THREADS=1 pytest -n $(JOBS) --dist loadscope
LINT   := ruff format --check && ruff check && mypy && lint-imports && python -m tools.lint_web
NBVAL  := --nbval --nbval-current-env --nbval-cell-timeout=600 --nbval-sanitize-with=tests/nbval_sanitize.cfg
# tools/jupyter has the defaults for JupyterLab: no question about news, no search for updates; for students, no tools of
# nbgrader's that only instructors need (INSTRUCTOR=1 shows them). What is stored in the lectures may be shown as it is.
LAB := export JUPYTER_CONFIG_PATH="$(CURDIR)/tools/jupyter$(if $(INSTRUCTOR),,:$(CURDIR)/tools/jupyter/students)"; \
       jupyter trust notebooks/*.ipynb >/dev/null; exec jupyter lab --log-level=WARN --port=$(PORT) \
       --ServerApp.root_dir="$(CURDIR)" $(if $(filter no,$(BROWSER)),--no-browser) $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help setup lab test test-browser notebooks present slides explorer weights check grade bench test-grading format lint constraints clean
.SECONDEXPANSION:

help: ## this list
	@echo "make TARGET [PYTHON=python3] [TORCH=cpu|cuda] [INSTRUCTOR=1] [PORT=8888] [BROWSER=no] [CHAPTER=02] [JOBS=3]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s%s\n", $$1, $$2}' Makefile

setup: ## make .venv, or bring it up to date
	@$(PYTHON) tools/setup_environment.py

lab: $(CHECKED) ## open the course in JupyterLab
	@echo "== Starting JupyterLab (stop it with Ctrl-C); its address, should no browser open:"
	@$(IN_VENV) $(LAB) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

test: $(DEV) ## format, lint, types, tests, every notebook (with 3 times 4 GB of memory; JOBS=2 for less)
	@echo "== Format, lint, types"
	@$(IN_VENV) $(LINT)
	@echo "== Tests, and every notebook run and compared with its stored output"
	@$(IN_VENV) $(PYTEST) -m "not stage" --no-loadscope-reorder tests notebooks solutions $(NBVAL)

test-browser: $(DEV) ## decks, widgets and the explorer in a real browser; with EVERY_NOTEBOOK=1 all notebooks, too
	@$(IN_VENV) REQUIRE_BROWSER=1 $(subst loadscope,loadgroup,$(PYTEST)) -m stage tests

notebooks: $(LECTURES) $(EXERCISES) ## build what is older than its text in course/ or than lecture_lib/

present: $(RUNTIME) ## a chapter as live slides in JupyterLab, run up to its first widget [CHAPTER=03]
	@$(IN_VENV) exec python -m tools.present $(CHAPTER) --port $(PORT) $(if $(filter no,$(BROWSER)),--no-browser)

slides: $(RUNTIME) ## every lecture as an HTML page in build/slides, for a stick without network
	@$(IN_VENV) python -m tools.slides course/lectures/[0-9]*.py

explorer: $(CHECKED) ## explain a picture of your own, on a page without code
	@echo "== Starting the explorer (stop it with Ctrl-C); its address, should no browser open:"
	@$(IN_VENV) export JUPYTER_CONFIG_PATH="$(CURDIR)/tools/jupyter" JUPYTER_PATH="$(CURDIR)/tools/jupyter"; \
	 exec voila notebooks/explorer.ipynb --port=$(PORT) $(if $(filter no,$(BROWSER)),--no-browser)

weights: $(RUNTIME) ## train the bird networks again, from nothing (about 20 minutes on 2 cores; goes on where it was broken off)
	@$(IN_VENV) python -m lecture_lib.birds.train

check: $(RUNTIME) ## the points of all your exercises so far [EXERCISE=02]
	@$(IN_VENV) python -m grader.points $(EXERCISE)

grade: $(RUNTIME) ## grade a class: make grade SUBMISSIONS=folder [GRADE="--workers 4"]
	@$(IN_VENV) python -m grader "$(or $(SUBMISSIONS),$(error Say which folder: make grade SUBMISSIONS=folder))" $(GRADE)

bench: $(DEV) ## our methods beside the libraries that people use instead: times, memory (about 5 minutes on 2 cores)
	@$(IN_VENV) python -m benchmarks

test-grading: $(DEV) ## grade a class of forty, attackers included (many minutes)
	@$(IN_VENV) GRADE_A_CLASS=1 pytest -s tests/grader/test_grade_forty.py

format: $(DEV) ## lay out and sort the code as `make test` wants it
	@$(IN_VENV) ruff format && ruff check --fix && python -m tools.lint_web --write

lint: $(DEV) ## format, lint and types, without the tests
	@$(IN_VENV) $(LINT)

constraints: ## pin the newest versions that pyproject.toml allows (then run make test)
	@$(PYTHON) tools/setup_environment.py --dev --newest --venv build/newest
	@build/newest/bin/python tools/pin.py > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -r build/newest

clean: ## remove what was made here, except .venv and grading/
	@rm -rf build .mypy_cache .ruff_cache *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -r {} +

$(RUNTIME): $(PINS)
	@$(PYTHON) tools/setup_environment.py

$(DEV): $(PINS)
	@$(PYTHON) tools/setup_environment.py --dev

# Only once after a setup: it loads torch, and the second start should be quick.
$(CHECKED): $(RUNTIME)
	@echo "== Checking this machine"
	@$(IN_VENV) python -m lecture_lib.doctor
	@touch .venv/.checked-$$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

$(LECTURES): notebooks/%.ipynb: course/lectures/%.py $(LIBRARY) | $(DEV)
	@$(IN_VENV) python tools/build.py $<

# The stem is NAME/NAME; the student version in exercises/ is made by the same command.
$(EXERCISES): solutions/%.ipynb: course/exercises/$$(notdir $$*).py $(LIBRARY) nbgrader_config.py | $(DEV)
	@$(IN_VENV) python tools/build.py $<
