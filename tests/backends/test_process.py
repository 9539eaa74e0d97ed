from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trtprof.backends.process import Ending, run_logged
from trtprof.errors import BuildError, MissingDependency

PYTHON = [sys.executable, "-IS", "-c"]
WITH_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(120)"])
print(child.pid, flush=True)
time.sleep(120)
"""


DETACHED = WITH_GRANDCHILD.replace('sleep(120)"])', 'sleep(120)"], start_new_session=True)')
CALLER = """
import sys
from pathlib import Path
from trtprof.backends.process import run_logged
run_logged(sys.argv[2:], Path(sys.argv[1]), timeout_s=60)
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_end(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_both_streams_are_in_the_log_in_their_order(tmp_path: Path) -> None:
    code = (
        "import sys; print('one', flush=True); print('two', file=sys.stderr, flush=True); print('three'); sys.exit(7)"
    )
    ending = run_logged([*PYTHON, code], tmp_path / "made" / "log", timeout_s=30)
    assert (ending.code, ending.expired, ending.signal_name) == (7, False, None)
    assert 0 < ending.wall_ns < 30e9
    assert (tmp_path / "made" / "log").read_text() == "one\ntwo\nthree\n"


def test_each_line_is_given_once_also_the_last_without_its_end(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "for part in ('a\\nb', 'c\\n', 'd\\n\\xff', 'e'):\n"
        "    sys.stdout.buffer.write(part.encode('latin-1')); sys.stdout.flush(); time.sleep(0.06)"
    )
    seen: list[str] = []
    run_logged([*PYTHON, code], tmp_path / "log", timeout_s=30, on_line=seen.append)
    assert seen == ["a", "bc", "d", "�e"]


def test_another_file_can_be_watched(tmp_path: Path) -> None:
    watched = tmp_path / "answers"
    seen: list[str] = []
    code = f"print('noise'); open({str(watched)!r}, 'w').write('answer\\n')"
    run_logged([*PYTHON, code], tmp_path / "log", timeout_s=30, on_line=seen.append, watch=watched)
    assert seen == ["answer"]


def test_a_child_out_of_time_is_ended_with_what_it_started(tmp_path: Path) -> None:
    ending = run_logged([*PYTHON, WITH_GRANDCHILD], tmp_path / "log", timeout_s=1.5)
    assert ending.expired
    assert ending.signal_name == "SIGKILL"
    assert await_end(int((tmp_path / "log").read_text()))


def test_what_an_ended_child_leaves_running_is_ended_too(tmp_path: Path) -> None:
    code = WITH_GRANDCHILD.replace("time.sleep(120)\n", "", 1).replace("\ntime.sleep(120)", "")
    assert run_logged([*PYTHON, code], tmp_path / "log", timeout_s=30).code == 0
    assert await_end(int((tmp_path / "log").read_text()))


def test_an_exception_while_waiting_ends_the_group(tmp_path: Path) -> None:
    pids: list[int] = []

    def interrupt(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged([*PYTHON, WITH_GRANDCHILD], tmp_path / "log", timeout_s=30, on_line=interrupt)
    assert await_end(pids[0])


@pytest.mark.parametrize("code", [WITH_GRANDCHILD, DETACHED], ids=["in the group", "detached"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_caller_the_child_is_ended_too(tmp_path: Path, number: int, code: str) -> None:
    """The terminal sends SIGINT to the foreground group, in which the tool is not."""
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(tmp_path / "log"), *PYTHON, code],
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(caller.pid, number)
    _, error = caller.communicate(timeout=20)
    assert caller.returncode == -number
    assert (b"KeyboardInterrupt" in error) is (number == signal.SIGINT)
    assert await_end(int((tmp_path / "log").read_text()))


def test_what_detached_itself_ends_with_its_parent(tmp_path: Path) -> None:
    code = DETACHED.replace("\ntime.sleep(120)", "")
    assert run_logged([*PYTHON, code], tmp_path / "log", timeout_s=30).code == 0
    assert await_end(int((tmp_path / "log").read_text()))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_a_signal_ends_is_told_apart(tmp_path: Path, number: int) -> None:
    ending = run_logged([*PYTHON, f"import os; os.kill(os.getpid(), {int(number)})"], tmp_path / "log", timeout_s=30)
    assert (ending.code, ending.expired) == (-number, False)


def test_a_tool_finds_the_signals_as_a_shell_leaves_them(tmp_path: Path) -> None:
    """Python ignores SIGPIPE; a tool that inherited that would not end with the reader of its output."""
    run_logged(["/bin/cat", "/proc/self/status"], tmp_path / "log", timeout_s=30)
    facts = dict(line.split(":\t", 1) for line in (tmp_path / "log").read_text().splitlines() if ":\t" in line)
    of_the_system = (1 << 31) - 1  # without 32 and above, which libraries may have taken for themselves
    assert [int(facts[name], 16) & of_the_system for name in ("SigIgn", "SigBlk")] == [0, 0]


def test_with_grace_a_child_may_end_itself(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('report written', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(120)"
    )

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged([*PYTHON, code], tmp_path / "log", timeout_s=60, on_line=stop, grace_s=20)
    assert (tmp_path / "log").read_text() == "ready\nreport written\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [(0, None), (1, None), (-9, "SIGKILL"), (-11, "SIGSEGV"), (139, "SIGSEGV"), (-200, "signal 200"), (255, None)],
)
def test_a_signal_is_told_also_through_a_shell(code: int, name: str | None) -> None:
    assert Ending(code, False, 1).signal_name == name


def test_a_tool_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"trtexec: cannot be started: No such file"):
        run_logged([tmp_path / "trtexec"], tmp_path / "log", timeout_s=1)
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(MissingDependency, match="text: cannot be started: Exec format error"):
        run_logged([tmp_path / "text"], tmp_path / "log", timeout_s=1)


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match=r"file/log: cannot be written"):
        run_logged([*PYTHON, "pass"], tmp_path / "file" / "log", timeout_s=1)
