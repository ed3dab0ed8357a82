"""YAML without what it lets slip: keys written twice, aliases, tags, numbers in base 8 or 60, what has no end."""

import datetime
import time
from typing import Any

import yaml

from hwsim.errors import harmless

LONGEST_NUMBER = 400
"""Whole numbers of more digits are refused."""
DEEPEST = 40
"""Lists and mappings inside one another beyond so many are refused."""
LONGEST = 8.0
"""What takes longer to read is refused; other processes do not count. [s]"""


class Loader(yaml.SafeLoader):
    """SafeLoader that refuses all that."""

    depth = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.end = time.thread_time() + LONGEST

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse before anything is built."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases (*name) are not allowed; write the value out"
        elif getattr(event, "tag", None) is not None:
            problem = f"tags ({event.tag}) are not allowed; take the tag (!...) out"
        elif self.depth == DEEPEST:
            problem = f"more than {DEEPEST} lists and mappings inside one another; write it as the other files are"
        elif time.thread_time() > self.end:
            problem = f"the file up to here takes {LONGEST:g} s to read; no file of hwsim's does, so give another"
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        problem = "written twice; keep one of the two" if isinstance(key, str) and key in result else None
        if key_node.tag == MERGE:
            problem = "keys are not merged here; write them out"
        elif not isinstance(key, str):
            problem = f"is not text; write it in quotes: '{key}'"
        if problem:
            raise yaml.MarkedYAMLError(problem=f"{key}: {problem}", problem_mark=key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


def _text_of(loader: Loader, node: yaml.ScalarNode) -> str:
    """Text that can be printed: names are shown on terminals, which obey some characters."""
    text = str(loader.construct_yaml_str(node))
    if harmless(text) != text:
        problem = f"{text[:80]!r}: text with control characters; take them out"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return text


def _integer(loader: Loader, node: yaml.ScalarNode) -> int:
    """A whole number in decimal; YAML 1.1 reads 010 as 8 and 1:30 as 90."""
    if len(node.value) > LONGEST_NUMBER:
        problem = f"a number of {len(node.value)} digits; write at most {LONGEST_NUMBER}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    value = loader.construct_yaml_int(node)
    if node.value.lstrip("+-").replace("_", "") != str(abs(value)):
        problem = f"{node.value}: YAML reads it as {value}; write a decimal number, or put text in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return int(value)


def _date(loader: Loader, node: yaml.ScalarNode) -> datetime.date:
    """A date, to be named as such where a text or a number is expected."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        problem = f"{node.value}: YAML reads it as a date ({error}); put it in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


def _real(loader: Loader, node: yaml.ScalarNode) -> float:
    if ":" in node.value:
        problem = f"{node.value}: YAML reads it in base 60; write a decimal number, or put text in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return float(loader.construct_yaml_float(node))


MERGE = "tag:yaml.org,2002:merge"
"""Of the key `<<`."""
Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
Loader.add_constructor("tag:yaml.org,2002:str", _text_of)
Loader.add_constructor(MERGE, _text_of)  # `<<` and `=` are text like any other
Loader.add_constructor("tag:yaml.org,2002:value", _text_of)
Loader.add_constructor("tag:yaml.org,2002:int", _integer)
Loader.add_constructor("tag:yaml.org,2002:float", _real)
