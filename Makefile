# Every target sets up what it needs first: Python 3.11, make and a C compiler are all a machine must bring.

UV_VERSION := 0.13.9
BIN        := .venv/bin
UV         := .venv/tools/bin/uv
ROOT       := $(CURDIR)

# Trust what the machine trusts, as pip does: many companies have a certificate authority of their own.
export UV_SYSTEM_CERTS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo up down erp erp-down counterparts browser supply test bench hosts chaos fuzz lint lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo "  make demo takes WORLD=folder (a folder of CSV files) and AS_OF=yyyy-mm-dd"
	@echo "  make bench takes SEED=number, SCALE=10k, 100k, 1m or 10m, and MINUTES=number"
	@echo "  make hosts takes SEED=number and INVOICES=number (20000)"
	@echo "  make chaos takes SEED=number, MINUTES=number (60), ONLY=part and SIZE=number of seeds, stops, strikes, events or payments"
	@echo "  make fuzz takes EXAMPLES=number (1000)"

setup: .venv/ready ## create .venv from requirements.lock

demo: .venv/ready ## run the main job: extract, reconcile, mail the report
	@exec $(BIN)/tieout demo $(if $(WORLD),--world "$(WORLD)") $(if $(AS_OF),--as-of "$(AS_OF)")

up: .venv/ready ## start the platform with the Airflow UI
	@$(BIN)/tieout up

down: .venv/ready ## stop the platform
	@$(BIN)/tieout down

erp: .venv/ready var/erp/venv/ready ## start a real ERP (Tryton) to test against; the first time takes two minutes
	@exec $(BIN)/python -m include.local.erp start

erp-down: .venv/ready ## stop the real ERP
	@$(BIN)/python -m include.local.erp stop

lint: .venv/ready ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

counterparts: var/contract/ready ## install the payments platforms by others that contract tests run

# Not the platform's: each has an environment of its own, and the tests say so where npm is missing.
var/contract/ready: tests/contract/payments/localstripe.txt tests/contract/payments/stripe_mock/package-lock.json | .venv/ready
	@echo "contract: installing payments platforms by others (tests/contract/payments)"
	@rm -rf var/contract && mkdir -p var/contract/stripe_mock
	@$(UV) venv -q --python $(BIN)/python var/contract/localstripe
	@exec $(BIN)/python -S -m include.local.leash \
	  $(UV) pip sync -q --python var/contract/localstripe/bin/python --require-hashes \
	  --only-binary :all: --no-binary localstripe $<
	@if command -v npm >/dev/null; then \
	  cp tests/contract/payments/stripe_mock/package*.json var/contract/stripe_mock/ && cd var/contract/stripe_mock && \
	  npm ci --ignore-scripts --no-audit --no-fund --silent; fi
	@touch $@

browser: var/browser/installed ## install what drives the Chromium of this machine, for tests and pictures of the console

# An environment of its own: the platform needs no browser. Without a Chromium the test says so and is skipped, and who
# installs one later is not told that all is done.
var/browser/installed: tests/console/browser/requirements.txt | .venv/ready
	@if command -v chromium chromium-browser google-chrome >/dev/null || [ -n "$$TIEOUT_CHROMIUM" ]; then \
	  echo "browser: installing Playwright and axe (tests/console/browser)"; \
	  rm -rf var/browser && $(UV) venv -q --python $(BIN)/python var/browser && \
	  $(BIN)/python -S -m include.local.leash \
	    $(UV) pip sync -q --python var/browser/bin/python --require-hashes --only-binary :all: $< && touch $@; fi

supply: .venv/ready var/supply/ready ## list licences, write the bill of materials, ask about known vulnerabilities
	@exec $(BIN)/python -m tests.supply

# What reads packages is kept away from what is read.
var/supply/ready: tests/supply/requirements.txt | .venv/ready
	@echo "supply: installing pip-audit and its like (tests/supply/requirements.txt)"
	@rm -rf var/supply && $(UV) venv -q --python $(BIN)/python var/supply
	@exec $(BIN)/python -S -m include.local.leash \
	  $(UV) pip sync -q --python var/supply/bin/python --require-hashes --only-binary :all: $<
	@touch $@

test: lint var/contract/ready var/browser/installed ## check style and types, then run every test
	@what=$$($(BIN)/tieout promote hash) && \
	  echo "$(BIN)/python -m pytest -n 2 --dist loadgroup" && $(BIN)/python -m pytest -n 2 --dist loadgroup && \
	  $(BIN)/tieout promote record --of $$what

bench: .venv/ready var/bench/venv/ready ## measure precision, time and memory, and write docs/benchmarks.md
	@exec $(BIN)/python -m tests.bench run $(if $(SEED),--seed $(SEED)) $(if $(SCALE),--scale $(SCALE)) \
	  $(if $(MINUTES),--minutes $(MINUTES))

hosts: .venv/ready var/hosts/ready ## a day under CeleryExecutor with workers on 1, 2 and 4 hosts, and with one cut off
	@exec $(BIN)/python -m tests.bench hosts $(if $(SEED),--seed $(SEED)) $(if $(INVOICES),--invoices $(INVOICES))

# Beside the platform's own packages, which stay as they are locked.
var/hosts/ready: tests/bench/celery.txt | .venv/ready
	@echo "hosts: installing CeleryExecutor (tests/bench/celery.txt)"
	@rm -rf var/hosts
	@exec $(BIN)/python -S -m include.local.leash \
	  $(UV) pip install -q --python $(BIN)/python --target var/hosts/celery --no-deps --require-hashes \
	  --only-binary :all: -r $<
	@touch $@

fuzz: .venv/ready ## answer, write files and knock at random
	@exec $(BIN)/python -m tests.fuzz $(EXAMPLES)

chaos: .venv/ready ## let go wrong what may, and write docs/reliability.md
	@exec $(BIN)/python -m tests.chaos run $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(ONLY),--only $(ONLY)) $(if $(SIZE),--size $(SIZE))

# A release that nobody could look at for a week is not taken: what was taken over is mostly found within days.
RESOLVE := pip compile -q --python-version 3.11 --generate-hashes --no-annotate --only-binary :all: \
  --exclude-newer "7 days" --custom-compile-command "make lock"
OTHERS  := tests/bench/requirements tests/supply/requirements tests/console/browser/requirements \
  tests/contract/erp/tryton/requirements

lock: .venv/ready ## resolve requirements.txt into requirements.lock, and what tests install into theirs
	$(UV) $(RESOLVE) requirements.txt -o requirements.lock
	echo uv==$(UV_VERSION) | $(UV) $(RESOLVE) - -o requirements-uv.lock
	for one in $(OTHERS); do $(UV) $(RESOLVE) $$one.in -o $$one.txt || exit 1; done
	$(UV) $(RESOLVE) --no-deps tests/bench/celery.in -o tests/bench/celery.txt
	$(UV) $(RESOLVE) --no-binary localstripe tests/contract/payments/localstripe.in \
	  -o tests/contract/payments/localstripe.txt

clean: ## stop the platform, remove .venv and var (a database under /var/lib/tieout stays)
	@if [ -x $(BIN)/tieout ]; then $(BIN)/tieout down; fi
	@if [ -d var/erp ]; then $(BIN)/python -m include.local.erp stop; fi
	@if [ -L var/test ]; then rm -rf "$$(readlink var/test)"; fi
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis

# .venv/unfinished marks an installation in progress: one that was interrupted is thrown away, because
# a package cut off half-way looks installed. Everything lies below .venv, so that one rm undoes it. `exec` makes
# programs children of make itself, and the leash ends the installer with it: none writes on behind the next one.
.venv/ready: requirements.lock
	@if [ -e .venv/unfinished ]; then \
	  echo "set-up: the last one was interrupted; starting over"; rm -rf .venv; fi
	@$(MAKE) --no-print-directory $(BIN)/python
	@touch .venv/unfinished
	@$(MAKE) --no-print-directory $(UV)
	@echo "set-up: installing the packages of requirements.lock"
	@exec $(BIN)/python -S -m include.local.leash \
	  $(UV) pip sync $$(test -t 2 || echo -q) --python $(BIN)/python --require-hashes --only-binary :all: \
	  --compile-bytecode requirements.lock
	@$(MAKE) --no-print-directory $(BIN)/tieout
	@rm .venv/unfinished
	@touch $@

# The peers we measure ourselves against want packages of their own, which the platform must not depend on.
var/bench/venv/ready: tests/bench/requirements.txt | .venv/ready
	@echo "bench: installing the peers of tests/bench/requirements.txt"
	@rm -rf var/bench/venv
	@$(UV) venv -q --python $(BIN)/python var/bench/venv
	@exec $(BIN)/python -S -m include.local.leash \
	  $(UV) pip sync -q --python var/bench/venv/bin/python --require-hashes --only-binary :all: $<
	@touch $@

# Tryton is another's program under the GPL: it runs in an environment of its own, and nothing of ours imports it.
var/erp/venv/ready: tests/contract/erp/tryton/requirements.txt | .venv/ready
	@echo "erp: installing Tryton (tests/contract/erp/tryton/requirements.txt)"
	@rm -rf var/erp/venv
	@$(UV) venv -q --python $(BIN)/python var/erp/venv
	@exec $(BIN)/python -S -m include.local.leash \
	  $(UV) pip sync -q --python var/erp/venv/bin/python --require-hashes --only-binary :all: $<
	@touch $@

$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3 python; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && break; python=; done; \
	if [ -z "$$python" ]; then \
	  echo "Tieout needs Python 3.11 and found none: install it, or run make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	echo "set-up: creating .venv with $$(command -v "$$python")"; mkdir -p .venv; touch .venv/unfinished; \
	"$$python" -m venv --without-pip .venv

$(UV):
	@echo "set-up: installing uv $(UV_VERSION)"
	@$(BIN)/python -m venv .venv/tools || { \
	  echo "This Python has no pip of its own (on Debian and Ubuntu: apt-get install python3.11-venv)" >&2; exit 1; }
	@.venv/tools/bin/python -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: \
	  --require-hashes -r requirements-uv.lock 2>.venv/pip.log || { \
	  cat .venv/pip.log >&2; echo "Could not install uv: is the package index reachable, and its file the locked one?" >&2; exit 1; }

# The project itself: a path file for its modules and the one command of pyproject.toml. The first line goes
# through sh, because the kernel cuts a #! line off at 127 bytes.
$(BIN)/tieout: export TIEOUT_SCRIPT = $(TIEOUT_COMMAND)
$(BIN)/tieout: Makefile
	@echo "$(ROOT)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tieout.pth"
	@printf '%s\n' "$$TIEOUT_SCRIPT" > $@.new
	@chmod +x $@.new
	@mv $@.new $@

define TIEOUT_COMMAND
#!/bin/sh
'''exec' "$$(dirname "$$0")/python" "$$0" "$$@"
' '''
import sys

from include.cli.main import main

sys.exit(main())
endef
