"""The frames of docs/protocol.md: u32 big-endian N, u8 type, N - 1 bytes of payload."""
from __future__ import annotations

from json import JSONDecoder, JSONEncoder, loads
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

MAX_LENGTH = 17 * 1024 * 1024

# worker to host
SETUP, RUN, RENEW, CANCEL, STOP, STATE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
# host to worker
READY, STARTED, RESULT, OUTPUT, ENDED, FATAL = 0x11, 0x12, 0x13, 0x14, 0x15, 0x1F
# a run to its result descriptor
REPORT, LASTERROR, WARNING, RAW, FINISHED, NEW_STATE = 0x21, 0x22, 0x23, 0x24, 0x25, 0x26
LOADED, PASS_BEGAN, PASS_ENDED = 0x27, 0x28, 0x29  # of a resident

TO_HOST = frozenset((SETUP, RUN, RENEW, CANCEL, STOP, STATE))
FROM_HOST = frozenset((READY, STARTED, RESULT, OUTPUT, ENDED, FATAL))
FROM_RUN = frozenset((REPORT, LASTERROR, WARNING, RAW, FINISHED, NEW_STATE, LOADED, PASS_BEGAN, PASS_ENDED))

HEADER = Struct('>IB')
RESULT_HEADER = Struct('>IBI')
OUTPUT_HEADER = Struct('>IBIB')
_LENGTH = Struct('>I')

_encode = JSONEncoder(separators=(',', ':')).encode
_scan = JSONDecoder().scan_once


class FrameError(Exception):
    """A broken stream. `code` is stable: the golden frames name it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def frame(kind: int, payload: bytes) -> bytes:
    """One frame. Raises FrameError when the payload is over the limit."""
    length = len(payload) + 1
    if length > MAX_LENGTH:
        raise FrameError('too-long', 'a frame of {} bytes is over the limit of {}'.format(length, MAX_LENGTH))
    return HEADER.pack(length, kind) + payload


def message(kind: int, value: Any) -> bytes:
    """A frame whose payload is JSON; pure ASCII, so that lone surrogates in user text can't break it."""
    return frame(kind, _encode(value).encode('ascii'))


def result_frame(run: int, data: bytes) -> bytes:
    return RESULT_HEADER.pack(len(data) + 5, RESULT, run) + data


def output_frame(run: int, stream: int, data: bytes) -> bytes:
    return OUTPUT_HEADER.pack(len(data) + 6, OUTPUT, run, stream) + data


def state_of(payload: bytes) -> tuple[int, bytes]:
    """The run and the bytes of a `state` frame."""
    if len(payload) < 4:
        raise FrameError('does-not-fit', 'a state without its run')
    return _LENGTH.unpack_from(payload)[0], payload[4:]


def parse(payload: bytes) -> dict[str, Any]:
    """The JSON object of a payload."""
    try:
        text = payload.decode('utf-8')
    except UnicodeDecodeError as error:
        raise FrameError('bad-utf8', 'a payload is not UTF-8: {}'.format(error)) from None
    try:
        try:
            value, end = _scan(text, 0)  # what loads() does in the end; every order passes here
        except StopIteration:
            end = -1
        if end != len(text):
            value = loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError('bad-json', 'a payload is not JSON: {}'.format(error)) from None
    if not isinstance(value, dict):
        raise FrameError('not-an-object', 'a payload is JSON, but not an object')
    return value


class Decoder:
    """Turns pieces of a stream into frames.

    feed() takes what came; frames() yields each whole frame once and raises FrameError at the first fault, which it
    sees as early as the header shows it. After a FrameError the stream is broken for good.
    """

    def __init__(self, kinds: frozenset[int], limit: int = MAX_LENGTH) -> None:
        self._kinds = kinds
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def frames(self) -> Iterator[tuple[int, bytes]]:
        buffer = self._buffer
        while len(buffer) >= 4:
            (length,) = _LENGTH.unpack_from(buffer)
            if length == 0:
                raise FrameError('length-zero', 'a frame of length 0')
            if length > self._limit:
                raise FrameError('too-long', 'a frame of {} bytes is over the limit of {}'.format(length, self._limit))
            if len(buffer) < 5:
                return
            kind = buffer[4]
            if kind not in self._kinds:
                raise FrameError('unknown-type', 'a frame of unknown type 0x{:02x}'.format(kind))
            if len(buffer) < 4 + length:
                return
            payload = bytes(buffer[5:4 + length])
            del buffer[:4 + length]
            yield kind, payload

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)
