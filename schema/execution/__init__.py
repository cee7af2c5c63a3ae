"""From a document to data: parsing, limits, cost, plans and their execution."""
