"""Control charts of several channels."""

import numpy as np
from common import Rng, single, write


def charts():
    rng, rows = Rng(11), []
    for i in range(250):
        a, b, c = rng.normal(), rng.normal(), rng.normal()
        shift = 1.5 if i >= 180 else 0.0
        rows.append([single(20.0 + 2.0 * a + shift), single(0.5 * a + b), single(0.1 * (a - b + c))])
    x = np.array(rows)
    phase = x[:80]
    mean, covariance = phase.mean(axis=0), np.cov(phase.T)
    inverse = np.linalg.inv(covariance)
    t2, mewma, average, lam = [], [], np.zeros(3), 0.1
    for i, row in enumerate(x):
        if i < len(phase):
            t2.append(None)
            mewma.append(None)
            continue
        d = row - mean
        average = lam * d + (1.0 - lam) * average
        t2.append(d @ inverse @ d)
        mewma.append(average @ inverse @ average * (2.0 - lam) / lam)
    columns = {f"x{i}": [row[i] for row in rows] for i in range(3)}
    write("spc", "vector_charts", "numpy, Hotelling 1947 and Lowry 1992, baseline from 80 samples", columns | {"t2": t2, "mewma": mewma})


charts()
