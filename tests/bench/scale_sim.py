"""Lets SCALE-Sim 3.0.0 run the layers that tests/traffic/test_systolic.py holds its figures of.

It fails on NumPy 2.4, so it wants an environment of its own, which needs nothing of hwsim:

    python -m venv scale
    scale/bin/pip install scalesim==3.0.0 'numpy<2' 'pandas<3'
    scale/bin/python tests/bench/scale_sim.py

A line for each case and dataflow: cycles as reported, one fewer than there are, because it counts from 0; elements of
codes and weights read from its SRAM, and of outputs written.
"""

import csv
import io
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

DATAFLOWS = ("ws", "os", "is")

CONVOLUTIONS = {  # input height and width, kernel height and width, channels, outputs, stride; rows, columns
    "AlexNet conv1": ((227, 227, 11, 11, 3, 96, 4), (32, 32)),
    "convolution 2 to 4": ((6, 6, 3, 3, 2, 4, 1), (2, 2)),
    "convolution 3 to 5": ((7, 6, 3, 2, 3, 5, 2), (4, 3)),
    "convolution 1 to 7": ((5, 5, 2, 2, 1, 7, 1), (3, 5)),
}
PRODUCTS = {  # M, N, K; rows, columns
    "GEMM 256, 128, 256": ((256, 128, 256), (32, 32)),
    "GEMM 3, 6, 4": ((3, 6, 4), (2, 2)),
    "GEMM 5, 7, 9": ((5, 7, 9), (4, 3)),
    "GEMM 7, 5, 3": ((7, 5, 3), (2, 4)),
    "GEMM 1, 10, 17": ((1, 10, 17), (8, 4)),
    "GEMM 11, 2, 5": ((11, 2, 5), (3, 3)),
}

SETTINGS = """\
[general]
run_name = run
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {columns}
IfmapSramSzkB = 1024
FilterSramSzkB = 1024
OfmapSramSzkB = 1024
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Bandwidth = 10
Dataflow = {dataflow}
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""
LAYOUT = "layer," + ",".join(["factor"] * 20) + ",\n" + "layer," + ",".join(["1"] * 20) + ",\n"


def ran(folder, sizes, array, dataflow):
    """Cycles as reported, elements of codes, weights and outputs, and the array's mapping efficiency in percent."""
    from scalesim.scale_sim import scalesim

    rows, columns = array
    topology = "layer," + ",".join(["size"] * len(sizes)) + ",\n" + "layer," + ",".join(map(str, sizes)) + ",\n"
    texts = {"run.cfg": SETTINGS.format(rows=rows, columns=columns, dataflow=dataflow)}
    texts |= {"layer.csv": topology, "layout.csv": LAYOUT}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    paths = {key: str(folder / name) for key, name in zip(("config", "topology", "layout"), texts, strict=True)}
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        simulator = scalesim(True, False, input_type_gemm=len(sizes) == 3, **paths)
        simulator.run_scale(top_path=str(folder))
    compute, detail = (report(folder, f"{name}_REPORT.csv") for name in ("COMPUTE", "DETAILED_ACCESS"))
    elements = (int(float(detail[f"SRAM {what}"])) for what in ("IFMAP Reads", "Filter Reads", "OFMAP Writes"))
    return int(float(compute["Total Cycles"])), *elements, float(compute["Mapping Efficiency %"])


def report(folder, name):
    """The only line of a report, by column."""
    path = next(folder.rglob(name))
    heads, line = (row for row in csv.reader(path.read_text(encoding="utf-8").splitlines()))
    return {head.strip(): value.strip() for head, value in zip(heads, line, strict=True)}


def main():
    """Run all cases."""
    for name, (sizes, array) in (CONVOLUTIONS | PRODUCTS).items():
        for dataflow in DATAFLOWS:
            with tempfile.TemporaryDirectory() as folder:
                cycles, codes, weights, outputs, mapping = ran(Path(folder), sizes, array, dataflow)
            sys.stdout.write(f"{name}; {dataflow}; {cycles}; {codes}, {weights}, {outputs}; {mapping:.4f} %\n")


if __name__ == "__main__":
    main()
