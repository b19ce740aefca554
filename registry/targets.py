"""What follows from the targets that a package says it supports. Pure: the policy of deployments asks here."""

from collections.abc import Sequence

from registry import cdaf

_MOST_NAMED = 8


def why_no_target(package: str, environment: str, targets: Sequence[str]) -> str | None:
    """Why the script of `package` would do nothing in `environment`, and yet end with success.

    package      as people are told of it, for example `Patient UI 1.4.17`
    environment  what the script gets as its first argument
    targets      of the package version; empty where it says nothing, and then nothing is wrong
    """
    if not targets or cdaf.targets_for(environment, targets):
        return None
    sentences = [f"{package} has no settings for {environment}: it supports {_listed(targets)}."]
    if other := _in_another_case(environment, targets):
        sentences.append(f"It is written {other} there.")
    sentences.append("Its script would end without doing anything.")
    sentences.append(f"Push a version with settings for {environment}, or deploy it elsewhere.")
    return " ".join(sentences)


def _in_another_case(environment: str, targets: Sequence[str]) -> str | None:
    """How the package writes this environment, where only upper and lower case differ."""
    near = [target for target in targets if target.casefold().startswith(environment.casefold())]
    return min(near, key=len)[: len(environment)] if near else None


def _listed(targets: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`, or the first of many and how many more."""
    named = list(targets)
    if len(named) > _MOST_NAMED:
        named = [*named[:_MOST_NAMED], f"{len(named) - _MOST_NAMED} more"]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
