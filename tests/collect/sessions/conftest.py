from tests.ledger.conftest import bench, make

__all__ = ["bench", "make"]
