"""Areas and volumes under curves: prints the cases of agent/src/eval/curves.rs.

vus (Apache-2.0) asks for tensorflow, its metrics do not: they are taken from the package's file.
"""

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import types

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

sys.modules["tqdm"] = types.ModuleType("tqdm")
sys.modules["tqdm"].tqdm = None
with tempfile.TemporaryDirectory() as folder:
    wanted = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "vus==0.0.6", "-d", folder]
    subprocess.run([sys.executable, "-m", "pip", *wanted], check=True)
    tarfile.open(folder + "/vus-0.0.6.tar.gz").extractall(folder, filter="data")
    spec = importlib.util.spec_from_file_location("metrics", folder + "/vus-0.0.6/vus/utils/metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

CASES = [
    (400, [(100, 139)], False, 20),
    (1000, [(50, 69), (300, 305), (700, 799)], False, 40),
    (1000, [(0, 9), (100, 104), (112, 118), (990, 999)], False, 33),
    (1000, [(200, 240), (600, 640)], True, 25),
    (300, [(100, 180)], True, 0),
]


def rows(count, events, quantised):
    state, scores = 1, []
    for row in range(count):
        state = (state * 1103515245 + 12345) % (1 << 31)
        score = np.float32(state >> 11) / np.float32(1 << 20)
        if any(first + 3 <= row <= last + 5 for first, last in events):
            score += np.float32(0.5)
        scores.append(np.floor(score * 8) / 8 if quantised else score)
    labels = np.zeros(count)
    for first, last in events:
        labels[first : last + 1] = 1
    return np.array(scores, dtype=np.float32), labels


for count, events, quantised, buffer in CASES:
    scores, labels = rows(count, events, quantised)
    *_, roc, pr = module.metricor().RangeAUC_volume_opt(labels, scores, buffer)
    ap, auc = average_precision_score(labels, scores), roc_auc_score(labels, scores)
    print(f"let (scores, events) = golden({count}, &{events}, {str(quantised).lower()});")
    print(f"let a = Areas::new(&scores, &events, {buffer}).unwrap();")
    print(f"assert!(near(a.vus_pr, {pr:.9}) && near(a.vus_roc, {roc:.9}), \"{{a:?}}\");")
    print(f"assert!(near(a.auc_pr, {ap:.9}) && near(a.auc_roc, {auc:.9}), \"{{a:?}}\");")
