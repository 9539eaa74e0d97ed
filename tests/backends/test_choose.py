from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trtprof.backends.choose import (
    PROBES,
    Considered,
    Probe,
    choose,
    cuda_devices,
    probe_rtx_aot,
    probe_tensorrt,
    probe_trtexec,
)
from trtprof.errors import MissingDependency, UsageError
from trtprof.model import Unknown


def probes(**usable: bool) -> dict[str, Probe]:
    def make(name: str, answer: bool) -> Probe:
        return lambda: Considered(name, answer, f"{name} is {'there' if answer else 'missing'}", f"install {name}")

    return {name.replace("_", "-"): make(name, answer) for name, answer in usable.items()}


class TestAuto:
    def test_the_order_is_fixed(self) -> None:
        assert list(PROBES) == ["tensorrt", "trtexec", "rtx-aot"]

    @pytest.mark.parametrize(
        ("tensorrt", "trtexec", "taken", "asked"),
        [(True, True, "tensorrt", 1), (False, True, "trtexec", 2), (False, False, "rtx-aot", 3)],
    )
    def test_the_first_usable_is_taken_and_those_before_it_told(
        self, tensorrt: bool, trtexec: bool, taken: str, asked: int
    ) -> None:
        choice = choose(probes=probes(tensorrt=tensorrt, trtexec=trtexec, rtx_aot=True))
        assert choice.name == taken
        assert len(choice.considered) == asked
        assert choice.why.count(".") == asked
        assert choice.why.endswith("is there.")

    def test_none_tells_of_each(self) -> None:
        with pytest.raises(MissingDependency) as caught:
            choose(probes=probes(tensorrt=False, trtexec=False, rtx_aot=False))
        for name in ("tensorrt", "trtexec", "rtx_aot"):
            assert f"{name} is missing" in caught.value.message
        assert caught.value.hint == "install rtx_aot"


class TestNamed:
    def test_it_alone_is_looked_at(self) -> None:
        choice = choose("trtexec", probes(tensorrt=True, trtexec=True, rtx_aot=True))
        assert [item.name for item in choice.considered] == ["trtexec"]

    def test_it_must_be_usable(self) -> None:
        with pytest.raises(MissingDependency, match="trtexec is missing"):
            choose("trtexec", probes(tensorrt=True, trtexec=False, rtx_aot=True))

    def test_it_must_exist(self) -> None:
        with pytest.raises(UsageError, match="unknown backend 'tensorflow'"):
            choose("tensorflow")


class CudaDriver:
    """``libcuda.so.1``, as far as it counts GPUs."""

    def __init__(self, init: int = 0, count: int = 0, status: int = 0) -> None:
        self.init, self.count, self.status = init, count, status

    def cuInit(self, flags: int) -> int:  # noqa: N802
        assert flags == 0
        return self.init

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self.count
        return self.status


class TestDevices:
    def test_counting(self) -> None:
        assert cuda_devices(CudaDriver(count=2)) == 2
        assert cuda_devices(CudaDriver(init=100)) == 0

    @pytest.mark.parametrize(
        ("driver", "said"),
        [(CudaDriver(init=803), "does not start (CUDA error 803)"), (CudaDriver(status=3), "does not count its GPUs")],
    )
    def test_a_driver_that_does_not_work_is_told(self, driver: CudaDriver, said: str) -> None:
        answer = cuda_devices(driver)
        assert isinstance(answer, Unknown)
        assert said in answer.reason

    def test_no_driver_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trtprof.backends.choose._DRIVER", "libnone.so.1")
        answer = cuda_devices()
        assert isinstance(answer, Unknown)
        assert "libnone.so.1 was not found" in answer.reason


class TestProbes:
    @pytest.mark.parametrize(("devices", "usable"), [(1, True), (0, False), (Unknown("no driver"), False)])
    def test_tensorrt_needs_its_packages_and_a_gpu(
        self, devices: int | Unknown, usable: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trtprof.backends.tensorrt_api.installed", lambda module: True)
        monkeypatch.setattr("trtprof.backends.tensorrt_api.version_of", lambda name: "10.3.0")
        answer = probe_tensorrt(lambda: devices)
        assert answer.usable == usable
        assert answer.why.startswith("TensorRT 10.3.0 is installed")
        assert (answer.hint is None) == usable

    def test_without_its_packages_no_gpu_is_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trtprof.backends.tensorrt_api.installed", lambda module: module != "pycuda")
        answer = probe_tensorrt(_must_not_be_called)
        assert not answer.usable
        assert "'pycuda'" in answer.why

    @pytest.mark.parametrize(("devices", "usable"), [(1, True), (0, False), (Unknown("no driver"), False)])
    def test_trtexec_needs_a_gpu_too(self, devices: int | Unknown, usable: bool) -> None:
        answer = probe_trtexec(None, lambda: devices, lambda explicit: Path("/opt/trtexec"))
        assert (answer.usable, "/opt/trtexec" in answer.why) == (usable, True)

    def test_a_trtexec_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        answer = probe_trtexec(tmp_path / "trtexec", _must_not_be_called)
        assert not answer.usable
        assert "no executable file" in answer.why

    def test_rtx_aot_needs_no_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trtprof.backends.rtx_aot.version", lambda: "1.7.1")
        assert probe_rtx_aot() == Considered(
            "rtx-aot", True, "TensorRT-RTX 1.7.1 builds without a GPU; times are then modelled"
        )


def _must_not_be_called() -> int:
    raise AssertionError


_: Callable[[], int] = _must_not_be_called
