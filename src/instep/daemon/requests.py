"""What can be asked on the local socket: one JSON object in one line, told apart by its "method".

The answer is one line, `{"result": …}` or `{"error": {"text", "fix", "exit"}}`; a `watch` is answered by a
line `{"n": 1, "snapshot": …}` and then lines `{"n": N, "delta": …}`, where a delta holds the fields of the
status that changed. One request per connection; the asker's closing the connection ends the request.
"""

import msgspec

MAX_REQUEST_BYTES = 64 * 1024


class _Asked(msgspec.Struct, frozen=True, tag_field="method", forbid_unknown_fields=True):
    pass


class AskStatus(_Asked, frozen=True, tag="status"):
    """The status, once."""


class AskWatch(_Asked, frozen=True, tag="watch"):
    """The status, and then every change of it."""


class AskWait(_Asked, frozen=True, tag="wait"):
    """Answered when in step, or after `timeout` seconds: `{"done": bool, "outstanding": [text]}`."""

    timeout: float | None = None
    remote: str | None = None


class AskWhy(_Asked, frozen=True, tag="why"):
    """About the file at `path`, which is percent-encoded, since it need not be text. Answered
    `{"why": core.why.Why, "settled": bool}`."""

    path: str


class AskRemotes(_Asked, frozen=True, tag="remotes-changed"):
    """Remotes were added, removed, paused or resumed in git's configuration: take them up, then answer."""


class AskStop(_Asked, frozen=True, tag="stop"):
    """End the process cleanly: answered `{"pid": int}`; the connection closes when the process is gone."""


Request = AskStatus | AskWatch | AskWait | AskWhy | AskRemotes | AskStop

_decoder = msgspec.json.Decoder(Request)


def decode_request(line: bytes) -> Request:
    """The request in one line; raises `msgspec.DecodeError` (a ValidationError is one)."""
    try:
        return _decoder.decode(line)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("it holds text that is not UTF-8") from error
