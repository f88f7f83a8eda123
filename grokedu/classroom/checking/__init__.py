"""Check an answer: call it on cases, compare what it returns, and give a verdict."""
