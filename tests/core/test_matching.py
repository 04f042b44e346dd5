"""File matching expressions; the differential test against git-annex is tests/annex/test_against_annex.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.matching import MalformedExpression, Mime, UnknownTerm, parse
from instep.core.types import RelPath


def matches(expression: str, path: str = "a", size: int = 1) -> bool:
    return parse(expression).matches(RelPath(path.encode(errors="surrogateescape")), size)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("", True),
        (" ", True),
        ("not not nothing", False),
        ("anything nothing", False),
        ("nothing or anything", True),
        ("anything or nothing and nothing", False),
        ("nothing and nothing or anything", True),
        ("not nothing and anything", True),
        ("not nothing nothing", False),
        ("not(nothing or anything)", False),
        ("not (nothing) or nothing", True),
        ("nothing (anything) or anything", True),
        ("anything or (nothing and nothing)", True),
        ("((include=*.c)or(include=*.h))", False),
    ],
)
def test_grammar(expression: str, result: bool) -> None:
    assert matches(expression) is result


@pytest.mark.parametrize(
    ("glob", "path", "result"),
    [
        ("*.bin", "a/b/c.bin", True),
        ("*.bin", ".bin", True),
        ("a/*", "a", False),
        ("a/*", "a/b/c", True),
        ("**/c", "a/b/c", True),
        ("a?b", "a/b", True),
        ("a?b", "aéb", True),
        ("a?b", "aéäb", False),
        ("[ab]*", "b1", True),
        ("[a-c]", "c", True),
        ("[!a-c]", "d", True),
        ("[^x]", "x", False),
        ("[a-]", "-", True),
        ("a]", "a]", True),
        ("[a-c-e]", "-", True),
        ("[a-c-e]", "d", False),
        ("[]a]", "]", True),
        ("[]a]", "\\", True),
        ("[!]a]", "]", False),
        ("[a]]", "a]", True),
        ("[[:alpha:]]", "é", False),
        ("[[:alpha:]]", "Q", True),
        ("[[:digit:]x]", "7", True),
        ("[\\a]", "\\", True),
        ("\\*", "\\x", True),
        ("\\a", "a", False),
        ("a\\", "a\\\\", True),
        ("a\\", "a", False),
        ("\\\\", "\\", False),
        ("./a", "a", False),
        ("A", "a", False),
        ("*a*b*c", "xaybzc", True),
        ("*a*b*c", "xaybzcd", False),
        ("*ab", "aab", True),
        ("*aba*", "ababa", True),
        ("a*a", "a", False),
        ("*\udcff", "x\udcff", True),
        ("*", "new\nline", True),
        ("", "a", False),
    ],
)
def test_globs(glob: str, path: str, result: bool) -> None:
    assert matches(f"include={glob}", path) is result
    assert matches(f"exclude={glob}", path) is not result


def test_what_libmagic_says_is_asked_for_once_it_is_needed() -> None:
    matcher = parse("largerthan=10 and (mimetype=text/* or mimeencoding=binary)")
    assert matcher.needs_mime
    assert not matcher.matches(RelPath(b"a"), 1, lambda: pytest.fail("nobody needs it"))
    assert matcher.matches(RelPath(b"a"), 11, lambda: Mime("text/plain", "us-ascii"))
    assert not matcher.matches(RelPath(b"a"), 11, lambda: Mime("image/png", "utf-8"))
    assert not parse("mimetype=Text/*").matches(RelPath(b"a"), 11, lambda: Mime("text/plain", "us-ascii"))
    assert not parse("include=*").needs_mime


def test_a_glob_takes_no_exponential_time() -> None:
    assert not matches("include=" + "*a" * 100 + "b", "a" * 4000)


@pytest.mark.parametrize(
    ("size", "is_bytes"),
    [
        ("0", 0),
        ("1k", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("1Ki", 1024),
        ("1M", 10**6),
        ("2mib", 2 << 20),
        ("1.5kilobyte", 1500),
        ("3gigabytes", 3 * 10**9),
        ("1kibibyte", 1024),
        ("7byte", 7),
        ("1YiB", 1 << 80),
        ("0.5", 0),
        ("1.5", 2),
        ("2.5", 2),
        ("-1", -1),
    ],
)
def test_sizes(size: str, is_bytes: int) -> None:
    assert not matches(f"largerthan={size}", size=is_bytes)
    assert matches(f"largerthan={size}", size=is_bytes + 1)
    assert not matches(f"smallerthan={size}", size=is_bytes)
    assert matches(f"smallerthan={size}", size=is_bytes - 1)


@pytest.mark.parametrize(
    "size", ["", "x", "1bit", "1kbit", "1 kb", "1.", ".5", "1kb2", "9" * 30, "1ii", "1xib"]
)
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(MalformedExpression):
        parse(f"largerthan={size}")


@pytest.mark.parametrize(
    "term",
    [
        "copies=2",
        "present",
        "AND",
        "!",
        "anything=",
        "include",
        "include=[",
        "include=[a",
        "include=[!]",
        "include=[z-a]",
        "include=[a--]",
        "include=[[:alpha:]",
        "include=[[:nonsense:]]",
        "include=[[.a.]]",
        "mimetype=[",
    ],
)
def test_what_is_not_understood_is_said_and_never_guessed(term: str) -> None:
    with pytest.raises(UnknownTerm) as caught:
        parse(f"anything or {term}")
    assert caught.value.term == term
    assert term in str(caught.value)


_MONSTERS = ["(" * 500 + "anything" + ")" * 500, "not " * 500 + "anything", "anything or " * 5000 + "nothing"]


@pytest.mark.parametrize("expression", _MONSTERS, ids=["groups", "not", "or"])
def test_a_monstrous_expression_is_refused(expression: str) -> None:
    with pytest.raises(MalformedExpression):
        parse(expression)


@pytest.mark.parametrize("expression", ["(anything", "anything)", "((nothing) or anything"])
def test_parentheses_that_do_not_match(expression: str) -> None:
    with pytest.raises(MalformedExpression, match="parentheses do not match"):
        parse(expression)


_DANGLING = ["()", "and", "not", "or nothing", "nothing and", "anything and or nothing", "(not)", ")", "("]


@pytest.mark.parametrize("expression", _DANGLING)
def test_operators_with_nothing_to_work_on(expression: str) -> None:
    with pytest.raises(MalformedExpression, match="nothing to work on"):
        parse(expression)


@given(st.text(max_size=60), st.text(max_size=20), st.integers(0, 2**40))
def test_any_text_is_answered_or_refused(expression: str, path: str, size: int) -> None:
    try:
        matcher = parse(expression)
    except MalformedExpression:
        return
    assert isinstance(matcher.matches(RelPath(path.encode(errors="surrogatepass")), size), bool)
