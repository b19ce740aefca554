"""What is told to the outside is configured here, and how it stands is looked at; each subject in a module of its own."""

from publishing.admin import confluence, messages, pages

__all__ = ["confluence", "messages", "pages"]
