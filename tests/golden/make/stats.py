"""Statistics."""

from common import Rng, single, write


def ew_mean_var():
    rng = Rng(1)
    xs = [single(5.0 + 2.0 * rng.normal() + (20.0 if i == 150 else 0.0)) for i in range(300)]
    n, mean, var, means, variances = 0, 0.0, 0.0, [], []
    for x in xs:
        n = min(n + 1, 50)
        a, d = 1.0 / n, x - mean
        mean += a * d
        var = (1.0 - a) * (var + a * d * d)
        means.append(mean)
        variances.append(var)
    write("stats", "ew_mean_var", "Finch 2009, equations 124 and 143 with a = max(1/n, 1/50)", {"x": xs, "mean": means, "var": variances})


ew_mean_var()
