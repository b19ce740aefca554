"""Secrets are hidden in a stream of output, wherever it happens to be cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.masking import MASK, SHORTEST, Masker

LETTERS = st.text(alphabet="ab\né€😀", max_size=60)
SECRETS = st.lists(st.text(alphabet="ab\né€", min_size=1, max_size=9), max_size=4)
CUTS = st.lists(st.integers(min_value=0, max_value=250), max_size=12)
patiently = settings(deadline=None)  # a busy machine is no failure


def masked(output: bytes, *secrets: str) -> bytes:
    return Masker(secrets).feed(output, last=True)[0]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def fed(secrets: list[str], pieces: list[bytes]) -> list[tuple[bytes, int]]:
    masker = Masker(secrets)
    return [*(masker.feed(piece) for piece in pieces), masker.feed(b"", last=True)]


def is_text(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


# -- wherever it is cut -----------------------------------------------------------------------------------------------


@patiently
@given(text=LETTERS, secrets=SECRETS, places=CUTS)
def test_masking_in_pieces_gives_what_masking_the_whole_gives(text, secrets, places):
    data = text.encode()

    answers = fed(secrets, cut(data, places))

    assert b"".join(piece for piece, _ in answers) == masked(data, *secrets)


@patiently
@given(text=LETTERS, secrets=SECRETS)
def test_masking_byte_by_byte_gives_what_masking_the_whole_gives(text, secrets):
    data = text.encode()

    answers = fed(secrets, [data[n : n + 1] for n in range(len(data))])

    assert b"".join(piece for piece, _ in answers) == masked(data, *secrets)


@patiently
@given(data=st.binary(max_size=80), secrets=SECRETS, places=CUTS)
def test_output_that_is_no_text_at_all_is_masked_alike(data, secrets, places):
    answers = fed(secrets, cut(data, places))

    assert b"".join(piece for piece, _ in answers) == masked(data, *secrets)


@patiently
@given(text=LETTERS, secrets=SECRETS, places=CUTS)
def test_every_piece_ends_between_characters(text, secrets, places):
    answers = fed(secrets, cut(text.encode(), places))

    assert [piece for piece, _ in answers if not is_text(piece)] == []


@patiently
@given(text=LETTERS, secrets=SECRETS, places=CUTS)
def test_every_raw_byte_is_accounted_for_once(text, secrets, places):
    data = text.encode()

    answers = fed(secrets, cut(data, places))

    assert sum(used for _, used in answers) == len(data)


@patiently
@given(text=LETTERS, secrets=SECRETS, places=CUTS)
def test_whoever_goes_on_after_any_piece_gives_the_same(text, secrets, places):
    """A successor starts anew behind the bytes that were accounted for."""
    data = text.encode()
    masker = Masker(secrets)
    first = [masker.feed(piece) for piece in cut(data, places)[:-1]]
    done = sum(used for _, used in first)

    rest = Masker(secrets).feed(data[done:], last=True)[0]

    assert b"".join(piece for piece, _ in first) + rest == masked(data, *secrets)


@patiently
@given(text=LETTERS, secret=st.text(alphabet="ab€", min_size=SHORTEST, max_size=9))
def test_a_secret_is_not_in_what_is_handed_out(text, secret):
    assert secret.encode() not in masked(f"{text}{secret}{text}".encode(), secret)


# -- what is hidden ---------------------------------------------------------------------------------------------------


def test_a_secret_is_hidden_wherever_it_stands():
    assert masked(b"hunter2 in the middle: hunter2, and hunter2", "hunter2") == (
        b"****** in the middle: ******, and ******"
    )


def test_the_mask_does_not_tell_how_long_the_secret_is():
    assert masked(b"abcd abcdefghijklmnop", "abcdefghijklmnop", "abcd") == MASK + b" " + MASK


def test_of_two_secrets_that_begin_alike_the_longer_is_hidden_whole():
    assert masked(b"password123!", "password", "password123") == b"******!"


def test_a_secret_of_several_lines_is_hidden_whole():
    assert masked(b"key: -----BEGIN\nabcdef\nEND-----\n", "-----BEGIN\nabcdef\nEND-----") == b"key: ******\n"


@pytest.mark.parametrize("printed", [b"abcdef", b"  abcdef  \r\n", b"-----BEGIN\r\nabcdef\r\n"])
def test_a_line_of_a_secret_of_several_lines_is_hidden_by_itself(printed):
    assert b"abcdef" not in masked(printed, "-----BEGIN\nabcdef\nEND-----")


def test_short_values_are_left_alone():
    assert masked(b"yes 123 no", "yes", "123", "no", "") == b"yes 123 no"


def test_the_shortest_value_that_is_hidden_has_four_characters():
    assert masked(b"abcd", "abcd") == MASK


def test_short_lines_of_a_secret_of_several_lines_are_left_alone():
    assert masked(b"{ and }", "{\n  password: hunter2\n}") == b"{ and }"


def test_a_secret_is_text_and_not_a_pattern():
    assert masked(b"a.c+ abbc+ a.c+", "a.c+") == b"****** abbc+ ******"


def test_a_secret_that_is_not_ascii_is_hidden():
    assert masked("Schlüssel: grünkohl".encode(), "grünkohl") == "Schlüssel: ******".encode()


def test_without_secrets_everything_comes_through_at_once():
    assert Masker().feed(b"anything at all") == (b"anything at all", 15)


# -- what is held back ------------------------------------------------------------------------------------------------


def test_only_what_could_become_a_secret_is_held_back():
    assert Masker(["hunter2"]).feed(b"the hunt") == (b"the ", 4)


def test_what_turns_out_to_be_no_secret_is_handed_out():
    masker = Masker(["hunter2"])
    masker.feed(b"the hunt")

    assert masker.feed(b"ing season") == (b"hunting season", 14)


def test_the_beginning_of_a_secret_at_the_very_end_is_handed_out():
    masker = Masker(["hunter2"])
    masker.feed(b"the hunt")

    assert masker.feed(b"", last=True) == (b"hunt", 4)
