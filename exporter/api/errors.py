"""What can go wrong between us and the API. Each text is safe to log: no key, URL or body in it."""


class ApiError(Exception):
    """The API did not give what was asked for.

    kind: a word for logs and the status page: `status`, `timeout`, `connection`, `invalid`, …
    """

    kind = "error"


class StatusError(ApiError):
    """An answer with a status other than 2xx, after all retries."""

    kind = "status"

    def __init__(self, status: int, code: str | None = None) -> None:
        self.status = status
        self.code = code
        super().__init__(f"the API answered {status}" + (f" ({code})" if code else ""))


class RequestTimeoutError(ApiError):
    """The request timed out before the response was complete."""

    kind = "timeout"


class UnreachableError(ApiError):
    """No connection, or one that broke off."""

    kind = "connection"


class InvalidResponseError(ApiError):
    """A 2xx that is not what the API documents, such as a field of a wrong type.

    counted: whether `isnotai_api_invalid_responses_total` has it already.
    """

    kind = "invalid"
    counted = False


class UnreadableBodyError(InvalidResponseError):
    """A 2xx whose body is no JSON, or larger than it may be; counted, and asked for again."""

    counted = True


class KeyMissingError(ApiError):
    """There is no key: its file is missing or empty. Nothing was sent."""

    kind = "no_key"


class KeyRefusedError(ApiError):
    """The API answered 401, or did so lately and it is not yet time to ask again."""

    kind = "key_refused"


class ThrottledError(ApiError):
    """The API asked for a pause that outlasts the poll, or the budget had no room. Nothing sent."""

    kind = "throttled"


class CursorRefusedError(ApiError):
    """The API did not take back a cursor of its own, or its cursors lead in a circle."""

    kind = "cursor"


class SliceTooLongError(CursorRefusedError):
    """A walk was broken off by us, since it has more pages than a slice should.

    As where a cursor is refused, half of the slice is tried; but nothing is wrong.
    """

    kind = "slice"


class EndlessListError(ApiError):
    """The pages of a list did not come to an end, though each said that more follow."""

    kind = "endless"
