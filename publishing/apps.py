"""What is told to the outside: Confluence pages and messages, made to match what is true."""

from django.apps import AppConfig


class Publishing(AppConfig):
    name = "publishing"
