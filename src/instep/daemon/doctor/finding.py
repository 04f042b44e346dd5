"""What a check found: all well, or one of the declared conditions."""

from dataclasses import dataclass

from instep.core.health import CONDITIONS


@dataclass(frozen=True, slots=True)
class Finding:
    """`severity` is "good", or that of the condition `code`; `subject` is what the condition is about."""

    severity: str
    text: str
    fix: str = ""
    code: str = ""
    subject: str = ""


def good(text: str) -> Finding:
    """All is well, with what was seen."""
    return Finding("good", text)


def trouble(code: str, subject: str = "", detail: str = "") -> Finding:
    """A declared condition holds."""
    condition = CONDITIONS[code]
    return Finding(
        condition.severity,
        condition.sentence(subject, detail),
        condition.way_out(subject, detail),
        code,
        subject,
    )
