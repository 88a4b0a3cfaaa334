"""The part of PromQL that the shipped rules use, as a tree.

Source of the grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

MINUTE = 60.0
PART = re.compile(r"(\d+)([smhdw])")
DURATION = re.compile(rf"(?:{PART.pattern})+")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
VECTOR, SCALAR, RANGE, TEXT = "a vector", "a scalar", "a range", "a text"
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "time": (),
    "scalar": (VECTOR,),
    "vector": (SCALAR,),
    "timestamp": (VECTOR,),
    "ln": (VECTOR,),
    "sqrt": (VECTOR,),
    "clamp_min": (VECTOR, SCALAR),
    "clamp_max": (VECTOR, SCALAR),
    "label_replace": (VECTOR, TEXT, TEXT, TEXT, TEXT),
    "sum_over_time": (RANGE,),
    "count_over_time": (RANGE,),
    "avg_over_time": (RANGE,),
    "max_over_time": (RANGE,),
    "last_over_time": (RANGE,),
    "quantile_over_time": (SCALAR, RANGE),
}
"""What each function that is known takes.
Source: https://prometheus.io/docs/prometheus/latest/querying/functions/"""
AGGREGATIONS: Mapping[str, tuple[str, ...]] = {
    "sum": (VECTOR,),
    "max": (VECTOR,),
    "min": (VECTOR,),
    "count": (VECTOR,),
    "topk": (SCALAR, VECTOR),
    "quantile": (SCALAR, VECTOR),
}
LEVELS = (("or",), ("and", "unless"), ("==", "!=", "<=", "<", ">=", ">"), ("+", "-"), ("*", "/"))
TOKEN = re.compile(
    r"\s+|(?P<string>\"[^\"]*\")|(?P<duration>\d+[smhdw](?:\d+[smhdw])*)\b"
    r"|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?P<name>[a-zA-Z_][a-zA-Z0-9_:]*)"
    r"|(?P<operator>==|!=|<=|>=|=~|!~|[-+*/<>=(){}\[\],:])"
)


class UnknownExpressionError(Exception):
    """The expression uses what is not known here; the message says what."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """offset: minutes. matchers: (label, operator, value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """The last `minutes` of an expression; step: of a subquery, in minutes."""

    of: "Node"
    minutes: int
    step: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    name: str
    by: tuple[str, ...]
    of: "Node"
    parameter: "Node | None" = None


@dataclass(frozen=True, slots=True)
class Binary:
    """on: None where all labels must match."""

    operator: str
    left: "Node"
    right: "Node"
    on: tuple[str, ...] | None = None
    many: str = ""
    gives_bool: bool = False


Node = Number | Text | Selector | Range | Call | Aggregation | Binary


@cache
def parse(text: str) -> Node:
    """The tree of an expression. Raises UnknownExpressionError."""
    parser = _Parser(text)
    node = parser.binary(0)
    if parser.tokens:
        raise UnknownExpressionError(f"{parser.tokens[0][1]!r} is not understood")
    return node


def minutes(text: str) -> int:
    """A Prometheus duration in whole minutes, at least one unless it is 0.

    Raises UnknownExpressionError.
    """
    if not DURATION.fullmatch(text):
        raise UnknownExpressionError(f"{text!r} is no duration such as 5m or 1h30m")
    seconds = sum(int(n) * UNITS[unit] for n, unit in PART.findall(text))
    return max(1, round(seconds / MINUTE)) if seconds else 0


def kind(node: Node) -> str:
    """What an expression gives: VECTOR, SCALAR, RANGE or TEXT."""
    match node:
        case Number():
            return SCALAR
        case Text():
            return TEXT
        case Range():
            return RANGE
        case Call():
            return SCALAR if node.name in ("scalar", "time") else VECTOR
        case Binary():
            both = {kind(node.left), kind(node.right)}
            return SCALAR if both == {SCALAR} else VECTOR
        case _:
            return VECTOR


def read_series(node: Node) -> Iterator[Selector]:
    """All that an expression reads."""
    match node:
        case Selector():
            yield node
        case Range() | Aggregation():
            yield from read_series(node.of)
            if isinstance(node, Aggregation) and node.parameter:
                yield from read_series(node.parameter)
        case Call():
            for one in node.arguments:
                yield from read_series(one)
        case Binary():
            yield from read_series(node.left)
            yield from read_series(node.right)


def selectors(node: Node) -> set[str]:
    """The names of all series that an expression reads."""
    return {one.name for one in read_series(node)}


@dataclass
class _Parser:
    text: str
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = 0
        while at < len(self.text):
            found = TOKEN.match(self.text, at)
            if found is None:
                raise UnknownExpressionError(f"{self.text[at : at + 20]!r} is not understood")
            if found.lastgroup is not None:
                self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def binary(self, level: int) -> Node:
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in LEVELS[level]:
            operator = self.next()
            gives_bool = self.accept("bool")
            on, many = None, ""
            if self.accept("on"):
                on = self.names()
            for side in ("group_left", "group_right"):
                if self.accept(side):
                    many = side
                    if self.peek() == "(":
                        self.names()
            right = self.binary(level + 1)
            left = Binary(operator, left, right, on, many, gives_bool)
        return left

    def unary(self) -> Node:
        if self.accept("-"):
            return Binary("*", Number(-1), self.unary())
        return self.suffixed(self.atom())

    def atom(self) -> Node:
        if not self.tokens:
            raise UnknownExpressionError("the expression ends too early")
        kind, text = self.tokens.pop(0)
        if text == "(":
            node = self.binary(0)
            self.expect(")")
            return node
        if kind == "number":
            return Number(float(text))
        if kind == "string":
            return Text(text[1:-1])
        if kind != "name":
            raise UnknownExpressionError(f"{text!r} is not understood")
        if text in AGGREGATIONS and self.peek() in ("by", "("):
            return self.aggregation(text)
        if self.accept("("):
            if text not in FUNCTIONS:
                raise UnknownExpressionError(f"the function {text} is not known")
            return Call(text, self.arguments(text, FUNCTIONS[text]))
        return Selector(text, self.matchers())

    def aggregation(self, name: str) -> Node:
        by = self.names() if self.accept("by") else ()
        self.expect("(")
        *parameter, of = self.arguments(name, AGGREGATIONS[name])
        return Aggregation(name, by, of, parameter[0] if parameter else None)

    def arguments(self, name: str, wanted: tuple[str, ...]) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.accept(")"):
            found.append(self.binary(0))
            self.accept(",")
        if tuple(map(kind, found)) != wanted:
            raise UnknownExpressionError(f"{name} takes {', '.join(wanted) or 'nothing'}")
        return tuple(found)

    def matchers(self) -> tuple[tuple[str, str, str], ...]:
        found: list[tuple[str, str, str]] = []
        if self.accept("{"):
            while not self.accept("}"):
                label, operator, text = self.next(), self.next(), self.next()[1:-1]
                try:
                    re.compile(text)
                except re.error as error:
                    raise UnknownExpressionError(f"{text!r} is no pattern: {error}") from None
                found.append((label, operator, text))
                self.accept(",")
        return tuple(found)

    def suffixed(self, node: Node) -> Node:
        if self.accept("["):
            span, step = minutes(self.next()), 1
            if self.accept(":"):
                step = minutes(self.next()) if self.peek() != "]" else 1
            self.expect("]")
            node = Range(node, span, step)
        if self.accept("offset"):
            offset = minutes(self.next())
            if isinstance(node, Selector):
                node = Selector(node.name, node.matchers, offset)
            elif isinstance(node, Range):
                node = Range(node.of, node.minutes, node.step, offset)
            else:
                raise UnknownExpressionError("an offset of this is not known")
        return node

    def names(self) -> tuple[str, ...]:
        self.expect("(")
        found: list[str] = []
        while not self.accept(")"):
            found.append(self.next())
            self.accept(",")
        return tuple(found)

    def peek(self) -> str:
        return self.tokens[0][1] if self.tokens else ""

    def next(self) -> str:
        if not self.tokens:
            raise UnknownExpressionError("the expression ends too early")
        return self.tokens.pop(0)[1]

    def accept(self, text: str) -> bool:
        if self.peek() == text and self.tokens[0][0] != "string":
            self.tokens.pop(0)
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise UnknownExpressionError(f"{text!r} is missing before {self.peek()!r}")
