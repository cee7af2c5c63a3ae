"""The cache of clients and responses, partitioned by caller: storage, reads, writes, policies."""
