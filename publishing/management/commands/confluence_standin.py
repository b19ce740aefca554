"""`manage.py confluence_standin`: a Confluence to try things with."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from standins.confluence import server


class Command(BaseCommand):
    help = (
        "Serve a stand-in for Confluence, Cloud and Data Center at once, until Ctrl-C, and print what to enter on the page"
        " of the connection. Published pages can be read in a browser, with their macros. It is for trying and testing: its"
        " credentials are no secret, and it listens on this machine only."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=server.PORT, help=f"0: a free one (default: {server.PORT})")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--data", type=Path, help="file that keeps the pages; without it they are gone at the end")
        lag = f"seconds until a search finds a change (default: {server.SEARCH_LAG:g})"
        parser.add_argument("--search-lag", type=float, default=server.SEARCH_LAG, help=lag)

    def handle(self, *, port: int, host: str, data: Path | None, search_lag: float, **options: Any) -> None:
        server.run(port, host, data, search_lag)
