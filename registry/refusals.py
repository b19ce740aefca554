"""The one family of refusals of this app: each carries a code for machines and one plain sentence for people."""


class RegistryRefused(Exception):
    """What was asked for is refused. `sentence` is shown unchanged on every door; `code` is stable."""

    code = "refused"

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or type(self).code


class StorageFull(RegistryRefused):
    """There is no room for the bytes. Nothing of them is left."""

    code = "storage-full"


class StorageAway(RegistryRefused):
    """The place where packages lie does not answer, or refuses. What lies there is not known to be lost."""

    code = "storage-away"
