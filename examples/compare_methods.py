"""Use 2: compare energy across methods, on one data set, against a named baseline.

python examples/compare_methods.py [DATA] [REPORT.html]
"""

import sys

import hwsim

name = sys.argv[1] if len(sys.argv) > 1 else "digits"
page = sys.argv[2] if len(sys.argv) > 2 else "hwsim-report.html"

study = hwsim.compare(
    networks=[f"{name}-mlp", f"{name}-mlp-int8"],
    machines=["mac-array", "mac-array-gated", "zero-skipping-mac", "delta-mac"],
    tables=["default_45nm", "horowitz_2014_45nm"],
    data=hwsim.load_dataset(name, split="test"),
    baseline=(f"{name}-mlp", "mac-array"),
    per_frame=True,
)
print(study.to_text())
study.write_html(page)
print(f"wrote {page}")
