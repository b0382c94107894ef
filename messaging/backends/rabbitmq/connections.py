"""Connections to RabbitMQ, and what their errors say."""

import logging
import struct
from typing import Any

import pika
from pika import frame, spec
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorException,
    AMQPConnectorPhaseErrorBase,
)
from pika.exceptions import AMQPConnectionError, InvalidFrameError
from pika.spec import BasicProperties

_CONNECT_SECONDS = 10.0

log = logging.getLogger(__name__)


def connect(parameters: pika.URLParameters) -> pika.BlockingConnection:
    try:
        return pika.BlockingConnection(parameters, _impl_class=_Reading)  # type: ignore[arg-type]
    except (OSError, AMQPConnectorException) as error:
        # An unknown host, a refused certificate, a handshake that hangs: no errors of AMQP's.
        raise AMQPConnectionError(error) from error


def url_parameters(url: str, *, heartbeat: int) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = heartbeat
    parameters.socket_timeout = 5
    parameters.stack_timeout = _CONNECT_SECONDS
    parameters.blocked_connection_timeout = 30
    return parameters


def reason(error: BaseException) -> str:
    """pika's errors often hide the cause some levels down, and some say nothing at all."""
    while inner := _inner(error):
        error = inner
    return str(error) or type(error).__name__


def _inner(error: BaseException) -> BaseException | None:
    if isinstance(error, AMQPConnectionWorkflowFailed):
        return error.exceptions[-1]
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        return error.exception
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, Exception) else None


class _Reading(pika.SelectConnection):
    """Takes a message whose properties can't be decoded for one that has none.

    A header's time in milliseconds, for instance, lies beyond Python's years. Raised here it would
    end the worker, and then each that is handed the message next.
    """

    _frame_buffer: bytes

    def _read_frame(self) -> Any:
        """Called by pika, whose connections read by it."""
        try:
            return super()._read_frame()  # type: ignore[misc]
        except InvalidFrameError:
            raise
        except Exception as error:
            kind, channel, size = struct.unpack_from(">BHL", self._frame_buffer)
            if kind != spec.FRAME_HEADER:
                raise
            log.warning("a message's properties can't be read: %s", error)
            _, _, body_size = struct.unpack_from(">HHQ", self._frame_buffer, spec.FRAME_HEADER_SIZE)
            length = spec.FRAME_HEADER_SIZE + size + spec.FRAME_END_SIZE
            return length, frame.Header(channel, body_size, BasicProperties())
