"""What a person reads of an error."""

from instep.core.errors import InstepError, error_sentence


def test_the_sentence_of_an_error() -> None:
    assert error_sentence(InstepError("words", "fix")) == "words"
    assert error_sentence(ValueError("x")) == "ValueError: x"
    assert error_sentence(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert error_sentence(ExceptionGroup("g", [ExceptionGroup("h", [InstepError("inner")])])) == "inner"
