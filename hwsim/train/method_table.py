"""The training methods as the documentation lists them."""

from collections.abc import Iterable

from hwsim.train.methods import METHODS, Method


def method_table(methods: Iterable[Method] | None = None) -> str:
    """A row for each method, and below them their papers, in Markdown.

    Parameters
    ----------
    methods : iterable of Method, optional
        All that are registered unless given.
    """
    chosen = list(METHODS.values() if methods is None else methods)
    head = ["| method | weights | format in the network | options |", "|---|---|---|---|"]
    rows = [f"| `{each.name}` | {each.sentence} | {each.format} | {_options(each)} |" for each in chosen]
    papers: dict[str, list[str]] = {}
    for each in chosen:
        papers.setdefault(each.paper, []).append(f"`{each.name}`")
    sources = [f"- {', '.join(names)}: {paper}" for paper, names in papers.items()]
    return "\n".join([*head, *rows, "", "Sources:", "", *sources])


def _options(method: Method) -> str:
    return ", ".join(f"`--{option.dashed}`" for option in method.options)
