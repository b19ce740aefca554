"""What a server asks for with Retry-After."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 24 * 60 * 60  # seconds: whoever asks for more is asked again the next day


def seconds_from(stated: str) -> int | None:
    """How long to wait, from seconds or a date as the header states it (RFC 9110 §10.2.3), at most LONGEST and never less
    than 0; None where it states neither."""
    stated = stated.strip()
    if stated.isascii() and stated.isdigit():
        return bounded(int(stated[:15]))
    try:
        moment = parsedate_to_datetime(stated)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return bounded((moment - datetime.now(UTC)).total_seconds())


def bounded(seconds: float) -> int:
    """Whole seconds, rounded up, within the same limits."""
    return min(max(math.ceil(seconds), 0), LONGEST)
