"""Work that is recorded once and started as a whole."""

from __future__ import annotations

from unittest import mock

import pytest
import torch

from slm.graphs import Recorded


def test_a_recording_minds_no_other_thread(monkeypatch):
    for name in ("Stream", "CUDAGraph", "current_stream", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, mock.MagicMock())
    Recorded(torch.square, torch.arange(3.0))
    assert torch.cuda.graph.call_args.kwargs == {"capture_error_mode": "thread_local"}


@pytest.mark.gpu
def test_recorded_work_is_done_on_the_newest_numbers():
    total = torch.zeros(3, device="cuda")
    recorded = Recorded(lambda x: total.add_(x).clone(), torch.zeros(3, device="cuda"))
    first = recorded(torch.tensor([1.0, 2.0, 3.0]))
    second = recorded(torch.tensor([10.0, 20.0, 30.0], device="cuda"))
    assert first.tolist() == [1.0, 2.0, 3.0] and second.tolist() == [11.0, 22.0, 33.0]


@pytest.mark.gpu
def test_what_cannot_be_recorded_says_so():
    with pytest.raises(RuntimeError):
        Recorded(lambda x: x * x.sum().item(), torch.ones(3, device="cuda"))
