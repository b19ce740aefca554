"""How the rooms are put together: settings, addresses, workers. `celery -A config` finds its application here by name."""
