# One command does each thing; .ci/run runs the same ones.
# Needs Python >= 3.11 with pip, git and make; everything else comes into .venv from the package index.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
WORKERS ?= 3
MINUTES ?= 10
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: help install check test bench demo soak clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

install: $(VENV)/installed ## .venv with instep, git-annex and the tools that tests and checks need

# Debian's Python may lack ensurepip, and an old pip lacks --group: both are made good here.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "instep needs Python 3.11 or later: make PYTHON=python3.12")'
	$(PYTHON) -m venv --without-pip $(VENV)
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -q >/dev/null 2>&1 \
		|| $(PYTHON) -m pip -q --python $(BIN)/python install pip
	$(BIN)/python -m pip install -q 'pip>=25.1'
	$(BIN)/python -m pip install -q -e . --group dev
	@touch $@

# pyright is written in JavaScript; where there is no node, the package index has one.
$(VENV)/node: $(VENV)/installed
	@command -v node >/dev/null || $(BIN)/python -m pip install -q 'pyright[nodejs]' \
		|| { echo 'make check needs node for pyright: apt-get install nodejs'; exit 1; }
	@touch $@

check: $(VENV)/node ## lint, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

# What tests need of the system: a compiler for faults on demand, strace to see syncs, disks of three kinds to pull
# plugs of, an sshd to be called, ip for networks that come and go, FUSE for a disk that
# folds names, libfaketime for clocks that are wrong.
TOOLS := gcc libc6-dev strace e2fsprogs xfsprogs btrfs-progs mount openssh-client openssh-server iproute2 libfuse3-dev libfaketime
.PHONY: tools
tools:
	@test "$$(id -u)" = 0 || echo 'Tests that mount disks or take networks apart fail: they need root, be it in a container.'
	@PATH=$$PATH:/usr/sbin; for tool in gcc strace mkfs.ext4 mkfs.xfs mkfs.btrfs sshd ip; do \
		command -v $$tool >/dev/null || missing=1; done; \
	for file in /usr/include/fuse3/fuse.h /usr/lib/*/faketime/libfaketime.so.1; do \
		test -e $$file || missing=1; done; test -z "$$missing" \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -q \
		&& apt-get install -qy --no-install-recommends $(TOOLS); } \
		|| { echo 'make test needs: apt-get install $(TOOLS)'; exit 1; }

test: $(VENV)/installed tools ## all tests, on real git and git-annex processes (PYTEST_ARGS="-k name")
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

bench: $(VENV)/installed ## measures instep beside its peers into bench/RESULTS.md (BENCH_ARGS="--quick --only latency")
	@for tool in rsync syncthing unison lsyncd; do command -v $$tool >/dev/null || missing=1; done; test -z "$$missing" \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -q \
		&& apt-get install -qy --no-install-recommends rsync syncthing unison lsyncd; } \
		|| { echo 'make bench needs: apt-get install rsync syncthing unison lsyncd'; exit 1; }
	$(BIN)/python -m bench.run $(BENCH_ARGS)

demo: $(VENV)/installed ## two copies of Python's own library kept in step while you watch
	$(BIN)/python scripts/demo.py

# What fuzzes by coverage is in a group of its own: only `make soak` needs it.
$(VENV)/soak: $(VENV)/installed
	$(BIN)/python -m pip install -q --group soak
	@touch $@

soak: $(VENV)/soak tools ## random users, faults, power cuts and long properties (MINUTES=10)
	$(BIN)/python scripts/soak.py $(MINUTES) --workers $(WORKERS)

clean: ## forget .venv and the caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
