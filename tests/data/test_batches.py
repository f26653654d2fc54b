from __future__ import annotations

import json
import subprocess
import sys
import types
from collections import Counter

import numpy as np
import pytest

from slm.config import TrainConfig
from slm.data.batches import Corpus, batch, check_fits, eval_windows, training_batch


def ring(n: int) -> np.ndarray:
    """A stream in which every id tells its place."""
    return np.arange(n, dtype=np.uint16)


@pytest.fixture
def folder(tmp_path):
    """A data set by hand, without a tokenizer."""
    ids = {"train": ring(1009), "validation": ring(101)}
    for split, values in ids.items():
        values.astype("<u2").tofile(tmp_path / f"{split}.bin")
    manifest = {split: {"stories": 7, "tokens": len(v), "bytes": 4 * len(v)} for split, v in ids.items()}
    manifest |= {"vocab_size": 777, "fingerprint": "ab" * 32, "unigram_entropy": 5.25}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_batches_are_int64_and_contiguous_and_y_is_x_one_token_on():
    x, y = batch(ring(1009), seed=5, step=3, rows=7, block_size=13)
    for a in (x, y):
        assert a.shape == (7, 13) and a.dtype == np.int64 and a.flags.c_contiguous and a.flags.writeable
    assert (y[:, :-1] == x[:, 1:]).all()
    assert (y == (x + 1) % 1009).all()


def test_a_batch_is_a_function_of_seed_and_step_alone():
    ids = ring(1009)
    first = [batch(ids, seed=5, step=s, rows=7, block_size=13)[0] for s in range(60)]
    again = [batch(ids, seed=5, step=s, rows=7, block_size=13)[0] for s in reversed(range(60))][::-1]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != batch(ids, seed=6, step=s, rows=7, block_size=13)[0]).any() for s, a in enumerate(first))


def test_a_batch_is_the_same_in_another_process():
    code = (
        "import numpy as np; from slm.data.batches import batch;"
        "print(batch(np.arange(1009, dtype=np.uint16), seed=5, step=31, rows=3, block_size=13)[0].tolist())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(there) == batch(ring(1009), seed=5, step=31, rows=3, block_size=13)[0].tolist()


def test_a_ramp_begins_with_half_the_rows_of_half_the_length():
    config = TrainConfig(batch_size=7, grad_accum_steps=3, ramp_steps=5, seed=11)
    shapes = [training_batch(ring(1009), config, step=step, block_size=34)[0].shape for step in range(7)]
    assert shapes == [(10, 17)] * 5 + [(21, 34)] * 2


@pytest.mark.parametrize("ramp_steps", [0, 5])
def test_behind_the_ramp_no_token_is_a_target_twice_in_an_epoch(ramp_steps):
    config = TrainConfig(batch_size=5, ramp_steps=ramp_steps, seed=11)
    epoch = 1009 // 17 // 5
    seen = Counter()
    for step in range(ramp_steps, ramp_steps + epoch):
        seen.update(training_batch(ring(1009), config, step=step, block_size=17)[1].flatten().tolist())
    assert len(seen) == epoch * 5 * 17 and set(seen.values()) == {1}


def test_the_order_of_the_windows_does_not_change_between_versions():
    x, _ = batch(ring(101), seed=5, step=0, rows=5, block_size=17)
    assert x[:, 0].tolist() == [20, 3, 87, 53, 70]


@pytest.mark.parametrize("tokens, block_size", [(1009, 13), (1009, 7), (97, 31), (31, 30), (52, 13)])
@pytest.mark.parametrize("epoch", [0, 1, 4])
def test_each_epoch_sees_each_token_once(tokens, block_size, epoch):
    windows = tokens // block_size
    seen = Counter()
    for step in range(epoch * windows, (epoch + 1) * windows):
        _, y = batch(ring(tokens), seed=11, step=step, rows=1, block_size=block_size)
        seen.update(y.ravel().tolist())
    assert set(seen.values()) == {1}
    assert len(seen) == windows * block_size > tokens - block_size


def test_rows_cross_the_end_of_an_epoch_as_if_there_were_none():
    one = [batch(ring(97), seed=2, step=s, rows=1, block_size=13) for s in range(55)]
    five = [batch(ring(97), seed=2, step=s, rows=5, block_size=13) for s in range(11)]
    for side in (0, 1):
        assert (np.concatenate([b[side] for b in one]) == np.concatenate([b[side] for b in five])).all()


def test_epochs_cut_and_order_the_stream_anew():
    x, _ = batch(ring(1009), seed=2, step=0, rows=2 * 77, block_size=13)
    first, second = x[:77, 0].tolist(), x[77:, 0].tolist()
    assert not set(first) & set(second)  # cut elsewhere
    assert np.argsort(first).tolist() != np.argsort(second).tolist() != list(range(77))


def test_the_ranks_of_two_processes_make_up_the_whole():
    x, y = batch(ring(1009), seed=3, step=9, rows=6, block_size=11)
    micro = [batch(ring(1009), seed=3, step=9 * 6 + r, rows=1, block_size=11) for r in range(6)]
    for rank in (0, 1):
        assert (x[rank::2] == np.concatenate([m[0] for m in micro[rank::2]])).all()
        assert (y[rank::2] == np.concatenate([m[1] for m in micro[rank::2]])).all()


def test_a_stream_without_one_window_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match="13 tokens hold no window of 13"):
        batch(ring(13), seed=1, step=0, rows=1, block_size=13)
    batch(ring(14), seed=1, step=0, rows=1, block_size=13)


@pytest.mark.parametrize("count", [1, 3, 8, 9, 100])
def test_eval_windows_are_fixed_and_apart_and_spread(count):
    x, y = eval_windows(ring(101), count=count, block_size=11)
    assert x.shape == y.shape == (min(count, 9), 11) and x.dtype == y.dtype == np.int64
    assert (y == x + 1).all()
    assert len(np.unique(y)) == y.size
    assert (x == eval_windows(ring(101), count=count, block_size=11)[0]).all()
    gaps = np.diff(x[:, 0])
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 11


def test_a_validation_stream_shorter_than_a_context_gives_one_short_window():
    x, y = eval_windows(ring(7), count=5, block_size=11)
    assert x.tolist() == [[0, 1, 2, 3, 4, 5]] and y.tolist() == [[1, 2, 3, 4, 5, 6]]
    with pytest.raises(ValueError, match="1 tokens are too few"):
        eval_windows(ring(1), count=5, block_size=11)


def test_a_corpus_maps_its_ids_and_knows_its_manifest(folder):
    corpus = Corpus(folder)
    assert corpus.train.dtype == np.dtype("<u2") and (corpus.train == ring(1009)).all()
    assert len(corpus.validation) == 101
    assert corpus.fingerprint == "ab" * 32 and corpus.unigram_entropy == 5.25
    with pytest.raises(ValueError, match="read-only"):
        corpus.train[0] = 1
    x, _ = batch(corpus.train, seed=3, step=9, rows=6, block_size=11)
    assert (x == batch(ring(1009), seed=3, step=9, rows=6, block_size=11)[0]).all()
    assert (corpus.train == ring(1009)).all()  # still readable after its pages were given back


@pytest.mark.parametrize("change", ["truncated", "longer", "gone"])
def test_a_damaged_data_set_is_refused(folder, change):
    path = folder / "train.bin"
    data = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-3] if change == "truncated" else data + b"\0\0")
    with pytest.raises(ValueError, match=r"train.bin has .* 1,009 tokens, which take 2,018"):
        Corpus(folder)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(ValueError, match="no prepared data set"):
            Corpus(tmp_path / name)


@pytest.mark.parametrize(("content", "told"), [("{}", "lacks .*train, .*vocab_size: it is damaged"), ("[]", "damaged")])
def test_a_damaged_manifest_is_refused(folder, content, told):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=f"manifest.json .*{told}"):
        Corpus(folder)


def test_too_little_text_for_a_context_is_told_with_both_numbers():
    corpus = types.SimpleNamespace(train=ring(87))
    with pytest.raises(ValueError, match="87 tokens, a context of 256 needs at least 257: take a block_size of 86"):
        check_fits(corpus, 256)
    with pytest.raises(ValueError, match="87"):
        check_fits(corpus, 87)
    check_fits(corpus, 86)
    batch(corpus.train, seed=1, step=0, rows=3, block_size=86)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_reading_a_mapped_file_does_not_grow_the_process(tmp_path):
    path = tmp_path / "train.bin"
    np.zeros(20_000_000, dtype="<u2").tofile(path)
    code = f"""
import numpy as np
from slm.data.batches import batch
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
ids = np.memmap({str(path)!r}, dtype="<u2", mode="r")
batch(ids, seed=1, step=0, rows=1, block_size=1024)
before = resident_mb()
for step in range(600):
    batch(ids, seed=1, step=step, rows=32, block_size=1024)
print(resident_mb() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 10  # the file has 40
