#!/bin/sh
# Measures @MODEL_NAME@ on a @BOARD_TITLE@ with TensorRT @TRT@, and packs one archive for: trtprof import capture.tgz
# Written by: @COMMAND@
#
#   sh capture.sh [MODEL.onnx]     MODEL.onnx: where the model lies on this board, unless beside this script
#
# Needs a POSIX shell and trtexec; uses tegrastats and nsys where they are. No Python, no network, @ROOT_NEED@.
# From the environment: TRTEXEC (which trtexec), CAPTURE (the archive to write), KEEP_ENGINES=1 (pack the engines too).
# The functions from restore on are called by traps.
# shellcheck disable=SC2329
set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/usr/local/cuda/bin

here=$(pwd)
case $0 in
  */*) beside=$(cd "${0%/*}" && pwd) ;;
  *) beside=$here ;;
esac
archive=${CAPTURE:-$here/capture.tgz}
case $archive in /*) ;; *) archive=$here/$archive ;; esac
work=
status=complete
trtexec=
trt=
sampler=
power_mode_before=
clocks_stored=

say() { printf 'capture.sh: %s\n' "$*" >&2; }

fail() {
  code=$1
  shift
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit "$code"
}

# Seconds since the board started: a clock that no network sets, read without starting a program.
uptime_now() { read -r uptime _ </proc/uptime; }

mark() {
  uptime_now
  printf '%s %s\n' "$uptime" "$*" >>"$work/capture/marks.txt"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# A child in the background can be waited for, and a signal then reaches this script at once.
wait_for() {
  wait "$!"
}

pause() {
  sleep "$1" &
  wait_for
}

stamped() {
  while IFS= read -r line; do
    uptime_now
    printf '%s %s\n' "$uptime" "$line"
  done
}

# Copies trtexec's lines and marks the moment it begins to infer.
followed() {
  while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in *'Starting inference'*) mark "$1" inference ;; esac
  done
}

start_sampler() {
  command -v tegrastats >/dev/null 2>&1 || {
    say 'no tegrastats here: power, clocks and heat are not recorded'
    return 0
  }
  mkfifo "$work/samples"
  stamped <"$work/samples" >"$work/capture/tegrastats.txt" &
  tegrastats --interval @INTERVAL_MS@ >"$work/samples" 2>&1 &
  sampler=$!
}

stop_sampler() {
  [ -n "$sampler" ] || return 0
  kill "$sampler" 2>/dev/null
  wait "$sampler" 2>/dev/null
  sampler=
}

# What the board is and how it stands, in the form that trtprof doctor --root reads.
keep() {
  root=$work/capture/$1
  shift
  for path in "$@"; do
    if [ -f "$path" ] && [ -r "$path" ]; then
      mkdir -p "$root${path%/*}"
      cat "$path" >"$root$path" 2>/dev/null || rm -f "$root$path"
    fi
  done
}

note_presence() {
  root=$work/capture/$1
  shift
  for path in "$@"; do
    if [ -e "$path" ]; then
      mkdir -p "$root${path%/*}"
      : >"$root$path"
    fi
  done
}

probe() {
  commands=$work/capture/$1/commands
  name=$2
  shift 2
  command -v "$1" >/dev/null 2>&1 || return 0
  mkdir -p "$commands"
  if command -v timeout >/dev/null 2>&1; then set -- timeout 20 "$@"; fi
  "$@" </dev/null >"$commands/$name.txt" 2>&1 || echo "$?" >"$commands/$name.status"
}

keep_all() {
  keep "$1" \
    @FILES@
}

examine() {
  keep_all "$1"
  note_presence "$1" \
    @PRESENCES@
@PROBES@
}

find_trtexec() {
  for candidate in "${TRTEXEC:-}" "$(command -v trtexec 2>/dev/null)" @PLACES@; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      trtexec=$candidate
      return 0
    fi
  done
  fail 4 'trtexec was not found on PATH, in TRTEXEC, nor where JetPack puts it' \
    'sudo apt install libnvinfer-bin, or TRTEXEC=/path/to/trtexec sh capture.sh'
}

# 8.6.1 is v8601 and 10.3.0 is v100300 in the banner.
check_version() {
  "$trtexec" --help >"$work/help.txt" 2>&1
  number=$(sed -n 's/.*&&&& RUNNING TensorRT\.trtexec \[TensorRT v\([0-9]*\)\].*/\1/p' "$work/help.txt" | head -n 1)
  [ -n "$number" ] || fail 4 "$trtexec does not start: $(tail -n 1 "$work/help.txt")" 'run it by hand: trtexec --help'
  scale=1000
  if [ "$number" -ge 10000 ]; then scale=10000; fi
  found=$((number / scale)).$((number % scale / 100))
  [ "$found" = '@TRT@' ] || fail 4 "this board has TensorRT $found, this script is for @TRT@" \
    "write another: trtprof recipe @MODEL_NAME@ --board @BOARD@ --trt $found"
  trt=$found.$((number % 100))
}

failed() {
  printf '%s\n' "$2" >"$1/failed.txt"
  say "$1: $2 (the log comes along)"
  status=incomplete
}

# step NAME WORD LOG COMMAND...: the log is written as it comes.
step() {
  name=$1 word=$2 log=$3
  shift 3
  say "$name: $word"
  mark "$name" "$word" start
  mkfifo "$work/output"
  followed "$name" <"$work/output" >"$log" &
  copier=$!
  "$@" >"$work/output" 2>&1 </dev/null &
  wait_for
  code=$?
  wait "$copier"
  rm -f "$work/output"
  mark "$name" "$word" end
  [ "$code" -eq 0 ] || failed "$name" "$word ended with status $code: $(grep -F '[E]' "$log" | tail -n 1)"
  return "$code"
}

# The build's log is long: it goes straight into its file.
build() {
  name=$1 log=$2
  shift 2
  say "$name: building, which takes minutes"
  mark "$name" build start
  "$@" >"$log" 2>&1 </dev/null &
  wait_for
  code=$?
  mark "$name" build end
  [ "$code" -eq 0 ] || failed "$name" "build ended with status $code: $(grep -F '[E]' "$log" | tail -n 1)"
  return "$code"
}

# The environment stays out of the report, which is passed around.
trace() {
  name=$1 log=$2
  shift 2
  command -v nsys >/dev/null 2>&1 || return 0
  say "$name: tracing with nsys"
  env -i PATH="$PATH" HOME="${HOME:-/}" LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}" "$@" >"$log" 2>&1 </dev/null &
  wait_for || say "$name: nsys ended with status $? (the log comes along)"
}

set_power_mode() {
  command -v nvpmodel >/dev/null 2>&1 || fail 4 'nvpmodel is not here: the power mode cannot be set'
  power_mode_before=$(nvpmodel -q 2>/dev/null | sed -n 's/^\([0-9][0-9]*\)$/\1/p' | tail -n 1)
  [ -n "$power_mode_before" ] || fail 4 'nvpmodel -q does not tell the power mode, so it could not be put back'
  as_root nvpmodel -m "$1" </dev/null >/dev/null 2>&1 || say "nvpmodel -m $1 failed: the power mode is as it was"
}

lock_clocks() {
  command -v jetson_clocks >/dev/null 2>&1 || fail 4 'jetson_clocks is not here: clocks cannot be locked'
  as_root jetson_clocks --store "$work/clocks.conf" >/dev/null 2>&1 ||
    fail 5 'jetson_clocks --store failed: clocks could not be put back' 'run it by hand: sudo jetson_clocks --store FILE'
  clocks_stored=1
  as_root jetson_clocks >/dev/null 2>&1 || say 'jetson_clocks failed: clocks are free'
}

restore() {
  if [ -n "$clocks_stored" ]; then
    as_root jetson_clocks --restore "$work/clocks.conf" >/dev/null 2>&1 ||
      say "clocks were not put back: sudo jetson_clocks --restore $work/clocks.conf"
    clocks_stored=
  fi
  if [ -n "$power_mode_before" ]; then
    as_root nvpmodel -m "$power_mode_before" </dev/null >/dev/null 2>&1 ||
      say "the power mode was not put back: sudo nvpmodel -m $power_mode_before"
    power_mode_before=
  fi
}

describe() {
  printf 'trtprof-capture: 1\n'
  printf 'status: %s\n' "$status"
  printf 'board: %s\n' '@BOARD@'
  printf 'trt: %s\n' "$trt"
  printf 'model: %s\n' '@MODEL_NAME@'
  printf 'created: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  if command -v sha256sum >/dev/null 2>&1 && [ -r "$model" ]; then
    printf 'model_sha256: %s\n' "$(sha256sum <"$model" | cut -d' ' -f1)"
  fi
@DESCRIBE@
}

pack() {
  [ -n "$trt" ] || return 0
  describe >"$work/capture/capture.txt"
  if [ -z "${KEEP_ENGINES:-}" ]; then rm -f "$work"/capture/*/engine.plan; fi
  tar -C "$work" -czf "$work/capture.tgz" capture && mv -f "$work/capture.tgz" "$archive" &&
    say "wrote $archive ($status); on your desk: trtprof import ${archive##*/}"
}

signal_children() {
  while read -r pid; do kill -s "$1" "$pid" 2>/dev/null; done <"$work/children"
}

# Whatever still runs in the background, also what a signal left no time to note; ten seconds to end by itself.
end_children() {
  jobs -p >"$work/children"
  [ -s "$work/children" ] || return 0
  signal_children TERM
  { sleep 10 && signal_children KILL; } &
  watchdog=$!
  while read -r pid; do wait "$pid" 2>/dev/null; done <"$work/children"
  kill "$watchdog" 2>/dev/null
  wait "$watchdog" 2>/dev/null
}

# Runs once, however the script ends: ends what it started, puts back what it changed, packs what there is.
finish() {
  code=$?
  trap - EXIT
  trap '' HUP INT TERM
  if [ -n "$work" ]; then end_children; fi
  restore
  if [ -n "$work" ]; then
    pack
    rm -rf "$work"
  fi
  exit "$code"
}

interrupted() {
  status=interrupted
  say 'interrupted: what was finished is kept'
  exit 130
}

trap finish EXIT
trap interrupted HUP INT TERM

if [ $# -gt 1 ]; then fail 2 'expected at most one argument, the model' 'sh capture.sh MODEL.onnx'; fi
[ ! -e "$archive" ] || fail 2 "$archive is there already" 'move it away, or CAPTURE=other.tgz sh capture.sh'
model=${1:-$beside/@MODEL_NAME@}
case $model in /*) ;; *) model=$here/$model ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/trtprof.XXXXXX") || fail 5 'no temporary directory can be made'
mkdir "$work/capture"
@CHECK_MODELS@
find_trtexec
check_version
cd "$work/capture" || exit 5
examine board
@SETUP@
start_sampler
mark idle start
pause @IDLE_S@
mark idle end
@ENGINES@
stop_sampler
keep_all after
if [ "$status" = complete ]; then exit 0; fi
exit 5
