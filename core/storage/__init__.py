"""What outlives the process: conversations as rows, pictures as files."""
