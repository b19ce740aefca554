"""Messages go through our application, from whichever thread they are sent."""

from concurrent.futures import ThreadPoolExecutor

from celery import current_app

from config.celery import app


def test_every_thread_rings_through_the_application_that_the_settings_describe() -> None:
    with ThreadPoolExecutor(1) as pool:
        name = pool.submit(lambda: current_app.main).result()

    assert name == app.main == "signalbox"
