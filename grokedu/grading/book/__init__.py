"""The records: the ledger, nbgrader's gradebook, and scores out of them."""
