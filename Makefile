# The targets that people use. What they do is in tests/gate/, plain bash that also runs without make.
# A comment behind a target is its line in `make help`.

.DEFAULT_GOAL := help
.PHONY: help demo check test smoke bench torture fmt lint unit doc docs setup dist dist-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## build pyro, realize examples/envs.toml offline, damage it, repair it (all below target/)
	@tests/gate/demo.sh

check: ## the quick gate: formatting, lints, unit tests, docs; no root, no packages
	@tests/gate/run.sh check

test: ## the whole gate: packages, check, integration tests, checker, demo
	@tests/gate/run.sh test

smoke: ## make Debian 12, push, pull, run and prune it, with a registry on this machine
	@tests/gate/smoke.sh

bench: ## measure pyro beside what people use now, with plots (half an hour, 40 GiB)
	@tests/gate/bench.sh

torture: ## everything that proves survival, at full size (hours), then the mutants
	@tests/gate/torture.sh

fmt: ## format the code
	cargo fmt

lint: ## formatting, forbidden words, features, clippy
	@tests/gate/run.sh lint

unit: ## unit tests
	@tests/gate/run.sh unit

doc: ## doc tests and rustdoc, warnings are errors
	@tests/gate/run.sh doc

docs: ## write store-schema/*.schema.json and docs/cli.md anew from the code
	@tests/gate/regenerate.sh

setup: ## install the Debian packages that the tests want, if any is missing
	@tests/gate/setup.sh

dist: ## build the archive that ships, in target/dist/
	@tests/gate/dist.sh

dist-check: dist ## unpack that archive in an empty prefix and run the demo from it
	@tests/gate/dist-check.sh

clean: ## remove target/
	@for d in target/demo target/dist-check; do if [ -d $$d ]; then chmod -R u+w $$d; fi; done # sealed folders refuse rm
	cargo clean
