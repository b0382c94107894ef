"""Opens connections to RabbitMQ and reads the reasons in their errors."""

import logging
from typing import Any

import pika
from pika import spec
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorException,
    AMQPConnectorPhaseErrorBase,
)
from pika.exceptions import AMQPConnectionError

CONNECT_SECONDS = 10.0

log = logging.getLogger(__name__)


class _TolerantProperties(spec.BasicProperties):
    """Properties that are empty if they can't be decoded.

    For example, a header's time in milliseconds lies beyond Python's years. An error here would end
    the worker, and then each worker to which RabbitMQ delivers the message next.
    """

    def decode(self, encoded: bytes, offset: int = 0) -> Any:
        try:
            return super().decode(encoded, offset)
        except Exception as error:
            log.warning("a message's properties can't be decoded: %s", error)
            vars(self).update(vars(spec.BasicProperties()))
            return self


# The table by which pika decodes the properties of a message.
spec.props[spec.Basic.INDEX] = _TolerantProperties


def connect(parameters: pika.URLParameters) -> pika.BlockingConnection:
    try:
        return pika.BlockingConnection(parameters)
    except (OSError, AMQPConnectorException) as error:
        # for example an unknown host, a refused certificate, a handshake that hangs
        raise AMQPConnectionError(error) from error


def url_parameters(url: str, *, heartbeat: int) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = heartbeat
    parameters.socket_timeout = 5
    parameters.stack_timeout = CONNECT_SECONDS
    parameters.blocked_connection_timeout = 30
    return parameters


def reason(error: BaseException) -> str:
    """The text of the innermost error. pika nests errors, and some of them have no text."""
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
