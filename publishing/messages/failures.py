"""How sending can come to nothing."""

from enum import Enum


class Then(Enum):
    """What follows from it."""

    LATER = "it is tried again"
    NEVER = "this one will never be taken, and the next has its turn"
    PARKED = "nothing will be taken until an administrator acts"
    AWAY = "the mail server takes nothing from anybody just now"


class SendingFailed(Exception):
    """Carries a sentence that may be shown to people, and what follows.

    retry_after  seconds that the other side asked for, if it did
    """

    def __init__(self, sentence: str, then: Then, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.then, self.retry_after = sentence, then, retry_after
