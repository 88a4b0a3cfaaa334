from tests.ledger.conftest import bench, make, place

__all__ = ["bench", "make", "place"]
