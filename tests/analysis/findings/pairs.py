"""Engines of one network side by side, aligned by their nodes as a comparison aligns them."""

from __future__ import annotations

from dataclasses import replace

from trtprof.analysis.align import align
from trtprof.analysis.engine_graph import unify
from trtprof.analysis.findings.rule import Subject
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.analysis.fusion import mark_epilogues
from trtprof.analysis.rows import read_rows
from trtprof.comparison import Built
from trtprof.pipeline.measured import measured_engine


def beside(engine: Built, sibling: Built, **fields: object) -> Subject:
    """Return the subject of an engine with its 16-bit sibling, their rows in common groups."""
    graph, named = unify([sibling.engine, engine.engine])
    _, placed = align(mark_epilogues([read_rows(item, graph) for item in named]), graph)
    both = [measured_engine(item, rows, graph) for item, rows in zip(named, placed, strict=True)]
    found = next(item for item in subjects_of(both, graph) if item.built.name == engine.name)
    return replace(found, **fields)  # type: ignore[arg-type]
