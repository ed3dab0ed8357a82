"""The documentation's table of methods is that of the registry."""

import pathlib

from hwsim.train.method_table import method_table

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "training.md"


def test_the_page_has_the_table_of_what_is_registered():
    between = PAGE.read_text(encoding="utf-8").split("<!-- methods: begin -->\n")[1].split("<!-- methods: end -->")[0]
    assert between == method_table() + "\n", "put what method_table() returns between the two marks"
