from tests.deployments.conftest import own_worker, yard

__all__ = ["own_worker", "yard"]
