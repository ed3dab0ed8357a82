"""Where the views of results are: functions of the room above, named here and imported when they are asked for."""

from typing import Any

from hwsim.files.modules import named

VIEWS = {
    ("Comparison", "to_text"): "hwsim.report.text:comparison_text",
    ("Comparison", "write_html"): "hwsim.report.page:write_page",
    ("Breakdown", "to_text"): "hwsim.report.text:breakdown_text",
    ("Timing", "to_text"): "hwsim.report.timing:timing_text",
    ("Network", "to_text"): "hwsim.report.listing:network_text",
    ("Viewed", "to_text"): "hwsim.report.notebook:text",
    ("Viewed", "_repr_html_"): "hwsim.report.notebook:html",
}
"""By class and view, as "module:function"; that of a class holds for those that are made of it."""


class Viewed:
    """A result that shows itself, without knowing how."""

    def to_text(self) -> str:
        """The result as the command line prints it."""
        return str(shown(self, "to_text"))

    def _repr_html_(self) -> str:
        """The result in a notebook."""
        return str(shown(self, "_repr_html_"))


def shown(result: object, view: str, *arguments: Any) -> Any:
    """What the function that is named for a view of a result's class makes of the result."""
    name = next(VIEWS[each.__name__, view] for each in type(result).__mro__ if (each.__name__, view) in VIEWS)
    return named(name)(result, *arguments)
