# `make demo` and `make test` each do all their own set-up; the rest is for daily work.
#
#   PYTHON        the Python that the virtual environments are made with
#   DEMO_SECONDS  how long the demo takes
#   SEEDS, FROM   for simulate: how many seeds, and the first; SEED=N is one of them again, with all that happens
#   INPUT         for bench: card transactions as JSON lines, in place of made ones
#   PEERS=1       for bench: DuckDB, Polars, pandas, Flink, Redis and Quix beside it, and the points of the plot
#   RECORD=1      for bench: benchmarks/recorded.json is written anew
#   BENCH         for bench: further options of benchmarks/bench.py
#   KILLS, SEED   for crash: how many times, and what is produced
#   ENTITIES, SOAK  for endure: entities in the state that is started on, seconds for which the disk is watched

PYTHON ?= python3
DEMO_SECONDS ?= 60
KILLS ?= 200
SEED ?= 1
ENTITIES ?= 10000000
SOAK ?= 120
SEEDS ?= 20000
FROM ?= 1
SWIFT ?= swift

BUILD_PACKAGES = librdkafka-dev librocksdb-dev libsimdjson-dev libzstd-dev libsnappy-dev zlib1g-dev liblz4-dev \
	pkg-config
TEST_PACKAGES = $(BUILD_PACKAGES) python3-venv zstd kcat
BENCH_PACKAGES = valgrind
PEER_PACKAGES = python3-venv redis-server openjdk-17-jdk-headless
REQUIREMENTS = Tests/Blackbox/requirements.txt docker/requirements.txt
BINARY = .build/release/freshet

.PHONY: help demo test simulate crash endure build bench lint format clean build-packages test-packages

help:
	@echo 'make demo    the whole pipeline for a minute: embedded broker, card traffic, live table, recount (DEMO_SECONDS=60)'
	@echo 'make test    everything that can be checked: Swift tests, black-box tests, lints'
	@echo 'make crash   the built binary killed at random instants, and what came of it recounted (KILLS=200 SEED=1)'
	@echo 'make endure  a start on ten million entities, and the disk under an hour of load (ENTITIES=10000000 SOAK=120)'
	@echo 'make simulate the worker in simulated worlds, with crashes and faults (SEEDS=20000 FROM=1; SEED=N: that one again)'
	@echo 'make build   the release binary, $(BINARY)'
	@echo 'make bench   measurements; benchmarks/README.md says of what (PEERS=1 RECORD=1 INPUT=FILE)'
	@echo 'make lint    style of the Swift sources and of docker/'
	@echo 'make format  rewrites the Swift sources in the style of .swift-format'
	@echo 'make clean   removes what was built and the virtual environment'

demo: build
	$(BINARY) demo --seconds $(DEMO_SECONDS)

test: test-packages .venv/.installed
	SWIFT='$(SWIFT)' .ci/test

crash: build test-packages .venv/.installed
	FRESHET_BIN=$(BINARY) CRASH_KILLS=$(KILLS) CRASH_SEED=$(SEED) .venv/bin/python -m pytest -q -p no:cacheprovider \
		--durations=0 Tests/Blackbox/test_crash.py

endure: build test-packages .venv/.installed
	FRESHET_BIN=$(BINARY) RESTART_ENTITIES=$(ENTITIES) SOAK_SECONDS=$(SOAK) .venv/bin/python -m pytest -q -s -p no:cacheprovider \
		--durations=0 Tests/Blackbox/test_endurance.py

simulate: build-packages
	$(SWIFT) build -c release --product FreshetSimulation
	.build/release/FreshetSimulation $(if $(filter-out file,$(origin SEED)),--seed $(SEED),--seeds $(SEEDS) --from $(FROM))

build: build-packages
	$(SWIFT) build -c release --product freshet

# What a missing package would have measured is left out, and said so.
bench: build
	$(SWIFT) build -c release --product FreshetBenchmarks
	@.ci/packages $(BENCH_PACKAGES) $(if $(PEERS),$(PEER_PACKAGES)) || true
	SWIFT='$(SWIFT)' $(PYTHON) benchmarks/bench.py $(if $(INPUT),--input '$(INPUT)') $(if $(PEERS),--peers --curves) \
		$(if $(RECORD),--record) $(BENCH)

lint: .venv/.installed
	.venv/bin/hadolint docker/Dockerfile
	@if $(SWIFT) format --version >/dev/null 2>&1; \
	then $(SWIFT) format lint --strict --parallel -r Sources Tests benchmarks Package.swift; \
	else echo 'this toolchain has no swift-format: Swift style not checked'; fi

format:
	$(SWIFT) format --in-place --parallel -r Sources Tests benchmarks Package.swift

clean:
	rm -rf .build .venv

.venv/.installed: $(REQUIREMENTS) | test-packages
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check $(REQUIREMENTS:%=-r %)
	touch $@

build-packages:
	@.ci/packages $(BUILD_PACKAGES)

test-packages:
	@.ci/packages $(TEST_PACKAGES)
