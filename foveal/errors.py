"""One tree of errors. Each has a stable ``code``, says whether a retry can help, and what to do about it.

The command line prints ``message`` and ``remedy`` and exits with ``exit_code``; nobody sees a stack trace.
"""

from __future__ import annotations


class FovealError(Exception):
    """Base of everything Foveal raises on purpose."""

    code = "error"
    retryable = False
    exit_code = 4
    default_remedy = ""
    run_id: str | None = None
    """The run that this ended, when it was kept and can be resumed."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = self.default_remedy if remedy is None else remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UserError(FovealError):
    """The caller gave something that cannot work."""

    code = "user_error"
    exit_code = 2


class BadImage(UserError):
    code = "bad_image"
    default_remedy = "Give a PNG, JPEG, WebP, GIF, BMP or TIFF picture."


class BadConfig(UserError):
    code = "bad_config"


class BadQuestion(UserError):
    code = "bad_question"


class BadInput(UserError):
    code = "bad_input"


class PolicyError(FovealError):
    """Refused on purpose."""

    code = "policy"
    exit_code = 3


class BlockedUrl(PolicyError):
    """An address that is never opened: not public, not http, or not one that a search, a page or the user gave."""

    code = "blocked_url"
    default_remedy = "Only public http and https addresses that a search, a page or you gave are opened."


class RobotsDenied(PolicyError):
    """The site asks programs not to read this page."""

    code = "robots_denied"
    default_remedy = "Open it yourself, or set `robots` to false if you may."


class PrivateQuery(PolicyError):
    """A query or address would tell the web what stands in a private collection."""

    code = "private_query"


class BackendError(FovealError):
    """Something outside did not work; trying again may."""

    code = "backend"
    retryable = True


class BackendTimeout(BackendError):
    """It did not answer in time, or too slowly."""

    code = "backend_timeout"


class BackendDown(BackendError):
    """It cannot be reached: no network, no such host, connection refused or broken."""

    code = "backend_down"


class Throttled(BackendError):
    """It asked to be left alone for a while."""

    code = "throttled"
    retry_after: float | None = None
    """Seconds, if it said."""


class HttpRefused(BackendError):
    """A server answered that it will not or cannot give this: ``status`` is the HTTP status."""

    code = "http_refused"
    retryable = False
    status = 0


class BadResponse(BackendError):
    """What came is not what may come: too large, broken, packed in an unknown way, redirected too often."""

    code = "bad_response"
    retryable = False


class PageUnreadable(BackendError):
    """A page came, but there is nothing to read in it, or not within the limits."""

    code = "page_unreadable"
    retryable = False
    reason = ""
    """``empty content`` (a consent wall, a page made by scripts), ``too complex`` (over the limits) or ``damaged``."""


class ReplayMiss(FovealError):
    """A replay came to a call that is not in the recording."""

    code = "replay_miss"
    default_remedy = "Replay with the version, prompts and settings of the recording, or record anew."


class StorageFull(BackendError):
    code = "storage_full"
    retryable = False
    default_remedy = "Free some disk space and run the same command again: what was finished is kept."


class ModelError(FovealError):
    code = "model"


class ModelUnavailable(ModelError):
    code = "model_unavailable"


class WeightsCorrupt(ModelUnavailable):
    code = "weights_corrupt"


class ContextOverflow(ModelError):
    code = "context_overflow"


class ModelOutputError(ModelError):
    code = "model_output"


class ModelRefused(ModelOutputError):
    """The model, or a filter before it, would not answer."""

    code = "model_refused"
    default_remedy = "Ask in other words, or use another model."


class RequestRefused(ModelError):
    """The endpoint will not take such a request: a format, a parameter or a picture it does not know."""

    code = "request_refused"


class VisionUnsupported(ModelError):
    code = "vision_unsupported"


class IndexError_(FovealError):
    """The collection cannot be used as it is."""

    code = "index"


class IndexMissing(IndexError_):
    code = "index_missing"
    exit_code = 2


class IndexLocked(IndexError_):
    code = "index_locked"
    retryable = True


class IndexCorrupt(IndexError_):
    code = "index_corrupt"


class IndexMismatch(IndexError_):
    code = "index_mismatch"


class BudgetExceeded(FovealError):
    code = "budget_exceeded"


class RunMissing(UserError):
    """No run of that id is in the store."""

    code = "run_missing"
    default_remedy = "`foveal runs list` shows the runs that are kept."


class RunMismatch(UserError):
    """A run cannot be continued: it was begun by another version, or with another configuration or collection."""

    code = "run_mismatch"


class ThreadBusy(FovealError):
    """Another process, or another task of this one, works on the same run or session."""

    code = "thread_busy"
    retryable = True
    default_remedy = "Wait until it has finished; `foveal runs list` shows what is running."


class StoreUnavailable(BackendError):
    """The store of runs cannot be read or written."""

    code = "store_unavailable"
    retryable = False
    default_remedy = "Check the folder of `home`, or run with --no-persist, which keeps nothing."


class Cancelled(FovealError):
    code = "cancelled"
    exit_code = 130


ENDING = (Cancelled, ModelUnavailable, ReplayMiss, StorageFull, StoreUnavailable)
"""Errors that no branch of a run can live with: they end it, and the caller is told what to do."""
