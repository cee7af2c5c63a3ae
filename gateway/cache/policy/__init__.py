"""The rules of the cache: how long values are fresh, what is learned of lists, who pays."""
