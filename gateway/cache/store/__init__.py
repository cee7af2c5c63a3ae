"""Storage of the cache: entries behind fencing tokens, bounded in bytes."""
