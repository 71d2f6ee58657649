"""The disk cache of compiled kernels: what it holds is used only as it was written."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit

from runner.kernels import cache
from runner.kernels.lanes.operations import entry

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def _double(x: float) -> float:
    return 2.0 * x


class Told:
    """Remembers what a cache tells."""

    def __init__(self) -> None:
        self.not_kept: list[str] = []
        self.not_used: list[str] = []

    def kernel(self, function: Any = _double, compiled_by: Any = njit) -> Any:
        """A kernel as another process would make it: nothing of it is compiled."""
        made = compiled_by(function)
        cache.enable(
            made, not_kept=self.not_kept.append, not_used=lambda file, reason: self.not_used.append(f"{file}: {reason}")
        )
        return made


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """A cache in a folder of its own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    yield Told()
    assert not list(tmp_path.rglob("*.tmp"))


def loaded(kernel: Any) -> Any:
    """The kernel for one float64 if its file is taken."""
    (signature,) = njit("f8(f8)")(_double).signatures
    return kernel._cache.load_overload(signature, kernel.targetctx)


def the_file(tmp_path: Path) -> Path:
    (file,) = tmp_path.rglob("*.kernel")
    return file


def test_a_kernel_is_compiled_once(tmp_path: Path, told: Told) -> None:
    assert told.kernel()(1.5) == 3.0
    content = the_file(tmp_path).read_bytes()
    again = told.kernel()
    assert loaded(again) is not None
    assert again(1.5) == 3.0
    assert the_file(tmp_path).read_bytes() == content
    # Other types of arguments are another kernel, in a file of its own.
    assert again(1) == 2.0
    assert len(list(tmp_path.rglob("*.kernel"))) == 2
    assert (told.not_kept, told.not_used) == ([], [])


def test_a_kernel_is_loaded_without_what_only_compiles_unless_it_wants_that(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.kernel()(1.5)
    kernel = told.kernel()
    refreshed: list[bool] = []
    monkeypatch.setattr(type(kernel.targetctx), "refresh", lambda context: refreshed.append(True))
    assert kernel(1.5) == 3.0
    assert refreshed == []
    cache._provide(["PyErr_SetString", "no_symbol_of_this_process"], kernel.targetctx)
    assert refreshed == [True]


def test_no_damage_is_loaded_and_the_next_call_mends_it(tmp_path: Path, told: Told) -> None:
    """A loss of power leaves files empty, short or of zeros; a disk or a memory turns single bits."""
    told.kernel()(1.5)
    file, random = the_file(tmp_path), np.random.default_rng(0)
    content = file.read_bytes()
    damages = [b"", content[:10], content[: len(content) // 2], content[:-1], content + b"\0", bytes(len(content))]
    damages += [random.bytes(len(content)), pickle.dumps((1, 2)), b"\0" * 32 + content[32:]]
    for bit in random.integers(8 * len(content), size=100).tolist():
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        damages.append(bytes(flipped))
    for damage in damages:
        file.write_bytes(damage)
        assert loaded(told.kernel()) is None
    assert told.not_used == [f"{file}: its checksum is wrong"] * len(damages)
    assert told.kernel()(1.5) == 3.0
    assert loaded(told.kernel()) is not None


def test_a_kernel_under_the_name_of_another_one_is_not_used(tmp_path: Path, told: Told) -> None:
    told.kernel()(1.5)
    file = the_file(tmp_path)
    told.kernel()(1)
    (other,) = set(tmp_path.rglob("*.kernel")) - {file}
    file.write_bytes(other.read_bytes())
    assert loaded(told.kernel()) is None
    assert told.kernel()(1.5) == 3.0


def test_what_can_not_be_loaded_though_it_is_whole_is_compiled_anew(tmp_path: Path, told: Told) -> None:
    """As after an update of a library that left its version as it was."""
    told.kernel()(1.5)
    file = the_file(tmp_path)
    content = pickle.dumps("no kernel")
    file.write_bytes(cache._checksum(file, content) + content)
    assert told.kernel()(1.5) == 3.0
    assert len(told.not_used) == 1
    assert loaded(told.kernel()) is not None


def test_a_file_that_can_not_be_read_or_written_is_told(tmp_path: Path, told: Told) -> None:
    told.kernel()(1.5)
    file = the_file(tmp_path)
    file.unlink()
    file.mkdir()
    assert told.kernel()(1.5) == 3.0
    assert told.not_kept == ["Is a directory"]


def test_a_kernel_that_can_not_be_compiled_is_no_reason_of_a_run(told: Told) -> None:
    def wrong(x: float) -> Any:
        return x.nothing  # type: ignore[attr-defined]

    with pytest.raises(cache.KernelError, match=r"^TypingError: "):
        told.kernel(wrong)(1.5)


def _object(file: Path) -> bytes:
    """The machine code in the file of a kernel."""
    code: bytes = pickle.loads(cache.read(file) or b"")[2][0][2][0]
    return code


def _triple(x: float) -> float:
    return 3.0 * x


def test_machine_code_is_made_from_lowered_code_without_numba(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the own cache, after a change of processor, and of a wheel: the bytes that Numba would have made."""
    monkeypatch.setattr(cache, "SHIPPED", tmp_path / "wheel")
    before = cache.origins()
    assert told.kernel(_triple, entry)(1.5) == 4.5
    file = the_file(tmp_path)
    compiled, (lowered,) = _object(file), tmp_path.rglob("*.lowered")
    file.unlink()

    def never(*arguments: Any) -> Any:
        raise AssertionError("Numba compiles")

    with monkeypatch.context() as patch:
        patch.setattr("numba.core.compiler.compile_extra", never)
        assert told.kernel(_triple, entry)(1.5) == 4.5
        assert _object(file) == compiled
        file.unlink()
        cache.shipped().mkdir(parents=True)
        in_wheel = lowered.rename(cache.shipped() / lowered.name)
        assert told.kernel(_triple, entry)(1.5) == 4.5
        assert _object(file) == compiled
        # A special kernel is made from the copy.
        assert lowered.read_bytes() == in_wheel.read_bytes()
    counts = {name: n - before[name] for name, n in cache.origins().items()}
    assert counts == {"loaded": 0, "lowered": 1, "shipped": 1, "compiled": 1}
    assert (told.not_kept, told.not_used) == ([], [])


def test_damaged_lowered_code_is_not_used(tmp_path: Path, told: Told) -> None:
    assert told.kernel(_triple, entry)(1.5) == 4.5
    file, (lowered,) = the_file(tmp_path), tmp_path.rglob("*.lowered")
    file.unlink()
    content = bytearray(lowered.read_bytes())
    content[len(content) // 2] ^= 1
    lowered.write_bytes(content)
    assert told.kernel(_triple, entry)(1.5) == 4.5
    assert told.not_used == [f"{lowered}: its checksum is wrong"]
    assert cache.lowered_code(lowered)


def test_a_wheel_suits_the_versions_that_it_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {cache.shipped()}
    with monkeypatch.context() as patch:
        patch.setattr(cache.numba, "__version__", "0.1")
        places.add(cache.shipped())
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "m68k")
        places.add(cache.shipped())
    # Of the same version of Python, other builds will do.
    with monkeypatch.context() as patch:
        patch.setattr("sys.version", "another build")
        places.add(cache.shipped())
    assert len(places) == 3
