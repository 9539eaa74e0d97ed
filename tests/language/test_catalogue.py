"""The Chinese catalogue has every sentence of the program, none that the program no longer says, and whole holes."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.language.sources import constants, files, sentences
from trtprof.analysis.findings.catalogue import CATALOGUE
from trtprof.analysis.findings.rule import Rule
from trtprof.analysis.findings.rule_text import parts_of
from trtprof.language import CATALOGUES, Language, entries, translate

ENTRIES = {(name, english): said for name in CATALOGUES for english, said in entries(Language.ZH, name).items()}
HOLES = re.compile(r"\{[nw]?\}")
SAID = files(
    "trtprof/analysis/*.py",
    "trtprof/analysis/findings/*.py",
    "trtprof/board_words.py",
    "trtprof/figures.py",
    "trtprof/graph/repairs/*.py",
    "trtprof/jetson/*_checks.py",
    "trtprof/jetson/board_capture.py",
    "trtprof/jetson/doctor.py",
    "trtprof/kernels/*.py",
    "trtprof/pipeline/floats.py",
    "trtprof/pipeline/plan.py",
    "trtprof/pipeline/quantize.py",
    "trtprof/pipeline/sensitivity.py",
    "trtprof/pipeline/sides.py",
    "trtprof/variants/spread.py",
    "trtprof/graph/*_facts.py",
    "dashboards/[!ist]*.py",
    "dashboards/timeline_chart.py",
    "dashboards/sensitivity_page.py",
    "dashboards/panels/*.py",
    *(
        f"trtprof/cli/{name}.py"
        for name in (
            "breakdown_lines", "compare_markdown", "compare_table", "diff_markdown", "diff_text", "findings_text",
            "doctor", "explain", "fix_text", "history_words", "import_", "plan", "quantize", "sensitivity", "verify",
            "gate_text", "gate_words", "inspect",
            "inspect_roofline", "kernels", "lint", "rules", "timeline",
        )
    ),
)  # fmt: skip
"""The modules whose sentences people read."""
ENGLISH_ALONE = {"gates.py"}
"""Errors on stderr are English in every language."""
NOT_SHOWN = re.compile(
    r"""
    bold\ \w+ | p\d+\ ms | .*\ (Options|Controls|Destinations) | (Save|Load)\ engine | CUDA\ Graph | Data\ transfers
    | bound\ by\ Enqueue\ Time | GPU\ compute\ time\ is\ unstable     # lines of trtexec that are looked for
    | (GeForce|RTX|AGX|Orin)\ .* | regex:.* | ::.*                    # names of GPUs, metrics, commands of GitHub
    | running\ under\ nsys.* | wrote\ .*                              # what is noted on stderr
    | leave\ the\ gate\ out.* | what\ is\ meant\ to\ change.* | warning:\ .* | name\ a\ run\ of\ it:.* | \{\}\ gates?
    | imported\ before:.* | next:\ .* | running\ (the\ model|under).* | reading\ ranges | ,\ \{\}\ known.*
    | \{\}\ on\ \{\};.* | \{\}[-./_].* | sudo\ .* | \^EMC.* | NV\ Power.* | Nsight\ \w+ | .*\.dist-info
    | Python\ package.* | RmProfiling.* | run\ the\ script\ of.*          # progress, hints, files, commands and answers
    | \n[\s\S]* | fused\ moe | INT8\ \(dp4a\) | TensorRT\ Edge-LLM  # tables of words, and words of a name
    | \{:.*\}\ \w+                                                       # numbers with their unit
    | no\ engine\ ran\ on\ a\ board,\ or\ on\ a\ DLA                    # the hint of an error
    | [\w{}-]+-\{\} | .*<extra></extra> | .*\ \|\ None | data-s=.*       # of elements, charts, Python and HTML
    | '\{\}' | (default|base|script)-.* | sha256-                       # of the page's policy
    | TensorRT\ (developer\ guide|API).* | TREx,.* | onnx-tensorrt,.* | ONNX\ operator.*    # documents cited
    """,
    re.VERBOSE,
)
FILLS = ("7", "FP16", "", "3 layers", "'a'")
"""What a hole may hold, so that one of them makes a sentence."""
COMPOSED = {
    "few iterations: {n} queries timed and layer times are of {}",
    "few iterations: {n} query timed and layer times are of {}",
    "{n} batch normalisations",
}
"""Put together from more pieces than the test follows."""
BADLY_SPACED = re.compile("[\u4e00-\u9fff][,;:?!]|[，。；：]{2}|[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")
SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
CHINESE = re.compile("[\u4e00-\u9fff]")


def in_chinese(text: str) -> bool:
    said = re.sub(r"“[^”]*”|'[^']*'|`[^`]*`", "", translate(text, Language.ZH))
    return CHINESE.search(said) is not None and SENTENCE.search(said) is None


def sayings(template: str) -> list[str]:
    holes = template.count("{}")
    kinds = FILLS if holes <= 4 else (*FILLS[:2], "")
    return [template.replace("{}", "%s") % fills for fills in itertools.product(kinds, repeat=holes)]


def pieces(sentence: str) -> list[str]:
    return [part.strip(" .,:;()'’") for part in HOLES.split(sentence) if re.search("[a-z]{2,}", part)]


KNOWN = "\n".join(english for _, english in ENTRIES)


@pytest.mark.parametrize("path", SAID, ids=lambda path: path.stem)
def test_every_sentence_is_there(path: Path) -> None:
    """As a sentence, or as a piece of sentences that have entries as a whole."""
    missing = [
        template
        for template in sentences(path)
        if pieces(template)
        and not NOT_SHOWN.fullmatch(template)
        and not any(in_chinese(text) for text in sayings(template.replace("%", "%%")))
        and not all(piece in KNOWN for piece in pieces(template))
    ]
    assert path.name in ENGLISH_ALONE or not missing


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.code)
def test_every_text_of_a_rule_is_there(rule: Rule) -> None:
    """All of it but what it cites: titles of documents stay as they are."""
    own = (rule.title, rule.why, rule.needs, rule.cure, rule.saving, rule.false_positives)
    texts = {*own, *(word for pair in rule.looks_like for word in pair), *(heading for heading, _ in parts_of(rule))}
    assert sorted(texts - {english for _, english in ENTRIES}) == []


def test_nothing_is_left_over() -> None:
    """The words of each entry stand in the program, in a row or in up to three pieces that it puts together."""
    everything = files("trtprof/**/*.py", "parsers/**/*.py", "dashboards/**/*.py")
    drawn = (path.read_text(encoding="utf-8") for path in files("dashboards/templates/*.html"))
    said = "\n".join({*drawn, *(text for path in everything for text in (*constants(path), *sentences(path)))})

    def stands(words: list[str], cuts: int) -> bool:
        return " ".join(words) in said or any(
            " ".join(words[:cut]) in said and stands(words[cut:], cuts - 1) for cut in range(1, len(words)) if cuts
        )

    keys = [key for _, key in ENTRIES if key not in COMPOSED]
    parts = {(key, part) for key in keys for piece in pieces(key) for part in re.split("[,;:.] ", piece)}
    assert [key for key, part in sorted(parts) if not stands(part.strip(" .,:;()'’").split(" "), 2)] == []


def test_every_hole_is_filled_once_or_more_and_none_is_invented() -> None:
    wrong = []
    for (name, english), said in ENTRIES.items():
        places = {int(number) for number in re.findall(r"\{(\d+)(?:!s)?\}", said)}
        if places != set(range(1, len(HOLES.findall(english)) + 1)) or not said.strip():
            wrong.append((name, english))
    assert wrong == []


def test_no_entry_stands_twice() -> None:
    english = [key for name in CATALOGUES for key in entries(Language.ZH, name)]
    assert sorted(english) == sorted(set(english))


def test_no_two_holes_touch_and_weak_entries_take_single_words() -> None:
    """Where one hole ends and the next begins could not be told; and `{} and {}` would fit half of all English."""
    touching = [english for _, english in ENTRIES if re.search(r"\}\{", english)]
    weak = [
        english
        for _, english in ENTRIES
        if "{}" in english and len(re.sub(r"[^a-z]", "", HOLES.sub("", english))) < 4 and english.count("{}") > 1
    ]
    assert (touching, weak) == ([], [])


def test_punctuation_is_chinese_and_blanks_are_consistent() -> None:
    """Full-width marks beside Chinese, none doubled, and a blank between Chinese and Latin words."""
    wrong = []
    for (_, english), said in ENTRIES.items():
        bare = re.sub(r"`[^`]*`|\{\d+(!s)?\}", "□", said)
        if re.search(
            "[\u4e00-\u9fff][,;:?!]|[，。；：]{2}|[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]", bare
        ):
            wrong.append((english, said))
    assert wrong == []
