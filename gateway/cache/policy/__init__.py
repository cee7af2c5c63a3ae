"""Policies of the cache: freshness, facts learned about lists, attribution of cost."""
