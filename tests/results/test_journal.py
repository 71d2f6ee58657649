"""The journal: frames that are there or not, never half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.errors import Refused
from runner.results.journal import Frame, Journal

LABEL = "results 1, columns 0"


def frame(n: int, width: int = 2, seed: int = 0) -> Frame:
    random = np.random.default_rng(seed)
    rows = [f"row {seed} {i} {'é' * i}\n".encode() for i in range(n)]
    sizes = random.integers(0, 4, n)
    return Frame(
        ids=random.integers(2**63, size=n).astype(np.uint64),
        text=b"".join(rows),
        ends=np.cumsum([len(row) for row in rows]),
        n_points=3,
        curve_ends=np.cumsum(sizes),
        points=random.normal(size=(sizes.sum(), 3)),
        initial=random.normal(size=(n, width)),
        final=random.normal(size=(n, width)),
    )


def same(one: Frame, other: Frame) -> bool:
    arrays = ("ids", "ends", "curve_ends", "points", "initial", "final")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    return equal and bytes(one.text) == bytes(other.text) and one.n_points == other.n_points


def write(path: Path, *frames: Frame) -> list[np.ndarray]:
    journal = Journal(path, LABEL)
    places = [journal.append(each) for each in frames]
    journal.sync()
    journal.close()
    return places


def test_frames_read_back(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    frames = [frame(3), frame(1, width=0, seed=1), frame(7, width=9, seed=2)]
    places = write(path, *frames)
    found = list(Journal(path, LABEL).frames())
    assert [offset << 20 for offset, _ in found] == [each[0] for each in places]
    assert all(same(one, other) for (_, one), other in zip(found, frames, strict=True))


def test_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    frames = [frame(3), frame(4, seed=1)]
    places = np.concatenate(write(path, *frames))
    rows = b"".join(bytes(each.text) for each in frames).splitlines(keepends=True)
    journal = Journal(path, LABEL)
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [2, 3, 4, 0], [5]):
        assert b"".join(journal.segments(places[order])) == b"".join(rows[i] for i in order)
    assert len(list(journal.segments(places[:3]))) == 1


def test_rows_can_be_read_while_more_are_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.journal", LABEL)
    for seed in range(5):
        each = frame(3, seed=seed)
        assert b"".join(journal.segments(journal.append(each))) == each.text


def test_every_byte_at_which_the_last_frame_can_be_torn(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    write(path, frame(3))
    start = path.stat().st_size
    write(path, frame(2, seed=1))
    whole = path.read_bytes()
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        journal = Journal(path, LABEL)
        assert [len(each.ids) for _, each in journal.frames()] == [3]
        journal.append(frame(2, seed=1))
        journal.close()
        assert path.read_bytes() == whole


def test_every_byte_of_the_first_line_can_be_torn(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    write(path, frame(1))
    whole = path.read_bytes()
    for end in range(whole.index(b"frm1")):
        path.write_bytes(whole[:end])
        write(path, frame(1))
        assert path.read_bytes() == whole


def test_any_changed_byte_of_a_frame_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    write(path, frame(2))
    whole = path.read_bytes()
    for i in range(whole.index(b"frm1"), len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x10]) + whole[i + 1 :])
        if i < whole.index(b"frm1") + 4:
            with pytest.raises(Refused):
                Journal(path, LABEL)
        else:
            assert not list(Journal(path, LABEL).frames())


def test_zeros_behind_the_last_frame_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    write(path, frame(2))
    path.write_bytes(path.read_bytes() + b"\0" * 4096)
    assert len(list(Journal(path, LABEL).frames())) == 1


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    write(path, frame(2))
    with pytest.raises(Refused) as caught:
        Journal(path, "results 2, columns 0")
    assert str(caught.value) == (
        f"{path} was written by another version of the runner; "
        "pass another --out or name=..., or --fresh to move it aside"
    )


def test_nothing_is_written_before_the_first_frame(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.journal", LABEL)
    journal.sync()
    journal.close()
    assert not list(tmp_path.iterdir())


def test_what_is_no_frame_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "runs.journal"
    write(path, frame(3))
    whole = path.read_bytes()
    path.write_bytes(whole + b"notes of somebody")
    with pytest.raises(Refused) as caught:
        Journal(path, LABEL)
    assert str(caught.value) == (
        f"{path}: what begins with byte {len(whole) + 1:,} was not written by the runner; "
        "move the file away, or pass --fresh to move all files aside"
    )
