"""The API's errors: each has a word of its own for logs and the status page."""

from exporter.api import errors
from exporter.api.errors import ApiError


def test_every_error_is_an_api_error_with_its_own_word() -> None:
    kinds = [
        error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, ApiError) and error is not ApiError
    ]

    words = {error.__name__: error.kind for error in kinds}
    assert words.pop("UnreadableBodyError") == words["InvalidResponseError"]
    assert len(set(words.values())) == len(words)
    assert ApiError.kind not in words.values()


def test_a_status_error_names_status_and_code() -> None:
    assert str(errors.StatusError(404)) == "the API answered 404"
    assert str(errors.StatusError(400, "BAD_DATE")) == "the API answered 400 (BAD_DATE)"
