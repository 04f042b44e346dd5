"""The kernel: inotify, leases, renames that lose nothing, durable writes."""
