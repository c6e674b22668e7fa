# Each target is one word a person would say; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help quick check docs model torture schedules fuzz bench bench-lists bench-twins demo

KILLS ?= 200
IMPORTS ?= 100
MINUTES ?= 10
RUNS ?= 5
MONTHS ?= 12

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# Left to CI: what starts processes or servers, has hundreds of cases, walks for long, or reads large files.
SLOW = tests/e2e tests/clients tests/builtin tests/runners tests/examples tests/cli tests/blobs tests/test_importing.py \
       tests/faces tests/fuzz tests/transcripts tests/client tests/notebooks tests/stores/test_search.py \
       tests/auth/test_entra.py tests/auth/test_remote_keys.py tests/test_workload_host.py \
       tests/manifests/test_attacks.py tests/kit/test_control_plane.py \
       tests/twins/dtdl/test_rules.py tests/twins/dtdl/test_official_cases.py \
       tests/engine/test_engine_races.py tests/engine/test_schedule_oracle.py tests/engine/test_schedule_crash.py \
       tests/engine/test_schedule_races.py \
       tests/stores/test_sqlite_crash.py tests/stores/test_graph_crash.py \
       tests/twins/test_import_walk.py tests/twins/test_ndjson.py \
       tests/architecture/test_complete.py tests/architecture/test_imports.py

quick: ## before each commit: style, types, import contracts, fast tests (about half a minute)
	./run ruff check
	./run ruff format --check
	./run mypy
	./run lint-imports
	./run pytest -q -x -n 2 $(addprefix --ignore=,$(SLOW))

check: ## all that CI runs (about 17 minutes)
	.ci/run

docs: ## redraw the generated parts of docs/architecture.md
	./run python -m tools.docs

model: ## check the TLA+ model and its seeded mistakes with TLC (needs Java)
	./run --group model python -m tests.model

torture: ## kill -9 the whole server KILLS times under load (default 200) and IMPORTS times while it imports
	./run python -m tests.torture --kills $(KILLS)
	./run python -m tests.torture.imports --kills $(IMPORTS) --cancels $(IMPORTS)

schedules: ## simulate MONTHS of 200 schedules (default 12) beside another library's calendar
	./run python -m tests.schedules --months $(MONTHS)

fuzz: ## mutated requests to all faces, then inputs of all readers together, each for MINUTES (default 10)
	./run python -m tests.fuzz --seconds $$(( $(MINUTES) * 60 ))
	./run python -m tests.fuzz.parsers --seconds $$(( $(MINUTES) * 60 ))

bench: ## measure, beside a FastAPI app on the same machine; writes bench/results/
	./run --group bench python -m bench --runs $(RUNS)

bench-lists: ## measure lists over a million instances, pollers, and runs beside Prefect; writes bench/results/
	./run --group bench python -m bench.lists

bench-twins: ## measure imports of up to 12 M entities beside a bare loop (half an hour); writes bench/results/
	./run --group bench python -m bench.twins

demo: ## a forecast that completes and one that is cancelled
	./run weft demo
