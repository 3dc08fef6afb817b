# On Windows see the pip commands in README.md.
PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
# nbval knows wall time alone; a cell has its default, 2000 seconds.
# Two workers, a file at a time each: a process of TensorFlow takes 1 to 2 GB.
WORKERS ?= 2
SIDE_BY_SIDE = -n $(WORKERS) --dist loadfile
NBVAL = --nbval-lax --nbval-current-env --nbval-kernel-startup-timeout=2000 --ignore=notebooks/assignments
EXTRAS = --extra cpu --extra notebooks --extra book --extra classroom --extra test
# What JAX needs and the environment has.
SHARED = numpy scipy ml-dtypes opt-einsum
# The same of GPBoost and statsmodels.
BESIDE = cloudpickle colorama joblib markupsafe narwhals numpy packaging pandas python-dateutil \
	pyyaml scikit-learn scipy six threadpoolctl tqdm typing-extensions tzdata
COMPILE = --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes

export TF_CPP_MIN_LOG_LEVEL = 3
export TF_ENABLE_ONEDNN_OPTS = 0
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# A user's own pip settings of these names would break the hash-checked install.
export PIP_USER = 0
export PIP_REQUIRE_HASHES = 0

# Runs a command; says how long it took here the last time, and this time.
define timed
@mkdir -p build/seconds; last="build/seconds/$(1)"; \
	if [ -f "$$last" ]; then echo "$(1): $$(cat "$$last") seconds here the last time"; fi; \
	start=$$(date +%s); $(2) && echo $$(($$(date +%s) - start)) > "$$last" \
	&& echo "$(1): $$(cat "$$last") seconds"
endef

.PHONY: help env copies course test test-jax test-guide lab lessons book browser binder wheel study study-quick release grade address lock every clean

help:
	@echo "make lab          open JupyterLab on the first lesson, in lessons/: your own copies"
	@echo "make course       run every lesson and print what it took (ONLY=06 for one)"
	@echo "make test         style, unit tests, and the stored outputs of the lessons"
	@echo "make test-jax     the unit tests on the JAX backend"
	@echo "make test-guide   the instructors' guide in a clone, attacks, mutants, kills: what is slow"
	@echo "make copies       only your own copies of the lessons, in lessons/; what you changed stays"
	@echo "make env          only make the environment, in $(VENV)"
	@echo "make lessons      execute notebooks/sources into the lessons (ONLY=06 for one)"
	@echo "make book         the lessons and the study as a site, in build/book"
	@echo "make browser      go through the lessons and the book in Chromium, into build/browser"
	@echo "make binder       make what Binder makes, and open every lesson in it"
	@echo "make wheel        build the package into dist/ and try it outside the repository"
	@echo "make study        fit the whole study: results/ and docs/study.md (hours)"
	@echo "make study-quick  the committed choices on few seeds, in build/study-quick"
	@echo "make release      assignments for a class, in classroom/ (ONLY=03 for one)"
	@echo "make grade        grade a folder: ONLY=03 FROM=submissions (SANDBOX=required: or not at all)"
	@echo "make address      where a fork lives, in every link: URL=https://github.com/OWNER/NAME"
	@echo "make lock         choose new versions: requirements.lock, environment.yml, binder/"
	@echo "make every        each of these but the study, on a clean clone: status and seconds (long)"
	@echo "make clean        remove $(VENV) and build"

env: $(VENV)/package.stamp

$(VENV)/lock.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); \
		sys.exit(None if ok else "Python 3.11 to 3.13 is needed, for example: make PYTHON=python3.12")'
	@echo "Installing $$(grep -c '==' requirements.lock) checked packages into $(VENV), about a minute or two."
	@$(PYTHON) -m venv --clear $(VENV)
	$(call timed,installation,$(PY) -m pip install -qq --require-hashes --only-binary :all: -r requirements.lock)
	@touch $@

$(VENV)/package.stamp: pyproject.toml $(VENV)/lock.stamp
	@$(PY) -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

course: env
	@$(PY) -m tools.lessons $(if $(STRICT),--strict) --only $(ONLY)

test: env
	@$(PY) -m ruff check
	$(call timed,unit tests,$(PY) -m pytest $(SIDE_BY_SIDE) tests)
	$(call timed,lessons,$(PY) -m pytest $(SIDE_BY_SIDE) $(NBVAL) notebooks)

# JAX stays out of $(VENV): TensorFlow imports it where it finds it, for 100 MB of a lesson's memory.
build/jax.stamp: requirements-jax.lock $(VENV)/lock.stamp
	@$(PY) -m pip install -qq --upgrade --require-hashes --only-binary :all: --no-deps \
		--target build/jax -r requirements-jax.lock
	@touch $@

test-jax: env build/jax.stamp
	$(call timed,unit tests on JAX,PYTHONPATH=$(CURDIR)/build/jax KERAS_BACKEND=jax $(PY) -m pytest $(SIDE_BY_SIDE) tests)

test-guide: env
	$(call timed,guide,$(PY) -m pytest -m slow tests/tools tests/study)

# GPBoost too stays out of $(VENV): the study alone needs it.
build/gpboost.stamp: requirements-gpboost.lock $(VENV)/lock.stamp
	@$(PY) -m pip install -qq --upgrade --require-hashes --only-binary :all: --no-deps \
		--target build/gpboost -r requirements-gpboost.lock
	@touch $@

copies: env
	@$(PY) -m tools.lessons.cleared

lab: copies
	@$(PY) -m jupyterlab lessons/00_start_here.ipynb

lessons: env
	@$(PY) -m tools.lessons --write --only $(ONLY)

book: env
	$(call timed,book,$(PY) -m tools.lessons.book)

browser: env
	$(call timed,browser,$(PY) -m pytest -m "" tests/repository/browser)

binder: env
	$(call timed,binder,$(PY) -m tools.repository.binder)

wheel: env
	$(call timed,wheel,$(PY) -m tools.repository.wheel --tag "$(TAG)")

study: env build/gpboost.stamp
	$(call timed,study,PYTHONPATH=$(CURDIR)/build/gpboost $(PY) -m study && $(PY) -m study.report)

study-quick: env
	$(call timed,quick study,$(PY) -m study --quick)

release: env
	@$(PY) -m tools.classroom release $(ONLY)

grade: env
	@$(PY) -m tools.classroom grade $(ONLY) $(FROM) --sandbox $(or $(SANDBOX),auto)

address: env
	@$(PY) -m tools.repository.address $(URL)

build/uv/bin/uv:
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python -m pip install -qq uv

lock: build/uv/bin/uv
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
		| build/uv/bin/uv pip compile $(COMPILE) $(EXTRAS) --upgrade --no-annotate \
		--custom-compile-command "make lock" pyproject.toml - -o requirements.lock
	@echo 'jax>=0.6' | build/uv/bin/uv pip compile $(COMPILE) --upgrade --no-annotate \
		--custom-compile-command "make lock" --constraints requirements.lock \
		$(addprefix --no-emit-package ,$(SHARED)) - -o requirements-jax.lock
	@echo 'gpboost>=1.8' | build/uv/bin/uv pip compile $(COMPILE) --upgrade --no-annotate \
		--custom-compile-command "make lock" --constraints requirements.lock \
		$(addprefix --no-emit-package ,$(BESIDE)) - -o requirements-gpboost.lock
	@echo 'statsmodels>=0.14' | build/uv/bin/uv pip compile $(COMPILE) --upgrade --no-annotate \
		--custom-compile-command "make lock" --constraints requirements.lock \
		$(addprefix --no-emit-package ,$(BESIDE)) - -o requirements-statsmodels.lock
	@$(MAKE) env
	@$(PY) -m tools.repository.environment

every: env
	@$(PY) -m tools.repository.every

clean:
	rm -rf $(VENV) build
