import io

import numpy as np
import pytest

from bench.speed.rivals.messages import receive, send


def test_messages_arrive_one_by_one_with_their_arrays() -> None:
    stream = io.BytesIO()
    batches = np.arange(6, dtype=np.float32).reshape(2, 3)
    send(stream, {"do": "take", "seed": 3}, {"batches": batches.T})
    send(stream, {"do": "run"})
    stream.seek(0)
    head, arrays = receive(stream)
    assert head == {"do": "take", "seed": 3}
    np.testing.assert_array_equal(arrays["batches"], batches.T)
    assert receive(stream) == ({"do": "run"}, {})
    with pytest.raises(EOFError, match="has ended"):
        receive(stream)
