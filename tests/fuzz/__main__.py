"""``make fuzz``: each reader under hostile input for ten minutes, with atheris where it is installed.

    python -m tests.fuzz [PARSER…] [--seconds 600] [--dir .fuzz]

Inputs that reached new code are kept below DIR/corpus and the next run goes on from them; inputs of findings are kept
in DIR/findings, one a kind, and printed as a line each. The exit status is 1 where there was a finding.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory, mkdtemp

from tests.fuzz.harness import Corpus, check, mutated, search
from tests.fuzz.mutations import MOST_BYTES
from tests.fuzz.readers import READERS

WITHOUT = "atheris is not installed (pip install --group fuzz): inputs are changed at random, without coverage"


def main() -> int:
    """Run every reader that was asked for, one after the other; return 1 where one did what it may not."""
    options = _options()
    unknown = [name for name in options.parser if name not in READERS]
    if unknown:
        print(f"error: no parser is called {unknown[0]}\nhint: there are {', '.join(READERS)}", file=sys.stderr)
        return 2
    if options.child:
        _under_atheris(options.parser[0], options.seconds, options.dir, options.seed)
        return 0
    coverage = find_spec("atheris") is not None and not options.without_coverage
    if find_spec("atheris") is None:
        print(WITHOUT)
    for name in options.parser or READERS:
        started = time.monotonic()
        corpus = Corpus(options.dir, name)
        corpus.fill(READERS[name])
        if coverage:
            _child(name, options)
        else:
            with TemporaryDirectory(prefix="fuzz-") as folder:
                search(name, options.seconds, corpus, Path(folder), options.seed)
        known = len(list(corpus.findings.glob(f"{name}-*.txt")))
        print(f"{name}: {known} findings, {len(corpus.inputs())} inputs kept, {time.monotonic() - started:.0f} s")
    found = sorted(path for name in options.parser or READERS for path in options.dir.glob(f"findings/{name}-*.txt"))
    for path in found:
        print(path.read_text(encoding="utf-8"), end="")
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("parser", nargs="*", metavar="PARSER", help=f"one of {', '.join(READERS)}; all without")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each parser")
    parser.add_argument("--dir", type=Path, default=Path(".fuzz"), help="where inputs and findings are kept")
    parser.add_argument("--seed", type=int, default=0, help="of the random changes")
    parser.add_argument("--without-coverage", action="store_true", help="do not use atheris")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _child(name: str, options: argparse.Namespace) -> None:
    """Run one reader in a process of its own: libFuzzer ends the process it runs in.

    A reader that dies by a signal is a finding too; the input that was being read is what killed it.
    """
    command = [sys.executable, "-m", "tests.fuzz", name, "--child", "--seconds", str(options.seconds)]
    command += ["--dir", str(options.dir), "--seed", str(options.seed)]
    log = options.dir / f"{name}.log"
    with log.open("wb") as file, TemporaryDirectory(prefix="fuzz-") as folder:
        env = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, env=env)
    if done.returncode not in (0, 77):
        (options.dir / "findings" / f"{name}-died.txt").write_text(
            f"{name}-died: the process ended with {done.returncode}, see {log}\n", encoding="utf-8"
        )


def _under_atheris(name: str, seconds: float, root: Path, seed: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["trtprof"]):
        READERS[name].seeds()
        corpus = Corpus(root, name)
        folder = Path(mkdtemp(prefix="fuzz-"))  # libFuzzer ends the process: the parent removes it
        for data in corpus.inputs()[:3]:  # imports of the readers happen here, instrumented
            check(name, data, folder)
    tried = 0

    def one(data: bytes) -> None:
        nonlocal tried
        tried += 1
        finding = check(name, data, folder, watch_time=True, memory=tried % 50 == 0)
        if finding is not None and corpus.keep(finding):
            print(finding.line(), flush=True)

    def change(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        return mutated(READERS[name], bytes(data), random)[:most]

    arguments = [sys.argv[0], f"-max_total_time={seconds:.0f}", f"-max_len={MOST_BYTES}", f"-seed={seed + 1}"]
    arguments += ["-timeout=120", "-rss_limit_mb=4096", "-print_final_stats=1", f"-artifact_prefix={root}/findings/"]
    atheris.Setup([*arguments, str(corpus.folder)], one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
