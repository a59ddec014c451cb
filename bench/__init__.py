# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Benchmarks beside peers, in one run: `make bench`, or `bin/bench live page` for some parts.

To add a part, write a module of this package with

- `NAME`, the word that `bin/bench` takes, and `TITLE`, its heading in docs/benchmarks.md;
- `run(rounds: int, quick: bool) -> Part`, which installs what it compares with
  (`bench.peers`), runs all contenders in turns (`bench.rounds.interleaved`) and returns tables of
  rows, each with one value per round, and figures with what was promised (`bench.part`).

and add its name to `PARTS` in bench/__main__.py. `quick` asks for the short form: fewer and smaller
cases, to see that everything works. bench/report.py computes medians, spread and ratios from the
rounds' values.

Shared modules: `peers` (programs and packages from apt, PyPI and npm), `rounds` (turns, medians),
`native` (C programs, compiled when first used), `process` (a server on one core, its CPU and
memory), `machine` (what it ran on), `city` (a whole canale with posts in it).
"""
