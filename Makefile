# The two commands: `make lab` opens the course, `make test` checks all of it. Both set up .venv first.

PYTHONS := python3 python3.12 python3.13 python3.11
IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(or $(shell for p in $(PYTHONS); do $$p -c '$(IS_SUPPORTED)' >/dev/null 2>&1 && echo $$p && break; done),python3)

VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv pip install --python $(PY) $(if $(PIP_NO_INDEX),--no-index)
READY := $(VENV)/ready
START := notebooks/00_start_here.ipynb
# Most containers know no user but root, whom JupyterLab refuses unless told otherwise. It still
# listens on loopback only and asks for its token. LAB_ARGS: further options of JupyterLab.
LAB_IP := 127.0.0.1
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
LAB_ARGS ?=

# One package's lines of the lock, hashes included: uv is installed from them before everything else.
locked = sed -n '/^$(1)==/,/^[^ ]/{/^$(1)==/p;/^ /p;}' requirements.lock

# uv reads none of pip's settings, so those that a class room or a company sets are handed on; for
# PIP_NO_INDEX uv has an option, see above, and no variable. Every file is checked by its hash: the
# best match of all indexes is safe.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_EXTRA_INDEX_URL
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
endif
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif
export UV_SYSTEM_CERTS ?= 1
export UV_INDEX_STRATEGY ?= unsafe-best-match
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: help setup lab run test test-modules test-notebooks quick lint execute record result bench slides lock clean

help:
	@echo "make lab      set up, then open the course in JupyterLab"
	@echo "make run      set up, then run every notebook into a new folder of runs/, one HTML page each"
	@echo "make test     set up, then check everything that CI checks"
	@echo "make quick    check style and all tests without training, kill or notebook: a minute"
	@echo "make lint     check the style of modules, tests and notebooks"
	@echo "make execute  run the notebooks and save them with their outputs"
	@echo "make record   run or resume the recorded search (75 minutes), comparison (2.5 hours) and reruns (40 minutes)"
	@echo "make result   search, train and test on all of Fashion-MNIST, or show what came of it (45 minutes)"
	@echo "make bench    measure how much sooner the course's search is: minutes; FULL=1 takes hours"
	@echo "make slides   write the notebooks as slides into build/slides/"
	@echo "make lock     bring requirements.lock up to date with pyproject.toml"
	@echo "make clean    remove what was built; log/ and runs/ stay"
	@echo "A Python of your choice: make PYTHON=python3.12 lab"

setup: $(READY)

$(READY): requirements.lock
	@$(PYTHON) -c '$(IS_SUPPORTED)' || { \
	  echo "The course needs Python 3.11, 3.12 or 3.13 and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name one that you have: make PYTHON=python3.12 lab"; exit 1; } >&2
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): about 2 GB, a minute or two."
	@$(PY) -c '$(IS_SUPPORTED)' 2>/dev/null || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@rm -f $(READY); $(call locked,pip) > $(VENV)/pip.txt; $(call locked,uv) > $(VENV)/uv.txt
	@set -e; \
	$(PY) -m pip --version >/dev/null 2>&1 \
	  || $(PYTHON) -m pip --python $(PY) install --quiet --require-hashes -r $(VENV)/pip.txt \
	  || $(PY) -m ensurepip >/dev/null \
	  || { echo "This Python has neither pip nor ensurepip. On Debian and Ubuntu:" \
	         "apt-get install python3-venv. Then call make again." >&2; exit 1; }; \
	$(PY) -m pip install --quiet --only-binary :all: --require-hashes -r $(VENV)/uv.txt \
	  && $(UV) --compile-bytecode --require-hashes -r requirements.lock \
	  && $(UV) --quiet --no-deps --no-build-isolation --editable . \
	  || { echo "uv could not install the lock, so pip does: some minutes more."; \
	       $(PY) -m pip install --compile --require-hashes -r requirements.lock; \
	       $(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .; }
	@touch $(READY)

lab: $(READY)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m jupyterlab --ServerApp.ip=$(LAB_IP) \
	  --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/$(START) $(AS_ROOT) $(LAB_ARGS)

run: $(READY)
	@$(PY) -m helpers.rerun

# Two halves at once, since neither keeps two cores busy; the notebooks' report comes last.
test: lint
	@mkdir -p build; $(MAKE) --no-print-directory -kj2 test-modules test-notebooks; code=$$?; \
	cat build/test-notebooks.txt; exit $$code

test-modules:
	@$(PY) -m pytest tests notebooks/solutions

test-notebooks:
	@$(PY) -m pytest notebooks --ignore=notebooks/solutions > build/test-notebooks.txt 2>&1

quick: lint
	@$(PY) -m pytest -q -m "not slow" tests

lint: $(READY)
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

execute: $(READY)
	@$(PY) -m tools.execute

record: $(READY)
	@$(PY) -m tools.record
	@$(PY) -m tools.record_tuners
	@$(PY) -m tools.record_reruns

result: $(READY)
	@$(PY) -m tools.result --steps search finalists refit baseline & $(PY) -m tools.result

bench: $(READY)
	@$(PY) -m tools.bench $(if $(FULL),--full)

slides: $(READY)
	@$(PY) -m tools.slides write

# Keeps the versions that still fit; UPGRADE=--upgrade takes the newest of everything,
# UPGRADE="--upgrade-package jupyterlab" of one package.
lock: $(READY)
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/uv pip compile --quiet --universal \
	  --python-version 3.11 --generate-hashes --extra dev $(UPGRADE) pyproject.toml \
	  --output-file requirements.lock

clean:
	rm -rf build dist *.egg-info __pycache__ .pytest_cache .ruff_cache
	find helpers tools tests notebooks -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +

# Without this an existing environment would be used whatever PYTHON says.
ifeq ($(origin PYTHON),command line)
ifneq ($(wildcard $(READY)),)
VERSION := -c 'import sys; print("%d.%d" % sys.version_info[:2])'
ifneq ($(shell $(PYTHON) $(VERSION)),$(shell $(PY) $(VERSION)))
$(error $(VENV) was made with Python $(shell $(PY) $(VERSION)), not with $(PYTHON): remove the folder $(VENV) and call make again)
endif
endif
endif
