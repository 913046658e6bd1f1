from __future__ import annotations

import numpy as np

from foveal.tools.embed.vectors import centre, mean_of, unit


def test_unit_rows_and_zero_rows() -> None:
    rows = unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows.dtype == np.float32
    assert np.allclose(rows, [[0.6, 0.8], [0.0, 0.0]])


def test_centring_takes_away_what_all_share() -> None:
    shared = np.array([10.0, 0.0, 0.0])
    rows = unit(shared + np.array([[0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]))
    assert (rows @ rows.T).min() > 0.9
    centred = centre(rows, mean_of(rows))
    assert np.allclose(centred[0] @ centred[1], -1, atol=1e-3)
    assert np.allclose(np.linalg.norm(centred, axis=1), 1, atol=1e-5)
    assert np.allclose(centre(rows[0], mean_of(rows)), centred[0])


def test_mean_of_nothing_is_zero() -> None:
    assert np.array_equal(mean_of(np.zeros((0, 3), dtype=np.float32)), np.zeros(3))
    assert np.allclose(centre(np.array([[0.0, 2.0, 0.0]]), np.zeros(3)), [[0, 1, 0]])
