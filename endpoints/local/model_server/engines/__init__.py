"""What generates the tokens: mistralrs in this process, or an OpenAI-compatible server by URL."""
