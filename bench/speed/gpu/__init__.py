"""The measurements that need a GPU."""
