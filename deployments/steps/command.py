"""What a kind of step hands to the runner."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """What to run: the command line (found in the run's `work` directory), its environment, what must never be shown,
    and a line that introduces it in the log."""

    line: list[str]
    environment: dict[str, str]
    secrets: set[str] = field(default_factory=set)
    introduction: str = ""


class StepRefused(Exception):
    """Raised when a step cannot be run at all; carries a sentence for people."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
