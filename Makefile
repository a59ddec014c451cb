# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: CC0-1.0
.PHONY: help setup serve demo test lint ci bench soak

help:  ; bin/help
setup: ; bin/setup
serve: ; bin/serve
demo:  ; bin/demo
test:  ; bin/test
lint:  ; bin/lint
ci:    ; bin/ci
bench: ; bin/bench
soak:  ; bin/soak
