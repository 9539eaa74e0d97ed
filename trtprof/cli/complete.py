"""What a shell offers after an option whose values are ours but no closed set; imported when a shell asks."""

from __future__ import annotations


def precisions(incomplete: str) -> list[str]:
    """Return the precisions that begin so."""
    from trtprof.variants.spec import SPECS

    return [spec.name for spec in SPECS if spec.name.startswith(incomplete)]


def targets(incomplete: str) -> list[str]:
    """Return the GPUs to build for that begin so."""
    from trtprof.backends.rtx_aot import TARGETS

    return [name for name in TARGETS if name.startswith(incomplete)]


def boards(incomplete: str) -> list[str]:
    """Return the boards that begin so."""
    from trtprof.jetson.boards import BOARDS

    return [board.key for board in BOARDS if board.key.startswith(incomplete)]


def codes(incomplete: str) -> list[tuple[str, str]]:
    """Return the codes of rules that begin so, with what each finds."""
    from trtprof.analysis.findings.catalogue import CATALOGUE

    return [(rule.code, rule.title) for rule in CATALOGUE if rule.code.startswith(incomplete)]
