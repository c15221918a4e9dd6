"""A linear forecaster for the fewest bytes: coefficients on a coarse grid, each paid for by what it takes to store."""

import zlib

import numpy as np
from numpy.typing import NDArray

from underbudget.recipes import RateDistortion

Array = NDArray[np.float32]
FITTED_WINDOWS = 20_000  # windows: enough to tell errors a tenth of a percent apart
PASSES = 20


def fit_rate_distortion(inputs: Array, targets: Array, fit: RateDistortion, seed: int) -> Array:
    """Fit coefficients [12, 12], input by output, multiples of `fit.step`, for windows [n, 6, 2] to [n, 6, 2].

    They start as a repetition of the last reading. What then changes is the weight of a difference between a reading
    and the last one of its column, so that each forecast moves with the readings as a whole, whatever the rounding.
    Coordinate descent, in random order, on

        the mean absolute error, each column in units of the start's,
        + fit.error_per_byte x the deflated bytes of the coefficients,

    until no single change of a coefficient helps: rate-distortion optimisation with the true rate.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(inputs), min(FITTED_WINDOWS, len(inputs)), replace=False)
    x, y = (values[chosen].reshape(len(chosen), -1) for values in (inputs, targets))
    size, columns = x.shape[1], inputs.shape[-1]
    latest = size - columns + np.arange(size) % columns  # of each input's and output's column
    weights = np.zeros((size, size), np.float32)
    weights[latest, np.arange(size)] = 1
    forecast = x @ weights
    error = np.abs(forecast - y).mean(axis=0)
    unit = np.tile(error.reshape(-1, columns).mean(axis=0), size // columns) * size
    stored = compressed_bytes(weights)
    places = [(i, j) for i in range(size - columns) for j in range(size)]
    for _ in range(PASSES):
        improved = False
        for place in rng.permutation(len(places)):
            i, j = places[place]
            base = latest[i]
            best = fit.error_per_byte * stored + error[j] / unit[j]
            found = None
            for value in _candidate_values(weights, i, j, columns, fit.step):
                change = value - weights[i, j]
                moved = forecast[:, j] + change * (x[:, i] - x[:, base])
                moved_error = np.abs(moved - y[:, j]).mean()
                trial = weights.copy()
                trial[i, j], trial[base, j] = value, weights[base, j] - change
                size_then = compressed_bytes(trial)
                if (cost := fit.error_per_byte * size_then + moved_error / unit[j]) < best - 1e-9:
                    best, found = cost, (trial, moved, moved_error, size_then)
            if found:
                weights, forecast[:, j], error[j], stored = found
                improved = True
        if not improved:
            break
    return weights


def _candidate_values(weights: Array, i: int, j: int, columns: int, step: float) -> set[float]:
    """Return candidate values: 0, ±1 and ±2 grid steps, and the coefficients one forecast step earlier and later."""
    now, outputs = weights[i, j], weights.shape[1]
    near = {float(now + k * step) for k in (-2, -1, 1, 2)}
    neighbours = {float(weights[i, (j + k) % outputs]) for k in (-columns, columns)}
    return ({0.0} | near | neighbours) - {float(now)}


def compressed_bytes(weights: Array) -> int:
    """Return the deflated bytes of coefficients, laid out as the file holds them: one row per output."""
    return len(zlib.compress(weights.T.tobytes(), 9))
