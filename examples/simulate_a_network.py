"""Use 1: simulate a trained network. What happened, what the hardware did, what it cost, step by step.

python examples/simulate_a_network.py
"""

import hwsim

network = hwsim.load_network("digits-mlp-rounding")
data = hwsim.load_dataset("digits", split="test")

for execution, machine in (
    ("dense", "mac-array"),
    ("sparse", "rounding-adder"),
    ("delta", "sigma-delta-adder"),
):
    run = hwsim.simulate(network, data, execution=execution)  # what happened
    counts = hwsim.count(run.activity, machine=machine)  # what the hardware did
    energy = hwsim.price(counts, table="default_45nm")  # what it cost
    n = counts.n_inference
    print(
        f"{execution:6} accuracy {run.accuracy:.2%}"
        f"  synapse: {counts.total('synapse', 'addition') / n:8,.1f} additions,"
        f" {counts.total('synapse', 'multiplication') / n:8,.1f} multiplications per inference"
        f"  {energy.per_inference * 1e9:6.2f} nJ per inference, {energy.of('memory') / energy.total:.0%} in memory"
    )

print("\nThe last one, layer by layer:")
print(run.activity.to_dataframe().to_string(index=False))
