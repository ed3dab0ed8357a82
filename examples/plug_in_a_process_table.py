"""Use 3: plug in a new process table. A run is counted once, and priced on as many tables as there are.

python examples/plug_in_a_process_table.py [TABLE.yaml]
"""

import sys
from pathlib import Path

import hwsim

table = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("my_28nm.yaml")

network = hwsim.load_network("digits-mlp-int8")
run = hwsim.simulate(network, hwsim.load_dataset("digits"), execution="sparse")
counts = hwsim.count(run.activity, machine="zero-skipping-mac")

for each in map(hwsim.load_table, ("default_45nm", table)):
    energy = hwsim.price(counts, each)
    phases = ", ".join(f"{phase} {energy.of(phase) / counts.n_inference * 1e9:.3f}" for phase in energy.phases)
    print(f"{each.name:14} {energy.per_inference * 1e9:.2f} nJ per inference ({phases})")

print("\nWhere the prices of the synapse phase come from:")
priced = energy.to_dataframe().query("phase == 'synapse'")
print(priced[["operation", "format", "rule", "standing", "source"]].drop_duplicates().to_string(index=False))
