# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: CC0-1.0
.PHONY: help setup serve demo test quick lint bench soak wheel sbom audit

help:  ; @bin/help
setup: ; bin/setup
serve: ; bin/serve
demo:  ; bin/demo
test:  ; bin/test
quick: ; bin/quick
lint:  ; bin/lint
bench: ; bin/bench
soak:  ; bin/soak
wheel: ; bin/wheel
sbom:  ; bin/sbom
audit: ; bin/audit
