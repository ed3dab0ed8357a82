"""How many of ONNX's own tests of operators hwsim passes: python tests/bench/onnx_node_tests.py [--all | --reasons].

Of those in tests/onnx_file/node_tests.txt, which use documented operators only; with ``--all`` of all that the wheel
carries; with ``--reasons`` each that is refused, and why.
"""

import pathlib
import sys
import tempfile
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from node_tests import every, listed, outcome


def main():
    names = every() if "--all" in sys.argv[1:] else list(listed())
    with tempfile.TemporaryDirectory() as folder:
        found = {name: outcome(name, pathlib.Path(folder)) for name in names}
    for name, (status, remark) in found.items():
        if status == "wrong" or (status == "refused" and "--reasons" in sys.argv[1:]):
            print(f"{name}: {status}: {remark}")
    numbers = Counter(status for status, _ in found.values())
    print(f"{numbers['pass']} of {len(names)} pass: " + ", ".join(f"{n} {status}" for status, n in numbers.items()))
    return int(numbers["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
