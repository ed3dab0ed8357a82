"""Where the command line begins: `hwsim`, or `python -m hwsim`."""

import sys

from hwsim.errors import INTERRUPTED


def main() -> None:
    """Run the command line; an interrupt is one line, also while modules are being loaded."""
    try:
        from hwsim.cli import main as run

        run()
    except KeyboardInterrupt:
        print("hwsim: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
