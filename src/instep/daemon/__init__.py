"""One folder's process: assembly, supervision, the status board, the local socket and its client."""
