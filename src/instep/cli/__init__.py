"""The command line: one file per verb; each parses, asks the folder's process, and prints."""
