"""The `adept` commands, a file per noun. They wire and print; what they print is decided elsewhere."""
