"""What a conversation is: the request, the message with its versions, and why one failed."""
