# `make test` is the whole check: it installs what is missing (.ci/tools) and runs everything below, as CI does.
#
# CALBRIDGE_CORPUS  folder of the conformance corpus (ews-samples/, ews-schema/); without it the tests that need it are
#                   left out, and one line says so.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# Tests write the answers that callers got to this folder, one .xml file each; `schema` validates them.
export CALBRIDGE_ANSWERS ?= $(CURDIR)/target/answers
# Everything that is logged while the tests run; `secrets` looks for the tests' secrets in it.
export CALBRIDGE_LOGS ?= $(CURDIR)/target/logs
export CARGO_TERM_COLOR ?= auto
export PYTHONDONTWRITEBYTECODE := 1

PYTHON := .venv/bin/python
# A package of its own: what the load script puts beside the gateway.
LOAD := benches/load/minimal
NODE_MODULES := tests/interop/node_modules/.package-lock.json

.PHONY: help test tools fmt lint unit bench-build doc docs full deny interop schema metrics secrets assets package ops screenshots

help:
	@echo "make test         install what the tests need, then run all of them"
	echo "make fmt          formatting (changes nothing)"
	echo "make lint         clippy, warnings are errors"
	echo "make unit         the Rust tests"
	echo "make bench-build  build the benchmarks and run each once (measure with: cargo bench, benches/load/run.py)"
	echo "make doc          the API documentation, warnings are errors"
	echo "make docs         write what the program tells in docs/: the families of metrics, the keys of the configuration"
	echo "make deny         banned crates, licences and sources"
	echo "make interop      real clients against calbridge demo"
	echo "make screenshots  make the pictures of the documentation again, in docs/images"
	echo "make schema       validate the answers that the tests have collected"
	echo "make assets       write the manual and the completions that packages install, to target/assets"
	echo "make package      the Debian package, to target/debian"
	echo "make ops          what lies in ops/: a real Prometheus, linters, the Debian package"
	echo "make secrets      look for the tests' secrets in all that was logged"
	echo "make metrics      let promtool check the metrics that the tests have collected"

# One after the other whatever -j says: all of them want the same target folder.
test:
	@$(MAKE) --no-print-directory tools
	rm -rf "$$CALBRIDGE_ANSWERS" "$$CALBRIDGE_LOGS"
	for step in fmt lint unit bench-build doc deny interop schema metrics ops secrets; do
	    echo "== $$step"
	    $(MAKE) --no-print-directory $$step
	done
	echo "== all tests passed"

tools:
	@.ci/tools

fmt:
	@cargo fmt --check
	cargo fmt --check --manifest-path $(LOAD)/Cargo.toml

lint:
	@cargo clippy --locked --all-targets --all-features -- -D warnings

unit:
	@mkdir -p "$$CALBRIDGE_ANSWERS"
	cargo test --locked --no-fail-fast

bench-build:
	@cargo test --locked --bench '*'
	cargo clippy --locked --manifest-path $(LOAD)/Cargo.toml --target-dir target -- -D warnings
	python3 benches/load/run.py --help >/dev/null

doc:
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# The tests compare these parts with the program; here they write them.
docs:
	@CALBRIDGE_RENEW_DOCS=1 cargo test --locked --test it generated::

deny:
	@cargo deny --locked check bans licenses sources

.venv/.installed: tests/interop/requirements.txt
	@[ -x $(PYTHON) ] || python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(NODE_MODULES): tests/interop/package.json tests/interop/package-lock.json
	@npm ci --prefix tests/interop --no-audit --no-fund --loglevel=error
	touch $@

# The binary that `cargo test` has built already: the same profile, nothing is compiled twice.
interop: .venv/.installed $(NODE_MODULES)
	@cargo build --locked --bin calbridge
	mkdir -p "$$CALBRIDGE_ANSWERS"
	$(PYTHON) -m pytest -q -p no:cacheprovider tests/interop

# The same test makes them each time; only here they are kept.
screenshots: .venv/.installed $(NODE_MODULES)
	@cargo build --locked --bin calbridge
	CALBRIDGE_SCREENSHOTS=$(CURDIR)/docs/images $(PYTHON) -m pytest -q -p no:cacheprovider tests/interop/test_status_page.py

schema:
	@count=$$(find "$$CALBRIDGE_ANSWERS" -name '*.xml' | wc -l)
	if [ "$$count" -eq 0 ]; then
	    echo "no answers in $$CALBRIDGE_ANSWERS: run make unit interop first" >&2
	    exit 1
	fi
	validate() {
	    find "$$CALBRIDGE_ANSWERS" -name '*.xml' -print0 \
	        | xargs -0 -n 200 xmllint --noout --nonet --schema "$$1" 2>&1 \
	        | { grep -v ' validates$$' || true; }
	}
	validate src/face/description/envelope.xsd
	echo "$$count answers validate against our own schema"
	if [ -z "$${CALBRIDGE_CORPUS:-}" ]; then
	    echo "The conformance corpus was not given (CALBRIDGE_CORPUS): samples and schema are not checked."
	    exit 0
	fi
	validate "$$CALBRIDGE_CORPUS/ews-schema/soap-ews.xsd"
	echo "$$count answers validate against Microsoft's schema"

# promtool says nothing about metrics that follow the rules, and does not always fail on others.
metrics:
	@if [ ! -s "$$CALBRIDGE_ANSWERS/metrics.txt" ]; then
	    echo "no metrics in $$CALBRIDGE_ANSWERS: run make unit first" >&2
	    exit 1
	fi
	said=$$(promtool check metrics < "$$CALBRIDGE_ANSWERS/metrics.txt" 2>&1) || true
	if [ -n "$$said" ]; then
	    echo "$$said" >&2
	    exit 1
	fi
	echo "promtool has nothing to say about the metrics"

assets:
	@cargo build --locked --bin calbridge
	mkdir -p target/assets
	program=target/debug/calbridge
	$$program manual > target/assets/calbridge.1
	$$program completions bash > target/assets/calbridge.bash
	$$program completions zsh > target/assets/_calbridge
	$$program completions fish > target/assets/calbridge.fish

# Without the paths of this machine, so that the program does not depend on where it was made.
package: assets
	@home=$${CARGO_HOME:-$$HOME/.cargo}
	export RUSTFLAGS="$${RUSTFLAGS:-} --remap-path-prefix=$(CURDIR)=/calbridge --remap-path-prefix=$$home=/cargo"
	export CFLAGS="$${CFLAGS:-} -ffile-prefix-map=$$home=/cargo"
	cargo deb --locked --no-dbgsym

.venv/.ops-installed: tests/ops/requirements.txt
	@[ -x $(PYTHON) ] || python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The program with the features that are off unless wanted, for tests/ops: certificates from pebble, spans to a collector.
full:
	@cargo build --locked --all-features --bin calbridge
	cp -f target/debug/calbridge target/calbridge-full

ops: full assets .venv/.ops-installed
	@$(PYTHON) -m pytest -q -p no:cacheprovider tests/ops

secrets:
	@.ci/find-secrets tests/known-secrets.txt "$$CALBRIDGE_LOGS"
