# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Side by side with peers, in one run: `make bench`, or `bin/bench live page` for some parts.

How a part plugs in. A part is a module of this package with

- `NAME`, the word that `bin/bench` takes, and `TITLE`, its heading in docs/benchmarks.md;
- `run(rounds: int, quick: bool) -> Part`, which installs what it compares with
  (`bench.peers`), runs all contenders in turns (`bench.rounds.interleaved`) and returns tables of
  rows, each with one value a round, and figures with what was promised (`bench.part`).

Its name is added to `PARTS` in bench/__main__.py. `quick` asks for the short form: fewer, smaller
cases, to see that all works. Nothing is computed by hand: medians, spread and ratios are made from
the rounds' values when bench/report.py writes them.

Rooms to share: `peers` (programs and packages from apt, PyPI and npm), `rounds` (turns, medians),
`native` (C programs, compiled when first used), `process` (a server on one core, its CPU and
memory), `machine` (what it ran on), `city` (a whole canale with posts in it).
"""
