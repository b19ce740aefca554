"""Who asks, and what they may."""

from dataclasses import dataclass, field

from standins.confluence.content import Page

EMAIL = "signalbox@example.org"
TOKEN = "stand-in-token"  # it opens nothing but a stand-in on this machine


@dataclass
class Account:
    """Somebody whom the wiki knows. `hidden` and `read_only` are keys of spaces, and may be changed at any time."""

    name: str
    email: str = EMAIL
    token: str = TOKEN
    hidden: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    sees_restricted: bool = False

    def may_see(self, space: str) -> bool:
        return space not in self.hidden

    def may_see_page(self, page: Page) -> bool:
        return self.may_see(page.space) and (self.sees_restricted or not page.restricted)

    def may_write(self, space: str) -> bool:
        return self.may_see(space) and space not in self.read_only


PERSON = Account(name="A person", email="", token="", sees_restricted=True)  # nobody signs in as this one
