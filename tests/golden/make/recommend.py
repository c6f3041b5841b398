"""The most similar of the vectors learnt before, by brute force."""

import numpy as np
from common import Rng, single, write

rng = Rng(61)
LEN, DEVICES, RATE, ALIKE = 300, 12, 0.125, 0.9375
xs, devices = [], []
for i in range(LEN):
    device = int(rng.uniform() * DEVICES)
    devices.append(device)
    xs.append([single(np.cos(device + 2.0 * j) + 0.3 * rng.normal()) for j in range(4)])
xs = np.array(xs)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


table, key, similarity = {}, [], []
for x, device in zip(xs, devices):
    near = max(((cosine(v, x), k) for k, v in table.items()), default=(None, None))
    similarity.append(near[0])
    key.append(near[1])
    table[device] = table[device] + RATE * (x - table[device]) if device in table else x
columns = {f"x{i}": xs[:, i] for i in range(4)} | {"key": devices, "device": key, "similarity": similarity}

past, action, alike, times = [], [], [], []
for x, device in zip(xs, devices):
    done = device % 4
    near = max(past, key=lambda e: cosine(e[0], x), default=None)
    action.append(near and near[1])
    alike.append(near and cosine(near[0], x))
    times.append(near and near[2])
    same = [e for e in past if e[1] == done and cosine(e[0], x) >= ALIKE]
    if same:
        entry = max(same, key=lambda e: cosine(e[0], x))
        entry[2] += 1
        entry[0] = entry[0] + (x - entry[0]) / entry[2]
    else:
        past.append([x, done, 1])
assert len(past) < 256
columns |= {"action": action, "alike": alike, "times": times}
write("recommend", "nearest", "numpy", columns)
