# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/metrics.md names what is exposed, and dashboard and alarms ask for nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric

from canale.delivery.metrics import FAMILIES
from canale.metrics.definitions import REGISTRY
from canale.metrics.endpoint import VersionCollector
from tests.structure.repository import ROOT, text

PAGE = Path("docs/metrics.md")
DASHBOARD = Path("deploy/grafana-dashboard.json")
RULES = Path("deploy/prometheus-rules.yml")
ROW = re.compile(r"^\| `(canale_\w+)` \| (\w+) \| ([\w, ]*)\|", re.MULTILINE)


def _exposed() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name as Prometheus stores it, type, labels."""
    for declared in set(REGISTRY._names_to_collectors.values()):
        name, kind = declared._name, declared._type  # type: ignore[attr-defined]
        labels = declared._labelnames  # type: ignore[attr-defined]
        yield f"{name}_total" if kind == "counter" else name, kind, labels
    families: list[Any] = [make() for make in FAMILIES]
    families += VersionCollector().collect()
    for family in families:
        assert isinstance(family, Metric)
        yield family.name, family.type, tuple(family._labelnames)  # type: ignore[attr-defined]


def test_metrics_page_lists_every_exported_metric() -> None:
    said = {
        (name, kind, tuple(part.strip() for part in labels.split(",") if part.strip()))
        for name, kind, labels in ROW.findall(text(PAGE))
    }
    assert said == set(_exposed())


def _series() -> dict[str, set[str]]:
    """Every name that a query may use, with its labels; `job` and `instance` come from scraping."""
    known = {"up": {"job", "instance"}}
    for name, kind, labels in _exposed():
        endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        for ending in endings:
            known[name + ending] = {*labels, "job", "instance"}
        if kind == "histogram":
            known[f"{name}_bucket"].add("le")
    return known


def _check(query: str) -> None:
    known = _series()
    names = set(re.findall(r"\bcanale_\w+|\bup\b", query))
    assert names, query
    assert names <= known.keys(), query
    by = {label for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
    chosen = set(re.findall(r"[{,]\s*(\w+)\s*=", query))
    allowed = set.union(*(known[name] for name in names))
    assert {label.strip() for label in by} | chosen <= allowed, query


def test_dashboard_queries_exported_metrics_only() -> None:
    dashboard = json.loads(text(DASHBOARD))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    asked = ""
    for panel in panels:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            _check(target["expr"])
            asked += target["expr"]
    # Every metric is on the dashboard.
    assert {name for name, _, _ in _exposed() if name not in asked} == set()


def test_alerting_rules_query_exported_metrics_only() -> None:
    rules = [rule for group in yaml.safe_load(text(RULES))["groups"] for rule in group["rules"]]
    assert len(rules) > 5
    for rule in rules:
        _check(rule["expr"])
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_guide_explains_every_alerting_rule() -> None:
    rules = [rule for group in yaml.safe_load(text(RULES))["groups"] for rule in group["rules"]]
    told = re.findall(
        r"^\| `(Canale\w+)` \| \w.* \| .+ \|$", text(Path("docs/operate.md")), re.MULTILINE
    )
    assert sorted(told) == sorted(rule["alert"] for rule in rules)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_alerting_rules() -> None:
    run = subprocess.run(
        ["promtool", "check", "rules", str(ROOT / RULES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
