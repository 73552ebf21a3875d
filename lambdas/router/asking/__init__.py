"""Getting a request its answer from candidates that may fail in every way.

answering    turn by turn until one answers, the first turn hedged where the use case wants that
run          whose turn it is: first all, then those again whose fault passes, at last the least bad
attempts     one attempt, and what all requests share
repetitions  whom to ask again, and not before when
backoff, hedging, breaker, breakers, shared_breakers
             how long to wait, how many second attempts, whom to leave alone, also by what other processes found
live_stream  a stream from its first piece to its end; what breaks it after its beginning is told in it
failed       the failures of all attempts -> one error
shadow       another candidate's answer besides, for comparison
"""
