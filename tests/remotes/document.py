"""The tables of docs/link-protocol.md as the code has them. `python -m tests.remotes.document` prints."""

from typing import get_args

from msgspec import inspect

from instep.remotes.frames import Frame

TABLE_HEAD = "| field | type | default |\n| --- | --- | --- |\n"


def frame_types() -> list[type]:
    """All frames, by number."""
    return sorted(get_args(Frame), key=number)


def number(frame: type) -> int:
    info = inspect.type_info(frame)
    assert isinstance(info, inspect.StructType)
    assert isinstance(info.tag, int)
    return info.tag


def heading(frame: type) -> str:
    return f"### {number(frame)} {frame.__name__}\n"


def table(frame: type) -> str:
    """What the document says of a frame's fields, character by character."""
    info = inspect.type_info(frame)
    assert isinstance(info, inspect.StructType)
    rows = [f"| `{field.name}` | {describe(field.type)} | {_default(field)} |\n" for field in info.fields]
    return TABLE_HEAD + "".join(rows)


def describe(kind: inspect.Type) -> str:  # noqa: PLR0911 - one line for each kind
    """One type and its limits, in words."""
    match kind:
        case inspect.IntType():
            return f"int {_span(kind.ge, kind.le)}"
        case inspect.BoolType():
            return "bool"
        case inspect.StrType():
            pattern = f", `{kind.pattern}`" if kind.pattern else ""
            return f"str, {_span(kind.min_length, kind.max_length)} characters{pattern}"
        case inspect.BytesType():
            if kind.max_length is None:
                return "bin"
            return f"bin, {_span(kind.min_length, kind.max_length)} bytes"
        case inspect.VarTupleType():
            return f"array of {_span(kind.min_length, kind.max_length)}: {describe(kind.item_type)}"
        case inspect.NamedTupleType():
            inner = "; ".join(f"`{field.name}` {describe(field.type)}" for field in kind.fields)
            return f"[{inner}]"
        case inspect.UnionType():
            return " or ".join(describe(part) for part in kind.types)
        case inspect.NoneType():
            return "nil"
        case inspect.LiteralType():
            return "one of " + ", ".join(f"`{value}`" for value in kind.values)
        case _:
            raise AssertionError(f"no words for {kind}")


def _span(least: int | float | None, most: int | float | None) -> str:
    return f"{_figure(least or 0)} to {_figure(most)}"


def _figure(value: int | float | None) -> str:
    assert value is not None, "a field without a bound"
    return "2^63-1" if value == 2**63 - 1 else str(value)


def _default(field: inspect.Field) -> str:
    if field.required:
        return ""
    value: object = field.default
    match value:
        case bool():
            return str(value).lower()
        case int():
            return _figure(value)
        case "":
            return "empty"
        case _:
            assert value in (b"", ())
            return "none"


if __name__ == "__main__":
    for each in frame_types():
        print(heading(each) + "\n" + table(each))
