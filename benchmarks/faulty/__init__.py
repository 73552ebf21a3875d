"""The parts of `benchmarks/faults.py`: one fault at a time, the same one to every gateway.

case       a fault, what is asked of a gateway under it, and what is captured: values
wire       answers and streams as bytes, in SageMaker's protocol and in OpenAI's
cases      all faults
upstream   the candidates: scripted, in both protocols, with a record of what they saw
caller     one request, and everything that came of it
stream     what a caller's client reads out of a stream
judge      facts -> verdict; pure
gateways   how each is set up and started
run        all cases, all gateways
report     the table and the document
"""
