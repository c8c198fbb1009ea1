"""What a worker does where its broker goes away: it stays, and connects again."""

import logging

from celery.worker.consumer import Consumer

logger = logging.getLogger(__name__)


class SteadyConsumer(Consumer):
    """Celery's consumer, which the end of a broker does not end.

    Celery 5.7 clears a lost connection and then closes it. Closing gives back the jobs in hand over a transport that
    is gone by then; the AttributeError of that is none of the errors that are expected of a connection, and would end
    the worker with every job it has in hand.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Forget the lost connection; jobs in hand go on, and come again after the visibility timeout."""
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError:
            logger.warning("the lost connection of the broker could not be closed in order", exc_info=exc)
