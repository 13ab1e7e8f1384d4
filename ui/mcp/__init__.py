"""The tools that assistants call, by the Model Context Protocol."""
