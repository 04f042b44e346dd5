"""The error that a person reads: one sentence, and the way out.

Every error that instep raises for a person derives from `InstepError`. The command line prints `text` and
`fix` and ends with `exit_code`; the local socket carries the same three.
"""

from typing import cast


class InstepError(Exception):
    """`text`: one sentence of what is wrong. `fix`: what to do next ("" if the text says it).

    `exit_code` is 2 (wrong usage or an error) unless a subclass or the caller says otherwise;
    1 means "the answer is no".
    """

    exit_code: int = 2

    def __init__(self, text: str, fix: str = "", *, exit_code: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.fix = fix
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return self.text


def error_sentence(error: BaseException) -> str:
    """What a person should read of an error: its sentence, or its kind and words; of a group, the first."""
    if isinstance(error, BaseExceptionGroup):
        return error_sentence(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    if isinstance(error, InstepError):
        return error.text
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
