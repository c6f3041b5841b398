"""Sketches: how far Apache DataSketches is off on streams that both can make."""

import datasketches

from common import Rng, write


def hyperloglog():
    """Different keys from seed; 1024 registers."""
    columns = {"seed": [], "different": [], "estimate": []}
    # Below some hundred keys DataSketches keeps a list of them and is no HyperLogLog yet.
    for different in [1000, 3000, 20_000]:
        for seed in range(25):
            rng, sketch = Rng(seed * 1000 + different), datasketches.hll_sketch(10, datasketches.tgt_hll_type.HLL_8)
            for _ in range(different):
                sketch.update(rng.next_u64() >> 1)
            columns["seed"].append(seed * 1000 + different)
            columns["different"].append(different)
            columns["estimate"].append(sketch.get_estimate())
    write("sketch", "hyperloglog", "datasketches.hll_sketch, lg_k 10", columns)


def count_min():
    """4 rows of 128: mean and largest over-estimate over all keys of a stream of 20,000."""
    columns = {"seed": [], "mean": [], "max": []}
    for seed in range(20):
        rng, sketch, exact = Rng(seed), datasketches.count_min_sketch(4, 128), {}
        for _ in range(20_000):
            # The product of two uniform numbers: small keys are frequent.
            key = int(2000 * rng.uniform() * rng.uniform())
            exact[key] = exact.get(key, 0) + 1
            sketch.update(key)
        over = [sketch.get_estimate(key) - count for key, count in exact.items()]
        columns["seed"].append(seed)
        columns["mean"].append(sum(over) / len(over))
        columns["max"].append(max(over))
    write("sketch", "count_min", "datasketches.count_min_sketch, 4 x 128", columns)


hyperloglog()
count_min()
