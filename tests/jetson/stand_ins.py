"""A board's programs without the board, as a capture script meets them: tegrastats, nvpmodel, jetson_clocks, sudo."""

from __future__ import annotations

from pathlib import Path

from tests.backends import nsys_stand_in, trtexec_stand_in

LINE = (
    "RAM 6185/7620MB (lfb 8x2MB) SWAP 851/3810MB (cached 1MB) CPU [15%@729,off] GR3D_FREQ 99%@[621] cpu@53.968C "
    "VDD_IN 12000mW/12479mW VDD_SOC 2817mW/2817mW"
)
TEGRASTATS = f"""\
case $1 in --help) echo Usage; exit 0 ;; esac
while :; do echo '{LINE}'; /bin/sleep 0.05; done
"""
NVPMODEL = """\
mode=$(cat "$STATE/mode" 2>/dev/null || echo 1)
case $1 in
  -q) printf 'NV Power Mode: MODE_%s\\n%s\\n' "$mode" "$mode" ;;
  -m) echo "$2" >"$STATE/mode"; echo "nvpmodel -m $2" >>"$STATE/log" ;;
esac
"""
JETSON_CLOCKS = """\
case ${1:-} in
  --show) echo 'EMC MinFreq=1 MaxFreq=2 CurrentFreq=2 FreqOverride=0' ;;
  --store) echo free >"$2"; echo 'jetson_clocks --store' >>"$STATE/log" ;;
  --restore) [ -f "$2" ] || exit 1; echo 'jetson_clocks --restore' >>"$STATE/log" ;;
  '') echo 'jetson_clocks' >>"$STATE/log" ;;
esac
"""
SUDO = 'echo sudo >>"$STATE/log"; exec "$@"\n'


def install(folder: Path, name: str, script: str) -> None:
    """Put a shell script into ``folder`` as a program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def board(folder: Path, trt: tuple[int, int], nsys: str | None = "2022.4.2.1") -> Path:
    """Return a directory with the programs of a board; ``sleep`` is short there, so that idling costs no time."""
    folder.mkdir(parents=True)
    trtexec_stand_in.install(folder, trt)
    if nsys:
        nsys_stand_in.install(folder, nsys)
    for name, script in (
        ("tegrastats", TEGRASTATS),
        ("nvpmodel", NVPMODEL),
        ("jetson_clocks", JETSON_CLOCKS),
        ("sudo", SUDO),
        ("sleep", "exec /bin/sleep 0.2\n"),
        ("id", "echo 1000\n"),
    ):
        install(folder, name, script)
    return folder
