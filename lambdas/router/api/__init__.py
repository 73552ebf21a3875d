"""The request schemas that callers speak and engines answer in. Pure: no input or output, no clock but for `created`.

chat, completions, generate
               a request of each schema: checked, rendered for a candidate's engine, its answer read
conversation, sampling, tools, response_format
               parts of requests: check, say what an engine cannot do, render for it
unsupported, context
               candidates that cannot answer a request, and why
answer_form    what an answer's form depends on
chat_answer, completion_answer
               whole answers in OpenAI's shape
openai_reader, chat_reader, completion_reader, generate_reader
               streamed answers, event by event
chat_shapes, call_stream, stop_text, endings, envelope
               parts of answers
"""
