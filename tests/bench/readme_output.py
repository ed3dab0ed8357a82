"""Put what `hwsim compare` prints into README.md, between its markers: python tests/bench/readme_output.py."""

import os
import pathlib
import subprocess
import sys
import tempfile

README = pathlib.Path(__file__).parents[2] / "README.md"
MARKS = ("<!-- compare: begin -->", "<!-- compare: end -->")


def main():
    with tempfile.TemporaryDirectory() as folder:
        command = [pathlib.Path(sys.executable).with_name("hwsim"), "compare"]
        printed = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=folder, env={**os.environ, "COLUMNS": "120"}
        ).stdout
    table, _, rest = printed.partition("\n* ")
    shown = table.rstrip() + "\n\n* " + rest.split("\n\n")[0].rstrip() + "\n..."
    text = README.read_text()
    before, after = text.split(MARKS[0])
    README.write_text(f"{before}{MARKS[0]}\n```\n{shown}\n```\n{MARKS[1]}{after.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
