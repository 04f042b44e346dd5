"""What is out there and how it is reached: links between instep processes."""
