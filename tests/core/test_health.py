"""Every declared condition reads well."""

import pytest

from instep.core.health import CONDITIONS


@pytest.mark.parametrize("code", sorted(CONDITIONS))
def test_every_condition_has_words_and_a_way_out(code: str) -> None:
    condition = CONDITIONS[code]
    text, fix = condition.sentence("S", "D"), condition.way_out("S", "D")
    assert text.endswith((".", "D"))
    assert fix
    assert "{" not in text + fix
    assert condition.code == code
    assert condition.blocks is (condition.severity == "attention")


@pytest.mark.parametrize("subject", ["{detail}", "a{0}b", "{"])
def test_names_with_braces_are_only_names(subject: str) -> None:
    assert subject in CONDITIONS["file-unreadable"].sentence(subject, "{subject}")
