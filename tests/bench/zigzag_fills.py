"""Lets ZigZag 3.9.1 run the mappings that tests/traffic/test_fills.py holds its figures of.

It wants an environment of its own, which needs nothing of hwsim:

    python -m venv zigzag
    zigzag/bin/pip install zigzag-dse==3.9.1 six
    zigzag/bin/python tests/bench/zigzag_fills.py

One multiplier, a buffer for weights and one for sums, a DRAM for everything, and a loop order that is fixed. A line for
each mapping: loops from inside to outside; what the two buffers hold; weights written into theirs; sums that go out of
theirs, and that come back. Ports are as wide as the numbers, so that words are numbers.
"""

import io
import logging
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import yaml

CONVOLUTION = {"K": 4, "C": 2, "OX": 4, "OY": 4, "FX": 3, "FY": 3}
PRODUCT = {"M": 6, "N": 4, "K": 5}  # codes M x K, weights K x N
LAYERS = {
    "convolution": {
        "operator_type": "Conv",
        "equation": "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]",
        "dimension_relations": ["ix=1*ox+1*fx", "iy=1*oy+1*fy"],
        "loop_dims": ["B", *CONVOLUTION],
        "loop_sizes": [1, *CONVOLUTION.values()],
        "pr_loop_dims": ["IX", "IY"],
        "pr_loop_sizes": [6, 6],
    },
    "product": {
        "operator_type": "Gemm",
        "equation": "O[m][n]+=I[m][k]*W[k][n]",
        "dimension_relations": [],
        "loop_dims": [*PRODUCT],
        "loop_sizes": [*PRODUCT.values()],
    },
}
MAPPINGS = (  # loops from inside to outside; weights and sums that the buffers hold
    ("convolution", "FX FY C OX OY K", 18, 1),
    ("convolution", "FX FY C OX OY K", 9, 1),
    ("convolution", "FX FY OX OY C K", 9, 16),
    ("convolution", "FX FY OX OY C K", 9, 4),
    ("convolution", "FX FY OX C OY K", 9, 4),
    ("convolution", "FX FY K OX OY C", 36, 64),
    ("convolution", "FX FY K OX OY C", 36, 4),
    ("convolution", "FX FY K OX OY C", 9, 4),
    ("product", "K N M", 20, 1),
    ("product", "K N M", 5, 1),
    ("product", "N K M", 4, 4),
    ("product", "N M K", 4, 24),
    ("product", "N M K", 4, 4),
    ("product", "M N K", 1, 6),
    ("product", "M K N", 5, 6),
)
WEIGHT, SUM = 8, 32  # bits


def memory(size, operands):
    """A memory of so many bits, and for each of its operands how wide its port is."""
    moves = {"I1": ("fh", "tl"), "I2": ("fh", "tl"), "O": ("fh", "tl", "fl", "th")}
    ports = [
        {
            "name": f"rw_port_{number}",
            "type": "read_write",
            "bandwidth_min": width,
            "bandwidth_max": width,
            "allocation": [f"{operand}, {move}" for move in moves[operand]],
        }
        for number, (operand, width) in enumerate(operands.items(), 1)
    ]
    plain = {"r_cost": 1.0, "w_cost": 1.0, "area": 0.0, "latency": 1, "served_dimensions": ["D1"]}
    return {"size": size, "operands": [*operands], "ports": ports, **plain}


def ran(folder, layer, order, n_weight, n_sum):
    """Weights that come in, sums that go out and that come back."""
    from zigzag.api import get_hardware_performance_zigzag
    from zigzag.mapping.data_movement import DataDirection

    everything = {"I1": WEIGHT, "I2": WEIGHT, "O": SUM}
    memories = {
        "weights": memory(n_weight * WEIGHT, {"I2": WEIGHT}),
        "sums": memory(n_sum * SUM, {"O": SUM}),
        "dram": memory(10**9, everything),
    }
    array = {"unit_energy": 1.0, "unit_area": 1.0, "dimensions": ["D1"], "sizes": [1]}
    sizes = CONVOLUTION if layer == "convolution" else PRODUCT
    loops = [[name, sizes[name]] for name in order.split()]
    links = {"O": "O", "W": "I2", "I": "I1"}
    mapping = {"name": "default", "spatial_mapping": {"D1": [f"{loops[0][0]}, 1"]}, "memory_operand_links": links}
    precision = {"W": WEIGHT, "I": WEIGHT, "O": SUM, "O_final": SUM}
    source = {"I": 0}
    documents = {
        "accelerator": {"name": "one", "memories": memories, "operational_array": array},
        "mapping": [mapping | {"temporal_ordering": loops}],
        "workload": [
            {"id": 0, "name": layer, "operand_precision": precision, "operand_source": source, **LAYERS[layer]}
        ],
    }
    for name, document in documents.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    paths = {name: str(folder / f"{name}.yaml") for name in documents}
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        found = get_hardware_performance_zigzag(**paths, dump_folder=str(folder), loma_show_progress_bar=False)
    evaluation = found[2][0][1][0][0]
    weights, sums = (levels[0] for levels in (evaluation.memory_word_access[name] for name in operands_of(evaluation)))
    into, out_of = DataDirection.WR_IN_BY_HIGH, DataDirection.RD_OUT_TO_HIGH
    return weights.get(into), sums.get(out_of), sums.get(into)


def operands_of(evaluation):
    """Its names of weights and outputs."""
    return sorted((each for each in evaluation.memory_word_access if str(each) in "WO"), key=str, reverse=True)


def main():
    """Run all mappings."""
    logging.disable(logging.CRITICAL)
    for case in MAPPINGS:
        with tempfile.TemporaryDirectory() as folder:
            found = ran(Path(folder), *case)
        sys.stdout.write(f"{'; '.join(map(str, (*case, *found)))}\n")


if __name__ == "__main__":
    main()
