"""What the cache holds, behind fencing tokens and within a bound in bytes."""
