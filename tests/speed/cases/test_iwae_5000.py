import pytest
import torch

from bench.metrics import compute
from bench.setup import build
from bench.spec import DataSpec
from bench.speed.cases.iwae_5000 import OURS, TARGET, seconds_and_memory
from bench.speed.interleave import Effort
from bench.speed.loops import endless

CPU = torch.device("cpu")
BRIEF = Effort(seconds=0, rounds=2)


@pytest.fixture(autouse=True)
def no_mnist(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))


def test_the_model_is_that_of_the_paper() -> None:
    config = endless(OURS)
    entry = build.entry_of_width(config, DataSpec((784,), "binary"), None)
    sizes = [(layer.in_features, layer.out_features) for layer in entry.modules() if isinstance(layer, torch.nn.Linear)]
    encoder = [(784, 200), (200, 200), (200, 50), (200, 50)]
    assert sizes == [*encoder, (50, 200), (200, 200), (200, 784)]
    assert any(isinstance(layer, torch.nn.Tanh) for layer in entry.modules())
    assert config.eval.importance_samples == 5000


def test_seconds_are_those_of_all_pictures_and_held_against_the_target() -> None:
    seconds, memory = seconds_and_memory(endless([*OURS, "eval.importance_samples=50"]), 3, CPU, BRIEF)
    assert seconds.what == "IWAE-50 of 10000 pictures"
    assert seconds.target == TARGET
    assert seconds.ours is not None
    # 50 draws of 3 pictures are 3e7 multiplications: 0.3 ms at 1e11 a second, and all pictures 3,333 times that.
    assert seconds.ours > 1
    assert "extrapolated from 3 random test pictures" in seconds.note
    assert seconds.note.startswith("random pixels")
    assert (memory.unit, memory.met) == ("MB", "")
    assert "eval.batch_rows=2048" in memory.note


def test_memory_follows_the_rows_of_a_call() -> None:
    def megabytes(rows: int) -> float:
        config = endless([*OURS, "model.width=8", "eval.importance_samples=12000", f"eval.batch_rows={rows}"])
        found = seconds_and_memory(config, 1, CPU, BRIEF)[1].ours
        if found is None:
            pytest.skip("the system does not tell a process's peak memory")
        return found

    # Logits of 64 rows are 0.2 MB, of 12,000 rows 37.6 MB: more than an allocator keeps back from what it held before.
    few = megabytes(64)
    assert few < 15
    assert megabytes(12_000) > 37


def test_a_system_that_does_not_tell_memory_leaves_it_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "_reset_high_water_mark", lambda: False)
    memory = seconds_and_memory(endless([*OURS, "eval.importance_samples=2"]), 1, CPU, BRIEF)[1]
    assert memory.ours is None
    assert "tells no process" in memory.note
