"""Spectra and the figures of a block."""

import numpy as np
import scipy.signal
import scipy.stats
from common import Rng, single, write


def signal(n, seed):
    """Two tones, noise, an offset, a knock now and then."""
    rng = Rng(seed)
    return [
        single(
            20.0
            + 3.0 * np.cos(2 * np.pi * 8 / 64 * i)
            + 1.0 * np.sin(2 * np.pi * 0.31 * i)
            + 0.5 * rng.normal()
            + (6.0 if i % 97 == 0 else 0.0)
        )
        for i in range(n)
    ]


def fft():
    rng = Rng(2)
    columns = {}
    for n in (64, 1024):
        x = np.array([single(rng.normal() + 2.0 * np.cos(2 * np.pi * 5.3 * i / n)) for i in range(n)])
        bins = np.fft.rfft(x)
        pad = [None] * (1024 - n)
        columns[f"x{n}"] = list(x) + pad
        # In the order of `real_fft`, in units of the largest bin.
        packed = [bins[0].real, bins[-1].real] + [v for z in bins[1:-1] for v in (z.real, z.imag)]
        columns[f"y{n}"] = [v / np.abs(bins).max() if i % 4 < 2 else None for i, v in enumerate(packed)] + pad
    write("spectral", "fft", "numpy.fft.rfft, relative to the largest bin", columns)


def figures():
    n, block = 512, 64
    xs = signal(n, 3)
    columns = {"x": xs}
    names = ["goertzel", "rms", "crest", "kurtosis", "low", "high", "centroid", "total"]
    columns.update({name: [] for name in names})
    last = dict.fromkeys(names)
    tones = []
    envelope = scipy.signal.lfilter([0.1], [1, -0.9], np.pi / 2 * np.abs(xs))
    turn = np.exp(-2j * np.pi * 0.31 * np.arange(block))
    for i in range(n):
        if (i + 1) % block == 0:
            b = np.array(xs[i + 1 - block : i + 1])
            rms = np.sqrt(np.mean(b**2))
            f, p = scipy.signal.periodogram(b, window="hann", detrend="constant", scaling="density")
            p = p / block
            last = {
                "goertzel": 2 / block * abs(np.sum((b - b[0]) * turn)),
                "rms": rms,
                "crest": np.max(np.abs(b)) / rms,
                "kurtosis": scipy.stats.kurtosis(b, fisher=False),
                "low": p[(f >= 0.1) & (f <= 0.2)].sum(),
                "high": p[f >= 0.25].sum(),
                "centroid": np.sum(f * p) / np.sum(p),
                "total": p.sum(),
            }
        for name in names:
            columns[name].append(last[name])
        window = xs[max(i + 1 - block, 0) : i + 1]
        tones.append(2 / block * abs(np.fft.fft(window)[8]) if len(window) == block else None)
    columns["sliding"] = tones
    columns["envelope"] = list(envelope)
    # One row in eight keeps results.
    for name in [*names, "sliding", "envelope"]:
        columns[name] = [v if i % 8 == 7 else None for i, v in enumerate(columns[name])]
    write("spectral", "figures", "scipy.signal.periodogram, scipy.stats.kurtosis, numpy", columns)


fft()
figures()
